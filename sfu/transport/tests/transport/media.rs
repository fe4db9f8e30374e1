use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use sfu_model::DataChannelOpener;
use sfu_transport::{DropReason, RTCP_OVERHEAD, RTP_OVERHEAD, SealError};

use crate::world::World;

const PROFILES: [SrtpProtectionProfile; 3] = [
    SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
    SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
    SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
];

fn worlds() -> impl Iterator<Item = World> {
    PROFILES.into_iter().map(|profile| {
        let mut world = World::with_profiles(DataChannelOpener::Peer, &[profile]);
        world.connect();
        world
    })
}

/// A packet with a CSRC, a header extension and a payload.
fn rtp(sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x91, 0xE0];
    packet.extend_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&[0, 0, 0, 9, 0xCA, 0xFE, 0, 1, 0, 0, 0, 5]);
    packet.extend_from_slice(&[0xBE, 0xDE, 0, 1, 0x10, 0xAA, 0, 0]);
    packet.extend_from_slice(&[7; 300]);
    packet
}

fn rtcp() -> Vec<u8> {
    let mut packet = vec![0x80, 200, 0, 6, 0xCA, 0xFE, 0, 1];
    packet.extend_from_slice(&[3; 20]);
    packet
}

#[test]
fn we_open_what_another_stack_seals() {
    for mut world in worlds() {
        let (mut sealer, _) = world.client.srtp();
        // The sequence number wraps twice.
        for number in 0..3_000_u32 {
            let sequence = (number * 50 % 65_536) as u16;
            let mut sealed = sealer.encrypt_rtp(&rtp(sequence)).unwrap().to_vec();
            let len = world.server.open_rtp(world.now, &mut sealed).unwrap();
            assert_eq!(sealed[..len], rtp(sequence));
        }
        for _ in 0..3 {
            let mut sealed = sealer.encrypt_rtcp(&rtcp()).unwrap().to_vec();
            let len = world.server.open_rtcp(world.now, &mut sealed).unwrap();
            assert_eq!(sealed[..len], rtcp());
        }
    }
}

#[test]
fn another_stack_opens_what_we_seal() {
    for mut world in worlds() {
        let (_, mut opener) = world.client.srtp();
        for number in 0..3_000_u32 {
            let sequence = (number * 50 % 65_536) as u16;
            let mut buffer = vec![0xEE; 5];
            buffer.extend_from_slice(&rtp(sequence));
            let plain_len = buffer.len();
            world.server.seal_rtp(&mut buffer, 5).unwrap();
            assert!(buffer.len() - plain_len <= RTP_OVERHEAD);
            assert_eq!(buffer[..5], [0xEE; 5]);
            let opened = opener.decrypt_rtp(&buffer[5..]).unwrap();
            assert_eq!(opened.to_vec(), rtp(sequence));
        }
        for _ in 0..3 {
            let mut buffer = vec![0xEE; 5];
            buffer.extend_from_slice(&rtcp());
            let plain_len = buffer.len();
            world.server.seal_rtcp(&mut buffer, 5).unwrap();
            assert!(buffer.len() - plain_len <= RTCP_OVERHEAD);
            let opened = opener.decrypt_rtcp(&buffer[5..]).unwrap();
            assert_eq!(opened.to_vec(), rtcp());
        }
    }
}

#[test]
fn sealing_does_not_allocate_where_the_buffer_has_room() {
    for mut world in worlds() {
        let mut buffer = Vec::with_capacity(2_048);
        buffer.extend_from_slice(&rtp(1));
        let before = buffer.as_ptr();
        world.server.seal_rtp(&mut buffer, 0).unwrap();
        assert_eq!(buffer.as_ptr(), before);
    }
}

#[test]
fn an_earlier_packet_is_sealed_under_its_own_index_after_a_wrap() {
    for mut world in worlds() {
        let (_, mut opener) = world.client.srtp();
        for sequence in [65_533, 65_534, 65_535, 0, 1, 65_534] {
            let mut buffer = rtp(sequence);
            world.server.seal_rtp(&mut buffer, 0).unwrap();
            let opened = opener.decrypt_rtp(&buffer).unwrap();
            assert_eq!(opened.to_vec(), rtp(sequence));
        }
    }
}

