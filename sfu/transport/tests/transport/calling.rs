//! The peer is the DTLS server: we send the ClientHello.

use std::time::Duration;

use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use sfu_model::{CloseReason, DataChannel, DataChannelOpener, DtlsRole, Fingerprint, LinkProtocol};
use sfu_transport::TransportEvent;

use crate::world::World;

const CONNECTED: TransportEvent = TransportEvent::Connected {
    protocol: LinkProtocol::Udp,
};

/// Payload protocol identifiers (RFC 8831 section 8).
const DCEP: u32 = 50;
const BINARY: u32 = 53;

const FAILED: TransportEvent = TransportEvent::Closed(CloseReason::HandshakeFailed);

#[test]
fn media_passes_both_ways() {
    let profiles = [
        SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
        SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
    ];
    let mut packet = vec![0x80, 0xE0, 0, 1, 0, 0, 0, 9, 0xCA, 0xFE, 0, 1];
    packet.extend_from_slice(&[7; 300]);
    for profile in profiles {
        let mut world = World::with_role(DataChannelOpener::Server, &[profile], DtlsRole::Client);
        world.connect();
        assert!(world.saw(&CONNECTED));
        let (mut sealer, mut opener) = world.client.srtp();
        let mut up = sealer.encrypt_rtp(&packet).unwrap().to_vec();
        let len = world.server.open_rtp(world.now, &mut up).unwrap();
        assert_eq!(up[..len], packet);
        let mut down = packet.clone();
        world.server.seal_rtp(&mut down, 0).unwrap();
        assert_eq!(opener.decrypt_rtp(&down).unwrap().to_vec(), packet);
    }
}

#[test]
fn aes_128_gcm_is_what_we_offer_first() {
    let mut world = World::calling(DataChannelOpener::Server);
    world.connect();
    let profile = SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm;
    assert_eq!(world.client.profile(), profile);
}

#[test]
fn a_fifth_of_the_datagrams_may_be_lost() {
    for seed in 0..40 {
        let mut world = World::calling(DataChannelOpener::Server);
        world.loss = 20;
        world.random.0 = seed;
        world.connect();
        assert!(world.saw(&CONNECTED), "seed {seed}");
    }
}

#[test]
fn our_channels_open_on_even_streams_and_carry_messages() {
    let mut world = World::calling(DataChannelOpener::Server);
    world.connect();
    world.run_until(Duration::from_secs(5), |world| {
        world.client.inbox.len() == 3
    });
    let streams: Vec<u16> = world.client.inbox.iter().map(|message| message.0).collect();
    assert_eq!(streams, [0, 2, 4]);
    // Pion's acknowledgement: RFC 8832 section 5.2 has one byte.
    world.client.send(0, DCEP, &[2, 0, 0, 0]);
    world.exchange();
    let now = world.now;
    world
        .server
        .send_data(now, DataChannel::Reliable, b"down"[..].into())
        .unwrap();
    world.exchange();
    let arrived = world.client.inbox.last();
    assert_eq!(arrived, Some(&(0, BINARY, b"down".to_vec())));
}

#[test]
fn the_client_hello_waits_for_a_path() {
    let mut world = World::calling(DataChannelOpener::Server);
    let mut buf = Vec::new();
    world.describe();
    world.pass(Duration::from_secs(30));
    assert_eq!(world.server.poll_timeout(), None);
    world.nominate(world.path).unwrap();
    assert!(world.server.poll_transmit(world.now, &mut buf));
}

#[test]
fn the_client_hello_waits_for_the_description() {
    let mut world = World::calling(DataChannelOpener::Server);
    let mut buf = Vec::new();
    world.nominate(world.path).unwrap();
    assert!(!world.server.poll_transmit(world.now, &mut buf));
    world.describe();
    assert!(world.server.poll_transmit(world.now, &mut buf));
    world.nominate(world.path).unwrap();
    assert!(!world.server.poll_transmit(world.now, &mut buf), "one");
}

#[test]
fn another_certificate_than_the_announced_one_is_refused() {
    let mut world = World::calling(DataChannelOpener::Server);
    world.client.fingerprint = Fingerprint([7; 32]);
    world.describe();
    world.nominate(world.path).unwrap();
    world.exchange();
    assert_eq!(world.events, [FAILED]);
}

#[test]
fn a_peer_that_does_not_answer_fails_after_a_minute() {
    let mut world = World::calling(DataChannelOpener::Server);
    world.describe();
    let mut buf = Vec::new();
    let mut hellos = 0;
    for _ in 0..61 {
        world.nominate(world.path).ok();
        while world.server.poll_transmit(world.now, &mut buf) {
            hellos += 1;
        }
        assert!(!world.saw(&FAILED));
        world.pass(Duration::from_secs(1));
        if world.saw(&FAILED) {
            break;
        }
    }
    assert_eq!(world.events, [FAILED]);
    assert!((4..=8).contains(&hellos), "{hellos}");
}

#[test]
fn the_peer_closes_and_so_do_we() {
    let mut world = World::calling(DataChannelOpener::Server);
    world.connect();
    world.server.close(world.now);
    world.exchange();
    assert!(world.client.closed);
    let mut world = World::calling(DataChannelOpener::Server);
    world.connect();
    world.client.dtls.close(world.now.mono).unwrap();
    world.exchange();
    let closed = TransportEvent::Closed(CloseReason::ClosedByPeer);
    assert_eq!(world.events.last(), Some(&closed));
}

#[test]
fn bytes_that_are_no_flight_of_a_server_do_not_panic() {
    for seed in 0..200 {
        let mut world = World::calling(DataChannelOpener::Server);
        world.random.0 = seed;
        world.describe();
        world.nominate(world.path).unwrap();
        let mut buf = Vec::new();
        for _ in 0..3 {
            while world.server.poll_transmit(world.now, &mut buf) {
                world.client.handle(world.now, &buf);
            }
            while let Some(mut datagram) = world.client.poll_transmit(world.now) {
                for _ in 0..world.random.below(3) {
                    let at = world.random.below(datagram.len());
                    datagram[at] = world.random.bytes(1)[0];
                }
                world
                    .server
                    .handle_dtls(world.now, world.path, &datagram)
                    .ok();
            }
            world.collect();
        }
        let fault = TransportEvent::Closed(CloseReason::InternalFault);
        assert!(!world.saw(&fault), "seed {seed}");
    }
}
