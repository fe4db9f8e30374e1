//! Nothing that a peer can send makes the byte layer panic: every truncation of valid packets,
//! every single changed byte, and random bytes.

use std::time::{Duration, Instant};

use sfu_model::{Codec, Extension, ExtensionId, ExtensionMap, PayloadType, Ssrc};
use sfu_rtp::limits::CACHED_VIDEO_PACKETS;
use sfu_rtp::payload::red::{RedReceiver, blocks};
use sfu_rtp::payload::{Descriptor, Vp8Munger, opus, peek};
use sfu_rtp::rtcp::{Compound, NackPair, Packet};
use sfu_rtp::{
    DependencyDescriptor, ExtendedSeqNo, ExtensionRanges, ExtensionTable, LimitedDescriptor,
    Munger, NackTracker, Outgoing, OutgoingExtensions, OutgoingPayload, PacketCache,
    ReceptionStats, Rewrite, RtpHeader, RtpTimestamp, SentPacket, SeqNo, SeqUnwrapper, Sequencer,
    StreamNumber, TemplateStructure, TwccRecorder, rtx, write_rtp,
};

const CODECS: [Codec; 9] = [
    Codec::Opus,
    Codec::Red,
    Codec::Pcmu,
    Codec::Pcma,
    Codec::Vp8,
    Codec::Vp9,
    Codec::H264,
    Codec::H265,
    Codec::Av1,
];

/// A small generator with a fixed seed: the same bytes in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn bytes(&mut self, max: u64) -> Vec<u8> {
        let len = self.below(max + 1);
        (0..len).map(|_| (self.next() >> 32) as u8).collect()
    }
}

fn all_extensions() -> ExtensionMap {
    Extension::ALL
        .into_iter()
        .zip(1..)
        .map(|(extension, id)| (extension, ExtensionId(id)))
        .collect()
}

fn read_payload(payload: &[u8]) {
    for codec in CODECS {
        let Ok(read) = peek(codec, payload) else {
            continue;
        };
        if let Descriptor::Vp8(descriptor) = read.descriptor {
            let mut munger = Vp8Munger::new();
            let rewrite = munger.forward(&descriptor).expect("the first picture");
            let mut out = Vec::new();
            rewrite.write(&descriptor, payload, &mut out);
            munger.switch_source(&descriptor);
            munger.leave_out(&descriptor);
        }
    }
    opus::duration(payload);
    assert!(
        blocks(payload)
            .map(|block| block.bytes.len())
            .sum::<usize>()
            <= payload.len()
    );
    let red = (payload, PayloadType(111));
    RedReceiver::default().on_packet(ExtendedSeqNo(3), RtpTimestamp(0), red, |packet| {
        assert!(packet.bytes.len() <= payload.len());
    });
    if let Ok(structure) = TemplateStructure::parse(payload) {
        let known = DependencyDescriptor::parse(payload, Some(&structure));
        assert!(known.is_ok_and(|descriptor| descriptor.has_structure) || known.is_err());
        structure.has_independent_layers();
        for id in 0..=255 {
            structure.template(id);
            structure.decode_target(usize::from(id));
        }
        if let Ok(limited) = LimitedDescriptor::new(payload, &structure, 1) {
            assert!(limited.as_bytes().len() <= payload.len() + 5);
        }
    }
}

fn read_rtp(packet: &[u8]) {
    let Ok(header) = RtpHeader::parse(packet) else {
        return;
    };
    assert!(header.payload(packet).len() + usize::from(header.padding) <= packet.len());
    let map = all_extensions();
    let found = ExtensionRanges::find(&header, packet, &ExtensionTable::from(&map));
    found.mid(packet);
    found.rid(packet);
    found.repaired_rid(packet);
    found.audio_level(packet);
    found.transport_cc(packet);
    found.abs_capture_time(packet);
    read_payload(header.payload(packet));

    let outgoing = Outgoing {
        ssrc: Ssrc(1),
        seq: header.seq,
        timestamp: header.timestamp,
        payload_type: PayloadType(255),
        marker: header.marker,
    };
    let passed = OutgoingExtensions {
        mid: found.mid(packet),
        audio_level: found.get(packet, Extension::AudioLevel),
        abs_capture_time: found.get(packet, Extension::AbsCaptureTime),
        dependency_descriptor: found.dependency_descriptor(packet),
        video_orientation: found.get(packet, Extension::VideoOrientation),
        ..OutgoingExtensions::default()
    };
    let payload = OutgoingPayload::plain(header.payload(packet));
    let mut out = Vec::new();
    write_rtp(&mut out, &outgoing, &map, &passed, &payload);
    let read = RtpHeader::parse(&out).expect("what was written");
    assert_eq!(read.payload(&out), header.payload(packet));

    let mut copy = packet.to_vec();
    if let Some(original) = rtx::restore(&mut copy, &header, Ssrc(1), PayloadType(255)) {
        let read = RtpHeader::parse(original).expect("a restored packet");
        assert_eq!(read.payload.len() + 2, header.payload.len());
    }
}

fn read_rtcp(bytes: &[u8]) {
    for packet in Compound::new(bytes) {
        match packet {
            Ok(Packet::SenderReport { blocks, .. } | Packet::ReceiverReport { blocks, .. }) => {
                assert!(blocks.count() <= 31);
            }
            Ok(Packet::SourceDescription(items)) => {
                assert!(items.count() <= bytes.len());
            }
            Ok(Packet::Goodbye(ssrcs)) => assert!(ssrcs.count() <= 31),
            Ok(Packet::Nack { pairs, .. }) => {
                assert!(pairs.flat_map(NackPair::lost).count() <= bytes.len() * 5);
            }
            Ok(Packet::TransportFeedback(feedback)) => feedback.statuses().for_each(|_| {}),
            Ok(Packet::FullIntraRequest(entries)) => assert!(entries.count() <= bytes.len()),
            Ok(Packet::Remb(remb)) => assert!(remb.ssrcs.count() <= 255),
            Ok(Packet::PictureLossIndication { .. } | Packet::Other { .. }) | Err(_) => {}
        }
    }
}