#[test]
fn a_packet_is_taken_once() {
    for mut world in worlds() {
        let (mut sealer, _) = world.client.srtp();
        let sealed = sealer.encrypt_rtp(&rtp(1)).unwrap().to_vec();
        let control = sealer.encrypt_rtcp(&rtcp()).unwrap().to_vec();
        let server = &mut world.server;
        server.open_rtp(world.now, &mut sealed.clone()).unwrap();
        server.open_rtcp(world.now, &mut control.clone()).unwrap();
        let again = server.open_rtp(world.now, &mut sealed.clone());
        assert_eq!(again, Err(DropReason::SrtpReplayed));
        let again = server.open_rtcp(world.now, &mut control.clone());
        assert_eq!(again, Err(DropReason::SrtpReplayed));
    }
}

/// LiveKit switches replay protection off for these (row M11).
#[test]
fn a_packet_that_is_two_thousand_late_is_taken() {
    for mut world in worlds() {
        let (mut sealer, _) = world.client.srtp();
        let mut packets: Vec<_> = (0..2_048)
            .map(|sequence| sealer.encrypt_rtp(&rtp(sequence)).unwrap().to_vec())
            .collect();
        world
            .server
            .open_rtp(world.now, &mut packets[2_047])
            .unwrap();
        world.server.open_rtp(world.now, &mut packets[0]).unwrap();
    }
}

#[test]
fn no_bit_of_a_packet_may_flip() {
    for mut world in worlds() {
        let (mut sealer, _) = world.client.srtp();
        let mut first = sealer.encrypt_rtp(&rtp(1)).unwrap().to_vec();
        world.server.open_rtp(world.now, &mut first).unwrap();
        let sealed = sealer.encrypt_rtp(&rtp(2)).unwrap().to_vec();
        let control = sealer.encrypt_rtcp(&rtcp()).unwrap().to_vec();
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let opened = world.server.open_rtp(world.now, &mut flipped);
            assert!(opened.is_err(), "bit {bit}");
        }
        for bit in 0..control.len() * 8 {
            let mut flipped = control.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let opened = world.server.open_rtcp(world.now, &mut flipped);
            assert!(opened.is_err(), "bit {bit}");
        }
        world
            .server
            .open_rtp(world.now, &mut sealed.clone())
            .unwrap();
        world
            .server
            .open_rtcp(world.now, &mut control.clone())
            .unwrap();
    }
}

#[test]
fn a_packet_that_is_cut_off_is_dropped() {
    for mut world in worlds() {
        let (mut sealer, _) = world.client.srtp();
        let sealed = sealer.encrypt_rtp(&rtp(2)).unwrap().to_vec();
        let control = sealer.encrypt_rtcp(&rtcp()).unwrap().to_vec();
        for len in 0..sealed.len() {
            let opened = world
                .server
                .open_rtp(world.now, &mut sealed[..len].to_vec());
            assert!(opened.is_err(), "{len} bytes");
        }
        for len in 0..control.len() {
            let opened = world
                .server
                .open_rtcp(world.now, &mut control[..len].to_vec());
            assert!(opened.is_err(), "{len} bytes");
        }
    }
}

#[test]
fn nothing_is_sealed_before_the_handshake_or_after_the_end() {
    let mut world = World::new(DataChannelOpener::Peer);
    let sealed = world.server.seal_rtp(&mut rtp(1), 0);
    assert_eq!(sealed, Err(SealError::NoKeys));
    world.connect();
    world.server.close(world.now);
    let sealed = world.server.seal_rtcp(&mut rtcp(), 0);
    assert_eq!(sealed, Err(SealError::NoKeys));
}

#[test]
fn what_is_no_rtp_is_not_sealed() {
    for mut world in worlds() {
        let sealed = world.server.seal_rtp(&mut vec![0x80; 11], 0);
        assert_eq!(sealed, Err(SealError::Malformed));
        let sealed = world.server.seal_rtp(&mut rtp(1), 1_000);
        assert_eq!(sealed, Err(SealError::Malformed));
        let sealed = world.server.seal_rtcp(&mut vec![0x80; 7], 0);
        assert_eq!(sealed, Err(SealError::Malformed));
    }
}
