//! Entry points for fuzzers: each takes any bytes, and neither panics nor stalls. Not part of the API.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sfu_model::{CloseReason, DataChannelOpener, DtlsRole};

use crate::TransportEvent;
use crate::data_channel::DataChannels;
use crate::dcep::DcepMessage;
use crate::ice::{BindingRequest, BindingSuccess};
use crate::sctp::{Sctp, SctpConfig};

/// Parses a STUN message.
pub fn stun(message: &[u8]) {
    let named = crate::ufrag_of(message);
    if let Ok(request) = BindingRequest::parse(message) {
        assert_eq!(named, Some(request.local_ufrag), "both read one USERNAME");
    }
    let tagged = crate::check_tag_of(message);
    assert!(BindingSuccess::parse(message).is_err() || tagged.is_some());
}

/// Parses a DCEP message.
pub fn dcep(message: &[u8]) {
    if let Some(DcepMessage::Open(open)) = DcepMessage::parse(message) {
        let again = open.to_bytes();
        assert_eq!(DcepMessage::parse(&again), Some(DcepMessage::Open(open)));
    }
}

/// Feeds packets to an established association with its data channels. The input is a list of packets, each
/// behind its length in one byte, and without the common header, which is always right.
pub fn sctp(now: Instant, input: &[u8]) {
    let mut peer = SctpPeer::connect(now);
    let mut rest = input;
    while let Some((len, behind)) = rest.split_first() {
        let len = usize::from(*len).min(behind.len());
        let (chunks, behind) = behind.split_at(len);
        peer.exchange(chunks);
        rest = behind;
    }
}

/// The far end of an association, with as much of SCTP as brings one up.
struct SctpPeer {
    now: Instant,
    sctp: Sctp,
    channels: DataChannels,
    events: VecDeque<TransportEvent>,
    /// The verification tag of our packets: zero before the INIT ACK.
    tag: u32,
}

impl SctpPeer {
    /// INIT (RFC 9260 section 3.3.2) with tag and TSN 1, a window of 256 KiB, 1,024 streams either way, and
    /// Forward-TSN-Supported (RFC 3758 section 3.1).
    const INIT: [u8; 24] = [
        1, 0, 0, 24, 0, 0, 0, 1, 0, 4, 0, 0, 4, 0, 4, 0, 0, 0, 0, 1, 0xC0, 0, 0, 4,
    ];

    fn connect(now: Instant) -> Self {
        let mut peer = Self {
            now,
            sctp: Sctp::new(&SctpConfig::new()),
            channels: DataChannels::new(DataChannelOpener::Server),
            events: VecDeque::new(),
            tag: 0,
        };
        let answer = peer.exchange(&Self::INIT);
        peer.tag = init_ack_tag(&answer).unwrap_or(0);
        let cookie = init_ack_cookie(&answer).unwrap_or_default();
        let len = u16::try_from(4 + cookie.len()).unwrap_or(4);
        let echo = [&[10, 0], &len.to_be_bytes()[..], cookie].concat();
        peer.exchange(&echo);
        peer
    }

    /// Delivers a packet of these chunks, lets some time pass, and returns the first packet of the answer.
    fn exchange(&mut self, chunks: &[u8]) -> Bytes {
        let mut packet = vec![0x13, 0x88, 0x13, 0x88];
        packet.extend_from_slice(&self.tag.to_be_bytes());
        packet.extend_from_slice(&[0; 4]);
        packet.extend_from_slice(chunks);
        let checksum = crc32c(&packet).to_le_bytes();
        for (byte, value) in packet.iter_mut().skip(8).zip(checksum) {
            *byte = value;
        }
        let handled = self.sctp.handle(self.now, packet.into());
        assert!(handled.is_ok(), "the library panicked");
        self.now += Duration::from_millis(20);
        let timed = self.sctp.handle_timeout(self.now);
        assert!(timed.is_ok(), "the library panicked");
        // Messages that nobody takes hold the far end back.
        let role = DtlsRole::Server;
        let turn = self
            .channels
            .turn(self.now, &mut self.sctp, role, &mut self.events);
        assert!(
            turn != Err(CloseReason::InternalFault),
            "the library panicked"
        );
        let sent = self.sctp.poll_transmit(self.now);
        sent.unwrap_or_default()
            .into_iter()
            .next()
            .unwrap_or_default()
    }
}

/// The initiate tag of an INIT ACK, the first chunk of its packet.
fn init_ack_tag(packet: &[u8]) -> Option<u32> {
    let tag: &[u8; 4] = packet.get(16..)?.first_chunk()?;
    Some(u32::from_be_bytes(*tag))
}