/// Valid packets of every kind that is read.
fn samples() -> Vec<Vec<u8>> {
    let rtp = b"\x90\xe0\0\x01\0\0\0\x09\0\0\0\x07";
    let one_byte = b"\xbe\xde\0\x03\x10x\x22mid\x82\xc0\0\x01\0\0";
    let two_byte = b"\x10\x00\0\x02\x08\x03\xc0\x00\x01\x01\x01x";
    let vp8 = b"\x90\xf0\x92\x34\x07\x60\x00\x01\x02";
    let red = b"\xef\x0f\x00\x02\x6fabprimary";
    let stap = b"\x78\0\x02\x67\x42\0\x02\x68\x42\0\x02\x65\x88";
    let mut samples = Vec::new();
    for extensions in [&one_byte[..], two_byte] {
        for payload in [&vp8[..], red, stap] {
            samples.push([rtp, extensions, payload].concat());
        }
    }
    let feedback = b"\x8f\xcd\0\x05\0\0\0\x01\0\0\0\x02\0\x01\0\x03\0\0\x01\0\xd9\0\x01\x02";
    let nack = b"\x81\xcd\0\x03\0\0\0\x01\0\0\0\x02\0\x05\xff\xff";
    let remb = b"\x8f\xce\0\x05\0\0\0\x01\0\0\0\0REMB\x01\x3f\xff\xff\0\0\0\x02";
    let sdes = b"\x81\xca\0\x03\0\0\0\x01\x01\x04abcd\0\0";
    samples.push([&feedback[..], nack, remb, sdes].concat());
    samples
}

fn read(bytes: &[u8]) {
    read_rtp(bytes);
    read_rtcp(bytes);
    read_payload(bytes);
}

#[test]
fn no_truncation_of_a_valid_packet_panics() {
    for sample in samples() {
        for len in 0..=sample.len() {
            read(&sample[..len]);
        }
    }
}

#[test]
fn no_changed_byte_of_a_valid_packet_panics() {
    for sample in samples() {
        for at in 0..sample.len() {
            for value in 0..=255 {
                let mut changed = sample.clone();
                changed[at] = value;
                read(&changed);
            }
        }
    }
}

#[test]
fn no_random_bytes_panic() {
    let mut random = Random(0x5eed);
    for _ in 0..20_000 {
        read(&random.bytes(80));
        let mut rtp = random.bytes(80);
        if let [first, ..] = &mut rtp[..] {
            *first = *first & 0x3f | 0x80;
        }
        read(&rtp);
        let mut rtcp = random.bytes(80);
        if let [first, kind, high, ..] = &mut rtcp[..] {
            *first = *first & 0x1f | 0x80;
            *kind = 200 + *kind % 8;
            *high = 0;
        }
        read(&rtcp);
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "an instant can be made from no number"
)]
fn no_order_of_packets_panics_or_grows_without_bound() {
    let mut random = Random(0xcafe);
    let start = Instant::now();
    let mut unwrapper = SeqUnwrapper::default();
    let mut stats = ReceptionStats::new(90_000);
    let mut losses = NackTracker::new();
    let mut cache = PacketCache::new(CACHED_VIDEO_PACKETS);
    let mut munger = Munger::new(SeqNo(1), 90_000);
    let mut sequencer = Sequencer::new(512);
    let mut arrivals = TwccRecorder::new();
    let mut feedback = Vec::new();
    let mut wire = 0_u16;
    for step in 0..200_000 {
        let now = start + Duration::from_micros(step * 300);
        wire = match random.below(50) {
            0 => (random.next() >> 32) as u16,
            1..4 => wire.wrapping_sub(random.below(300) as u16),
            4..8 => wire.wrapping_add(random.below(200) as u16),
            _ => wire.wrapping_add(1),
        };
        let seq = unwrapper.unwrap(SeqNo(wire));
        let timestamp = RtpTimestamp((random.next() >> 32) as u32);
        stats.on_packet(now, seq, timestamp);
        losses.on_packet(now, seq);
        losses.take_due(now, &mut [NackPair::default(); 32]);
        cache.insert(now, seq, &wire.to_be_bytes());
        assert!(
            cache
                .get(seq)
                .is_none_or(|packet| packet == wire.to_be_bytes())
        );
        arrivals.on_packet(now, SeqNo(wire), Ssrc(1));
        feedback.clear();
        arrivals.write_feedback(now, Ssrc(2), &mut feedback);
        assert!(feedback.len() < 1_500);
        match random.below(20) {
            0 => munger.switch_source(now, seq, timestamp, Some(timestamp)),
            1..5 => drop(munger.leave_out(seq, timestamp)),
            _ => {}
        }
        if let Some(munged) = munger.forward(now, seq, timestamp) {
            let packet = SentPacket {
                source: StreamNumber(0),
                source_seq: seq,
                timestamp: munged.timestamp,
                marker: false,
                rewrite: Rewrite::None,
            };
            sequencer.record(now, munged.seq, packet);
        }
        let asked = SeqNo((random.next() >> 32) as u16);
        if let Ok(sent) = sequencer.retransmit(now, asked, Duration::ZERO) {
            assert!(sent.source_seq <= unwrapper.highest().expect("a packet"));
        }
        stats.report(now, Ssrc(1));
    }
    assert!(cache.memory() <= 512 * (128 + 64));
    assert!(sequencer.memory() <= 512 * 24);
}
