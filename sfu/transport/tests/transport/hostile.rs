//! What a peer, or somebody who spoofs its address, may try. The tests named `s1` to `s7` are the remotely
//! triggerable faults that were found in another stack; here they are unreachable. S2 is beside the SRTP
//! receiver, which can count its streams.

use std::time::Duration;

use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use sfu_model::{CloseReason, DataChannel, DataChannelOpener};
use sfu_transport::{DropReason, StunOutcome, TransportEvent, classify};

use crate::world::{Lcg, World, path, start};

const FAULT: TransportEvent = TransportEvent::Closed(CloseReason::InternalFault);
const BINARY: u32 = 53;

fn with_channel() -> World {
    let mut world = World::connected(DataChannelOpener::Peer);
    world.client.open(0, 0, "_reliable");
    world.exchange();
    world.events.clear();
    world
}

/// An SCTP packet with the right ports, tag and checksum.
fn sctp(world: &World, chunks: &[u8]) -> Vec<u8> {
    let mut packet = world.client.sctp_header.to_vec();
    packet.extend_from_slice(&[0; 4]);
    packet.extend_from_slice(chunks);
    checksum(&mut packet);
    packet
}

/// Writes CRC-32C (RFC 9260 appendix A) over a checksum of zero.
fn checksum(packet: &mut [u8]) {
    packet[8..12].copy_from_slice(&[0; 4]);
    let mut crc = u32::MAX;
    for byte in &*packet {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ ((crc & 1) * 0x82F6_3B78);
        }
    }
    packet[8..12].copy_from_slice(&(!crc).to_le_bytes());
}

fn send_sctp(world: &mut World, chunks: &[u8]) {
    let packet = sctp(world, chunks);
    let now = world.now;
    world.client.write_raw(now, &packet);
    world.exchange();
}

#[test]
fn s1_srtcp_that_says_it_is_not_encrypted_is_dropped() {
    for profile in [
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
        SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
    ] {
        let mut world = World::with_profiles(DataChannelOpener::Peer, &[profile]);
        world.connect();
        let pli = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
        let index = [0, 0, 0, 9];
        for forged in [
            [&pli[..], &index, &[0; 10]].concat(),
            [&pli[..], &[0; 16], &index].concat(),
        ] {
            let opened = world.server.open_rtcp(world.now, &mut forged.clone());
            assert!(opened.is_err(), "{opened:?}");
        }
    }
    let mut world = World::with_profiles(
        DataChannelOpener::Peer,
        &[SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80],
    );
    world.connect();
    let mut forged = [&[0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2][..], &[0; 14]].concat();
    let opened = world.server.open_rtcp(world.now, &mut forged);
    assert_eq!(opened, Err(DropReason::SrtcpUnencrypted));
}

#[test]
fn s3_an_error_cause_longer_than_its_chunk_ends_at_most_the_peer() {
    for kind in [6, 9] {
        let mut world = with_channel();
        send_sctp(&mut world, &[kind, 0, 0, 8, 0, 12, 0xFF, 0xFF]);
        send_sctp(&mut world, &[kind, 0, 0, 12, 0, 3, 0, 200, 1, 2, 3, 4]);
        assert!(!world.saw(&FAULT), "{:?}", world.events);
    }
}

#[test]
fn s4_a_forward_tsn_to_the_far_end_of_the_circle_costs_little() {
    let begin = start();
    let mut world = with_channel();
    for step in 1..=500_u32 {
        let tsn = step.wrapping_mul(0x7FFF_FFF0 / 3).to_be_bytes();
        let chunk = [192, 0, 0, 8, tsn[0], tsn[1], tsn[2], tsn[3]];
        send_sctp(&mut world, &chunk);
        if !world.server.is_connected() {
            world = with_channel();
        }
    }
    // The fault took up to four seconds for a single packet.
    assert!(start().mono - begin.mono < Duration::from_secs(20));
    assert!(!world.saw(&FAULT));
}

#[test]
fn s5_a_dcep_message_of_another_type_is_ignored() {
    let mut world = with_channel();
    for message in [&[0_u8][..], &[1], &[0, 0, 0], &[2, 0], &[3], &[255; 40]] {
        world.client.send(0, 50, message);
        world.exchange();
    }
    assert_eq!(world.events, []);
    assert_eq!(world.server.take_data_counts().ignored, 6);
    world.client.send(0, BINARY, b"alive");
    world.exchange();
    assert_eq!(world.events.len(), 1);
}