/// The State Cookie parameter (RFC 9260 section 3.3.3.1) of an INIT ACK.
fn init_ack_cookie(packet: &[u8]) -> Option<&[u8]> {
    const STATE_COOKIE: u16 = 7;
    let mut rest = packet.get(32..)?;
    loop {
        let [k0, k1, l0, l1] = *rest.first_chunk()?;
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        if u16::from_be_bytes([k0, k1]) == STATE_COOKIE {
            return rest.get(4..len);
        }
        rest = rest.get(len.max(4).next_multiple_of(4)..)?;
    }
}

/// CRC-32C (RFC 9260 appendix A).
fn crc32c(data: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = crc & 1;
            crc = (crc >> 1) ^ (carry * 0x82F6_3B78);
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Instant {
        #[expect(
            clippy::disallowed_methods,
            reason = "the clock is virtual from here on"
        )]
        Instant::now()
    }

    struct Lcg(u64);

    impl Lcg {
        fn byte(&mut self) -> u8 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            self.0.to_be_bytes()[0]
        }

        fn below(&mut self, limit: usize) -> usize {
            usize::from(u16::from_be_bytes([self.byte(), self.byte()])) % limit
        }
    }

    /// Chunks that a peer may send, to be changed at random.
    fn chunks() -> Vec<Vec<u8>> {
        let open = b"\x03\x81\0\0\0\0\0\0\0\x06\0\0_lossy";
        let mut data = vec![0, 3, 0, 34, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 50];
        data.extend_from_slice(open);
        data.extend_from_slice(&[0; 2]);
        vec![
            data,
            vec![0, 7, 0, 17, 0, 0, 0, 2, 0, 2, 0, 0, 0, 0, 0, 53, 7, 0, 0, 0],
            vec![3, 0, 0, 16, 0, 0, 0, 1, 0, 4, 0, 0, 0, 0, 0, 0],
            vec![
                3, 0, 0, 24, 0, 0, 0, 1, 0, 4, 0, 0, 0, 1, 0, 1, 0, 2, 0, 3, 0, 0, 0, 9,
            ],
            vec![4, 0, 0, 12, 0, 1, 0, 8, 1, 2, 3, 4],
            vec![5, 0, 0, 12, 0, 1, 0, 8, 1, 2, 3, 4],
            vec![6, 0, 0, 12, 0, 12, 0, 8, 1, 2, 3, 4],
            vec![7, 0, 0, 8, 0, 0, 0, 1],
            vec![9, 0, 0, 8, 0, 3, 0, 4],
            vec![14, 0, 0, 4],
            vec![
                130, 0, 0, 20, 0, 13, 0, 16, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1,
            ],
            vec![192, 0, 0, 12, 0, 0, 0, 9, 0, 2, 0, 1],
            SctpPeer::INIT.to_vec(),
            vec![
                64, 3, 0, 21, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 53, 1, 0, 0, 0,
            ],
        ]
    }

    /// Builds an input: mostly well-formed packets with some bytes changed.
    fn input(random: &mut Lcg) -> Vec<u8> {
        let chunks = chunks();
        let mut input = Vec::new();
        for _ in 0..30 {
            let mut packet = Vec::new();
            for _ in 0..=random.below(2) {
                packet.extend_from_slice(&chunks[random.below(chunks.len())]);
            }
            for _ in 0..random.below(4) {
                let at = random.below(packet.len());
                packet[at] = random.byte() >> random.below(8);
            }
            input.push(u8::try_from(packet.len()).unwrap());
            input.extend_from_slice(&packet);
        }
        input
    }

    #[test]
    fn the_association_comes_up() {
        let mut peer = SctpPeer::connect(start());
        let open = peer.exchange(&chunks()[0]);
        assert_ne!(peer.tag, 0);
        assert!(
            !open.is_empty(),
            "our channels are opened, and theirs acknowledged"
        );
        assert_eq!(peer.channels.take_counts().ignored, 0);
    }

    #[test]
    fn a_second_init_makes_no_second_association() {
        let mut peer = SctpPeer::connect(start());
        let before = peer.sctp.footprint();
        peer.tag = 0;
        for tag in 2..100 {
            let mut init = SctpPeer::INIT;
            init[7] = tag;
            peer.exchange(&init);
        }
        assert_eq!(peer.sctp.footprint(), before);
    }

    #[test]
    fn changed_packets_neither_panic_nor_stall() {
        let start = start();
        for seed in 0..400 {
            sctp(start, &input(&mut Lcg(seed)));
        }
    }

    #[test]
    fn any_bytes_are_read_as_stun_and_dcep_without_panic() {
        let mut random = Lcg(1);
        for _ in 0..50_000 {
            let mut message: Vec<u8> = (0..random.below(80)).map(|_| random.byte()).collect();
            dcep(&message);
            if message.len() >= 20 && random.below(4) > 0 {
                message.truncate(message.len() / 4 * 4);
                let len = u8::try_from(message.len() - 20).unwrap();
                message[..8].copy_from_slice(&[0, 1, 0, len, 0x21, 0x12, 0xA4, 0x42]);
            }
            stun(&message);
        }
    }
}
