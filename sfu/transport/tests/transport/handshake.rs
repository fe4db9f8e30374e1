use std::time::Duration;

use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use sfu_model::{CloseReason, DataChannelOpener, Fingerprint, LinkProtocol};
use sfu_transport::{DropReason, TransportEvent};

use crate::world::{World, path};

const CONNECTED: TransportEvent = TransportEvent::Connected {
    protocol: LinkProtocol::Udp,
};

#[test]
fn a_transport_moves_to_the_thread_of_its_shard() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&World::new(DataChannelOpener::Peer).server);
}

#[test]
fn a_client_connects_and_aes_128_gcm_is_chosen_though_it_prefers_aes_cm() {
    let world = World::connected(DataChannelOpener::Peer);
    assert!(world.saw(&CONNECTED));
    assert_eq!(
        world.client.profile(),
        SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm
    );
}

#[test]
fn a_client_without_aes_gcm_gets_aes_cm() {
    let profiles = [
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_32,
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
    ];
    let mut world = World::with_profiles(DataChannelOpener::Peer, &profiles);
    world.connect();
    assert_eq!(
        world.client.profile(),
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80
    );
}

#[test]
fn a_client_without_any_of_our_srtp_profiles_is_refused() {
    let profiles = [SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_32];
    let mut world = World::with_profiles(DataChannelOpener::Peer, &profiles);
    world.describe();
    world.nominate(world.path).unwrap();
    world.exchange();
    let failed = TransportEvent::Closed(CloseReason::HandshakeFailed);
    assert_eq!(world.events, [failed]);
}

#[test]
fn a_client_without_srtp_connects_for_its_data_channels() {
    let mut world = World::with_profiles(DataChannelOpener::Peer, &[]);
    world.connect();
    let opened = world.server.open_rtp(world.now, &mut [0x80; 40]);
    assert_eq!(opened, Err(DropReason::NoKeys));
}

#[test]
fn a_fifth_of_the_datagrams_may_be_lost() {
    for seed in 0..40 {
        let mut world = World::new(DataChannelOpener::Peer);
        world.loss = 20;
        world.random.0 = seed;
        world.connect();
        assert!(world.saw(&CONNECTED), "seed {seed}");
    }
}

#[test]
fn a_client_hello_that_overtakes_the_description_is_kept() {
    let mut world = World::new(DataChannelOpener::Peer);
    world.nominate(world.path).unwrap();
    let hello = world.client.poll_transmit(world.now).unwrap();
    let kept = world.server.handle_dtls(world.now, world.path, &hello);
    assert_eq!(kept, Ok(()));
    world.describe();
    let mut reply = Vec::new();
    assert!(world.server.poll_transmit(world.now, &mut reply));
}

#[test]
fn only_a_few_datagrams_wait_for_the_description() {
    let mut world = World::new(DataChannelOpener::Peer);
    world.nominate(world.path).unwrap();
    let hello = world.client.poll_transmit(world.now).unwrap();
    for _ in 0..4 {
        world
            .server
            .handle_dtls(world.now, world.path, &hello)
            .unwrap();
    }
    let dropped = world.server.handle_dtls(world.now, world.path, &hello);
    assert_eq!(dropped, Err(DropReason::TooEarly));
}

#[test]
fn another_certificate_than_the_announced_one_is_refused() {
    let mut world = World::new(DataChannelOpener::Peer);
    world.client.fingerprint = Fingerprint([7; 32]);
    world.describe();
    world.nominate(world.path).unwrap();
    world.exchange();
    let failed = TransportEvent::Closed(CloseReason::HandshakeFailed);
    assert_eq!(world.events, [failed]);
    let opened = world.server.open_rtp(world.now, &mut [0x80; 40]);
    assert_eq!(opened, Err(DropReason::NoKeys));
}

#[test]
fn a_handshake_that_does_not_end_fails_after_a_minute() {
    let mut world = World::new(DataChannelOpener::Peer);
    world.describe();
    world.nominate(world.path).unwrap();
    for _ in 0..59 {
        world.pass(Duration::from_secs(1));
        world.nominate(world.path).unwrap();
    }
    assert_eq!(world.events, []);
    world.pass(Duration::from_secs(1));
    let failed = TransportEvent::Closed(CloseReason::HandshakeFailed);
    assert_eq!(world.events, [failed]);
}

#[test]
fn a_transport_without_a_path_waits_for_the_session_above() {
    let mut world = World::new(DataChannelOpener::Peer);
    world.describe();
    assert_eq!(world.server.poll_timeout(), None);
    world.pass(Duration::from_secs(600));
    assert_eq!(world.events, []);
}