#[test]
fn s5b_a_nominating_check_is_answered_at_once_and_another_path_may_be_nominated_later() {
    let mut world = World::connected(DataChannelOpener::Peer);
    let request = world.check().bytes();
    let (outcome, reply) = world.stun(path("203.0.113.1:1"), &request);
    assert_eq!(outcome, Ok(StunOutcome::Validated { evicted: None }));
    assert!(!reply.is_empty());
    assert_eq!(world.server.path(), Some(path("203.0.113.1:1")));
}

#[test]
fn s6_an_unauthenticated_check_is_neither_a_sign_of_life_nor_a_conflict_of_roles() {
    let mut world = World::connected(DataChannelOpener::Peer);
    world.deaf.push(world.path);
    world.events.clear();
    for _ in 0..15 {
        let mut check = world.check();
        check.to.pwd.clear();
        for controlled in [false, true] {
            check.controlled = controlled;
            let (outcome, reply) = world.stun(world.path, &check.bytes());
            assert_eq!(outcome, Err(DropReason::StunUnauthenticated));
            assert_eq!(reply, []);
        }
        world.pass(Duration::from_secs(1));
    }
    let closed = TransportEvent::Closed(CloseReason::TimedOut);
    assert_eq!(world.events, [TransportEvent::Silent, closed]);
}

#[test]
fn s7_dtls_from_an_address_that_is_not_validated_is_not_read() {
    let mut world = World::new(DataChannelOpener::Peer);
    world.describe();
    let hello = world.client.poll_transmit(world.now).unwrap();
    let before = world.server.handle_dtls(world.now, world.path, &hello);
    assert_eq!(before, Err(DropReason::UnknownPath));
    world.nominate(world.path).unwrap();
    let stranger = path("203.0.113.66:6666");
    let racing = world.server.handle_dtls(world.now, stranger, &hello);
    assert_eq!(racing, Err(DropReason::UnknownPath));
    let mut reply = Vec::new();
    assert!(!world.server.poll_transmit(world.now, &mut reply));
}

#[test]
fn an_alert_in_the_clear_ends_nothing() {
    let mut world = World::new(DataChannelOpener::Peer);
    world.describe();
    world.nominate(world.path).unwrap();
    for state in ["handshake", "connected"] {
        for alert in [[2, 40], [1, 0]] {
            let forged = [
                21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 1, 0, 0, 2, alert[0], alert[1],
            ];
            let dropped = world.server.handle_dtls(world.now, world.path, &forged);
            assert_eq!(dropped, Err(DropReason::DtlsMalformed), "{state}");
        }
        world.connect();
    }
    assert!(world.server.is_connected());
}

#[test]
fn handshake_fragments_are_bounded_before_the_library_recurses_over_them() {
    let mut world = World::new(DataChannelOpener::Peer);
    world.describe();
    world.nominate(world.path).unwrap();
    let mut sent = 0_u16;
    let mut dropped = 0;
    for record in 0..300_u16 {
        let mut fragments = Vec::new();
        for _ in 0..100 {
            sent += 1;
            let offset = (16_384 - (sent % 16_384)).to_be_bytes();
            fragments.extend_from_slice(&[11, 0, 0x40, 0, 0, 1]);
            fragments.extend_from_slice(&[0, offset[0], offset[1], 0, 0, 1, 7]);
        }
        let len = u16::try_from(fragments.len()).unwrap().to_be_bytes();
        let number = record.to_be_bytes();
        let mut datagram = vec![22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, number[0], number[1]];
        datagram.extend_from_slice(&len);
        datagram.extend_from_slice(&fragments);
        let taken = world.server.handle_dtls(world.now, world.path, &datagram);
        dropped += usize::from(taken.is_err());
    }
    assert!(dropped >= 298, "{dropped}");
}

#[test]
fn data_on_thousands_of_streams_is_not_read() {
    let mut world = with_channel();
    world.server.take_data_counts();
    for stream in 1_024..3_000_u16 {
        let [high, low] = stream.to_be_bytes();
        let chunk = [
            0, 7, 0, 17, 9, 9, 9, 9, high, low, 0, 0, 0, 0, 0, 53, 1, 0, 0, 0,
        ];
        send_sctp(&mut world, &chunk);
    }
    assert_eq!(world.server.take_data_counts().ignored, 0);
    world.client.send(0, BINARY, b"alive");
    world.exchange();
    assert_eq!(world.events.len(), 1);
}

#[test]
fn a_flood_of_inits_makes_no_second_association() {
    let mut world = with_channel();
    for tag in 1..=200_u8 {
        let init = [
            1, 0, 0, 20, 0, 0, 0, tag, 0, 4, 0, 0, 4, 0, 4, 0, 0, 0, 0, 1,
        ];
        let mut packet = sctp(&world, &init);
        packet[4..8].copy_from_slice(&[0; 4]);
        checksum(&mut packet);
        let now = world.now;
        world.client.write_raw(now, &packet);
    }
    world.exchange();
    world.client.send(0, BINARY, b"alive");
    world.exchange();
    assert_eq!(world.events.len(), 1);
}