#[test]
fn a_client_hello_in_fragments_is_read() {
    let mut world = World::new(DataChannelOpener::Peer);
    world.describe();
    world.nominate(world.path).unwrap();
    let hello = world.client.poll_transmit(world.now).unwrap();
    let (record, message) = hello.split_at(13);
    let (header, body) = message.split_at(12);
    let cut = body.len() / 2;
    for (number, range) in [(0_u8, 0..cut), (1, cut..body.len())] {
        let mut fragment = header.to_vec();
        let offset = u16::try_from(range.start).unwrap().to_be_bytes();
        let len = u16::try_from(range.len()).unwrap().to_be_bytes();
        fragment[7..9].copy_from_slice(&offset);
        fragment[10..12].copy_from_slice(&len);
        fragment.extend_from_slice(&body[range]);
        let mut datagram = record.to_vec();
        datagram[10] = number;
        let len = u16::try_from(fragment.len()).unwrap().to_be_bytes();
        datagram[11..13].copy_from_slice(&len);
        datagram.extend_from_slice(&fragment);
        world
            .server
            .handle_dtls(world.now, world.path, &datagram)
            .unwrap();
    }
    let mut reply = Vec::new();
    assert!(world.server.poll_transmit(world.now, &mut reply));
}

#[test]
fn close_tells_the_client() {
    let mut world = World::connected(DataChannelOpener::Peer);
    world.events.clear();
    world.server.close(world.now);
    world.exchange();
    assert!(world.client.closed);
    assert_eq!(world.events, []);
    assert_eq!(world.server.poll_timeout(), None);
}

#[test]
fn a_client_that_closes_ends_the_transport() {
    let mut world = World::connected(DataChannelOpener::Peer);
    world.client.dtls.close(world.now.mono).unwrap();
    world.exchange();
    let closed = TransportEvent::Closed(CloseReason::ClosedByPeer);
    assert_eq!(world.events.last(), Some(&closed));
    let dropped = world.server.handle_dtls(world.now, world.path, &[22; 40]);
    assert_eq!(dropped, Err(DropReason::Closed));
}

#[test]
fn a_last_flight_that_was_lost_is_sent_again() {
    let mut world = World::new(DataChannelOpener::Peer);
    world.describe();
    world.nominate(world.path).unwrap();
    let mut buf = Vec::new();
    while !world.server.is_connected() {
        while let Some(datagram) = world.client.poll_transmit(world.now) {
            world
                .server
                .handle_dtls(world.now, world.path, &datagram)
                .unwrap();
        }
        if !world.server.is_connected() && world.server.poll_transmit(world.now, &mut buf) {
            world.client.handle(world.now, &buf);
        }
    }
    while world.server.poll_transmit(world.now, &mut buf) {}
    world.run_until(Duration::from_secs(5), |world| world.client.connected);
}

#[test]
fn a_client_hello_that_is_repeated_is_answered_at_once() {
    let mut world = World::new(DataChannelOpener::Peer);
    world.describe();
    world.nominate(world.path).unwrap();
    let mut buf = Vec::new();
    let mut hello = Vec::new();
    // A ClientHello, a cookie, and the ClientHello with it.
    for _ in 0..2 {
        hello = world.client.poll_transmit(world.now).unwrap();
        let taken = world.server.handle_dtls(world.now, world.path, &hello);
        assert_eq!(taken, Ok(()));
        assert!(world.server.poll_transmit(world.now, &mut buf));
        if world.client.poll_transmit(world.now).is_none() {
            world.client.handle(world.now, &buf);
        }
    }
    assert!(!world.server.poll_transmit(world.now, &mut buf));
    world.pass(Duration::from_millis(100));
    assert!(!world.server.poll_transmit(world.now, &mut buf));
    world
        .server
        .handle_dtls(world.now, world.path, &hello)
        .unwrap();
    assert!(world.server.poll_transmit(world.now, &mut buf));
}

#[test]
fn dtls_goes_on_when_the_client_changes_its_network() {
    let mut world = World::connected(DataChannelOpener::Peer);
    world.path = path("203.0.113.9:50000");
    world.nominate(world.path).unwrap();
    assert_eq!(world.server.path(), Some(world.path));
    world.client.open(0, 0, "_reliable");
    world.exchange();
    let opened = TransportEvent::DataChannelOpened(sfu_model::DataChannel::Reliable);
    assert!(world.saw(&opened));
}