/// Hands any bytes to the entry point that a shard would choose.
fn deliver(world: &mut World, datagram: &mut [u8]) {
    use sfu_transport::PacketKind;
    let (now, from) = (world.now, world.path);
    match classify(datagram) {
        PacketKind::Stun => drop(world.stun(from, datagram)),
        PacketKind::Dtls => drop(world.server.handle_dtls(now, from, datagram)),
        PacketKind::Rtp => drop(world.server.open_rtp(now, datagram)),
        PacketKind::Rtcp => drop(world.server.open_rtcp(now, datagram)),
        PacketKind::Other => {}
    }
}

fn junk(random: &mut Lcg) -> Vec<u8> {
    let len = random.below(300);
    let mut junk = random.bytes(len);
    if let Some(first) = junk.first_mut() {
        let firsts = [0, 1, 20, 21, 22, 23, 63, 0x80, 0x90, 0xBF, 64, 255];
        *first = firsts[random.below(firsts.len())];
    }
    if random.below(2) == 0 && junk.len() > 13 {
        let content = u16::try_from(junk.len() - 13).unwrap().to_be_bytes();
        let epoch = u8::try_from(random.below(3)).unwrap();
        junk[1..5].copy_from_slice(&[0xFE, 0xFD, 0, epoch]);
        junk[11..13].copy_from_slice(&content);
    }
    junk
}

#[test]
fn junk_of_every_class_leaves_a_connected_transport_alive() {
    for seed in 0..10 {
        let mut world = with_channel();
        let mut random = Lcg(seed);
        for _ in 0..3_000 {
            deliver(&mut world, &mut junk(&mut random));
        }
        world.exchange();
        assert_eq!(world.events, [], "seed {seed}");
        world.client.send(0, BINARY, b"alive");
        world.exchange();
        let received = TransportEvent::DataReceived {
            channel: DataChannel::Reliable,
            message: b"alive"[..].into(),
        };
        assert_eq!(world.events, [received], "seed {seed}");
    }
}

#[test]
fn junk_before_the_description_leaves_a_transport_able_to_connect() {
    for seed in 0..10 {
        let mut world = World::new(DataChannelOpener::Peer);
        world.nominate(world.path).unwrap();
        let mut random = Lcg(seed);
        for _ in 0..1_000 {
            // DTLS that comes so early is kept, a few datagrams of it: real ones go first.
            let mut datagram = junk(&mut random);
            if classify(&datagram) != sfu_transport::PacketKind::Dtls {
                deliver(&mut world, &mut datagram);
            }
        }
        world.connect();
        assert!(world.server.is_connected(), "seed {seed}");
    }
}

fn flip_bits(random: &mut Lcg, datagram: &mut [u8]) {
    for _ in 0..=random.below(3) {
        let at = random.below(datagram.len());
        datagram[at] ^= 1 << random.below(8);
    }
}

#[test]
fn a_handshake_with_changed_datagrams_ends_without_a_fault() {
    for seed in 0..300 {
        let mut world = World::new(DataChannelOpener::Peer);
        world.describe();
        world.nominate(world.path).unwrap();
        let mut random = Lcg(seed);
        let mut buf = Vec::new();
        for _ in 0..20 {
            while let Some(mut datagram) = world.client.poll_transmit(world.now) {
                if random.below(3) == 0 {
                    flip_bits(&mut random, &mut datagram);
                }
                deliver(&mut world, &mut datagram);
            }
            while world.server.poll_transmit(world.now, &mut buf) {
                world.client.handle(world.now, &buf);
            }
            world.pass(Duration::from_millis(500));
        }
        assert!(!world.saw(&FAULT), "seed {seed}");
    }
}

#[test]
fn changed_datagrams_of_a_connected_peer_are_dropped() {
    let mut world = with_channel();
    let mut random = Lcg(5);
    for round in 0..2_000 {
        world.client.send(0, BINARY, &[1; 50]);
        while let Some(mut datagram) = world.client.poll_transmit(world.now) {
            let whole = datagram.clone();
            let at = random.below(datagram.len());
            datagram[at] ^= 1 << random.below(8);
            deliver(&mut world, &mut datagram);
            deliver(&mut world, &mut whole.clone());
            deliver(&mut world, &mut whole.clone());
        }
        world.exchange();
        let received = world.events.drain(..).count();
        assert_eq!(received, 1, "round {round}");
    }
}
