use std::sync::Arc;
use std::time::Duration;

use loadtest_peer::{Demand, Inbound, Outbound, OutboundLayer, PeerEvent, Sample, Stamp};
use sfu_model::{
    Codec, DataChannel, Extension, ExtensionId, ExtensionMap, MediaKind, PayloadType, Ssrc,
};
use sfu_rtp::rtcp::{Compound, NackPair, Packet, write_nack, write_pli};
use sfu_rtp::{
    Outgoing, OutgoingExtensions, OutgoingPayload, RtpHeader, RtpTimestamp, SeqNo, rtx, write_rtp,
};

use sfu_transport::TransportEvent;

use crate::world::World;

const VP8: PayloadType = PayloadType(96);
const MEDIA: Ssrc = Ssrc(100);
const RTX: Ssrc = Ssrc(101);
const OURS: Ssrc = Ssrc(7);

fn inbound() -> Inbound {
    Inbound {
        kind: MediaKind::Video,
        ssrc: MEDIA,
        rtx: Some(RTX),
        codecs: vec![(VP8, Codec::Vp8)],
        nack: true,
    }
}

/// A frame of one packet: a VP8 descriptor, the first byte of a key frame or not, and a stamp.
fn frame(age: Duration, key_frame: bool) -> Vec<u8> {
    let mut payload = vec![0x10, u8::from(!key_frame), 0, 0];
    Stamp {
        made_at: World::CONNECTED_AT.saturating_sub(age),
        layer: 2,
        key_frame,
    }
    .write(&mut payload);
    payload
}

fn packet(ssrc: Ssrc, seq: u16, payload: &[u8], original: Option<SeqNo>) -> Vec<u8> {
    let header = Outgoing {
        ssrc,
        seq: SeqNo(seq),
        timestamp: RtpTimestamp(u32::from(seq) * 3_000),
        payload_type: if original.is_some() {
            PayloadType(97)
        } else {
            VP8
        },
        marker: true,
    };
    let payload = OutgoingPayload {
        original_seq: original,
        ..OutgoingPayload::plain(payload)
    };
    let mut out = Vec::new();
    let none = OutgoingExtensions::default();
    write_rtp(&mut out, &header, &ExtensionMap::default(), &none, &payload);
    out
}

#[test]
fn a_peer_finds_the_path_that_works_and_connects() {
    let world = World::connected();
    assert_eq!(world.events, [PeerEvent::PathFound, PeerEvent::Connected]);
}

#[test]
fn a_peer_opens_the_data_channels_and_counts_what_comes_by_them() {
    let mut world = World::connected();
    for channel in [DataChannel::Reliable, DataChannel::Lossy] {
        let opened = TransportEvent::DataChannelOpened(channel);
        assert!(world.server_events.contains(&opened), "{channel:?}");
    }
    world
        .server
        .send_data(world.now, DataChannel::Reliable, b"hello"[..].into())
        .unwrap();
    world.run(Duration::from_millis(50));
    assert_eq!(world.tally.messages, 1);
}

#[test]
fn a_packet_counts_once_it_is_authenticated_and_tells_its_age() {
    let mut world = World::connected();
    world.peer.set_inbound(vec![inbound()]);
    let payload = frame(Duration::from_millis(30), true);
    world.send_rtp(packet(MEDIA, 10, &payload, None));
    let mut forged = packet(MEDIA, 11, &payload, None);
    forged.extend_from_slice(&[0; 16]);
    world.arrive_at_peer(forged);
    assert_eq!((world.tally.packets, world.tally.refused), (1, 1));
    let age = world.tally.latency.quantile(1.0).unwrap();
    assert!(
        age >= Duration::from_millis(30) && age < Duration::from_millis(40),
        "{age:?}"
    );
    assert_eq!(world.tally.frames_of_layer, [0, 0, 1]);
}

#[test]
fn a_packet_is_as_old_as_it_was_when_it_came_not_when_it_was_read() {
    let mut world = World::connected();
    world.peer.set_inbound(vec![inbound()]);
    let payload = frame(Duration::from_millis(30), true);
    let sealed = world.seal(packet(MEDIA, 10, &payload, None));
    world.read_late(sealed, Duration::from_millis(20));
    let age = world.tally.latency.quantile(1.0).unwrap();
    assert!(
        age >= Duration::from_millis(10) && age < Duration::from_millis(20),
        "{age:?}"
    );
}

#[test]
fn a_packet_that_seems_to_come_before_it_was_sent_is_as_old_as_when_it_is_read() {
    let mut world = World::connected();
    world.peer.set_inbound(vec![inbound()]);
    let payload = frame(Duration::from_millis(30), true);
    let sealed = world.seal(packet(MEDIA, 10, &payload, None));
    world.read_late(sealed, Duration::from_millis(50));
    let age = world.tally.latency.quantile(1.0).unwrap();
    assert!(
        age >= Duration::from_millis(30) && age < Duration::from_millis(40),
        "{age:?}"
    );
}

#[test]
fn a_lost_packet_is_asked_for_and_its_retransmission_makes_the_stream_whole() {
    let mut world = World::connected();
    world.peer.set_inbound(vec![inbound()]);
    let payload = frame(Duration::ZERO, true);
    world.send_rtp(packet(MEDIA, 10, &payload, None));
    world.peer.begin_window(Duration::ZERO);
    for seq in [11, 13] {
        world.send_rtp(packet(MEDIA, seq, &payload, None));
    }
    assert_eq!(world.peer.completeness().lost(), 1);
    world.run(Duration::from_millis(50));
    assert!(asks_for(&world, SeqNo(12)));
    world.send_rtp(packet(RTX, 1, &payload, Some(SeqNo(12))));
    assert_eq!(world.peer.completeness().lost(), 0);
    assert_eq!((world.tally.retransmitted, world.tally.duplicates), (1, 0));
}

fn asks_for(world: &World, lost: SeqNo) -> bool {
    let packets = world
        .rtcp
        .iter()
        .flat_map(|compound| Compound::new(compound));
    packets.flatten().any(|packet| {
        let Packet::Nack { media, mut pairs } = packet else {
            return false;
        };
        media == MEDIA && pairs.any(|pair| pair.lost().any(|seq| seq == lost))
    })
}

#[test]
fn a_retransmission_of_what_came_already_is_a_duplicate() {
    let mut world = World::connected();
    world.peer.set_inbound(vec![inbound()]);
    let payload = frame(Duration::ZERO, true);
    world.send_rtp(packet(MEDIA, 10, &payload, None));
    world.peer.begin_window(Duration::ZERO);
    world.send_rtp(packet(MEDIA, 11, &payload, None));
    world.send_rtp(packet(RTX, 1, &payload, Some(SeqNo(11))));
    assert_eq!(world.tally.duplicates, 1);
    let whole = world.peer.completeness();
    assert_eq!((whole.expected, whole.received), (1, 1));
}

#[test]
fn a_decoder_without_a_key_frame_asks_for_one() {
    let mut world = World::connected();
    world.peer.set_inbound(vec![inbound()]);
    let payload = frame(Duration::ZERO, false);
    world.send_rtp(packet(MEDIA, 10, &payload, None));
    world.run(Duration::from_millis(400));
    let asks = |world: &World| {
        let packets = world
            .rtcp
            .iter()
            .flat_map(|compound| Compound::new(compound));
        let plis = packets
            .flatten()
            .filter(|packet| matches!(packet, Packet::PictureLossIndication { .. }));
        plis.count()
    };
    assert_eq!(asks(&world), 1);
    let key_frame = frame(Duration::ZERO, true);
    world.send_rtp(packet(MEDIA, 11, &key_frame, None));
    world.run(Duration::from_millis(900));
    assert_eq!(asks(&world), 1);
}

#[test]
fn a_pause_between_frames_is_a_freeze() {
    let mut world = World::connected();
    world.peer.set_inbound(vec![inbound()]);
    let payload = frame(Duration::ZERO, true);
    for (seq, pause) in [(10, 100), (11, 300), (12, 100)] {
        world.send_rtp(packet(MEDIA, seq, &payload, None));
        world.run(Duration::from_millis(pause));
    }
    assert_eq!((world.tally.frames, world.tally.freezes), (3, 1));
    assert_eq!(world.tally.frozen, Duration::from_millis(300));
}

#[test]
fn the_pause_that_lasts_counts_too_and_for_the_layer_of_the_stream() {
    let mut world = World::connected();
    world.peer.set_inbound(vec![inbound()]);
    let payload = frame(Duration::ZERO, true);
    let layer = usize::from(Stamp::read(&payload).unwrap().layer);
    for seq in [10, 11] {
        world.send_rtp(packet(MEDIA, seq, &payload, None));
        world.run(Duration::from_millis(100));
    }
    let longest = |world: &World| world.tally.video_pause[layer].as_millis();
    assert_eq!(longest(&world), 100);
    world.run(Duration::from_millis(200));
    world.peer.note_pauses(world.now.mono, &mut world.tally);
    assert_eq!(longest(&world), 300);
    let others = world.tally.video_pause.iter().zip(0..);
    let mut others = others.filter(|(_, at)| *at != layer);
    assert!(others.all(|(pause, _)| pause.is_zero()));
}

fn publish(world: &mut World) {
    let file = include_bytes!("../../../samples/vp8-180p.ivf");
    let extensions = [
        (Extension::Mid, ExtensionId(4)),
        (Extension::Rid, ExtensionId(10)),
    ];
    world.peer.publish(
        world.now,
        Outbound {
            kind: MediaKind::Video,
            mid: "1".to_owned(),
            payload_type: VP8,
            rtx_type: Some(PayloadType(97)),
            extensions: extensions.into_iter().collect(),
            layers: vec![OutboundLayer {
                sample: Arc::new(Sample::vp8(file, 30).unwrap()),
                layer: 0,
                rid: Some("q"),
                ssrc: OURS,
                rtx: Some(Ssrc(8)),
            }],
            audio_level: 0,
        },
    );
}

#[test]
fn a_published_track_has_its_rate_its_name_and_stamps() {
    let mut world = World::connected();
    publish(&mut world);
    world.run(Duration::from_secs(1));
    let frames = world
        .rtp
        .iter()
        .filter(|packet| RtpHeader::parse(packet).unwrap().marker);
    assert!((30..=31).contains(&frames.count()));
    for packet in &world.rtp {
        let header = RtpHeader::parse(packet).unwrap();
        let mut rid = None;
        header.for_each_extension(packet, |id, range| {
            if id == ExtensionId(10) {
                rid = Some(range.of(packet));
            }
        });
        assert_eq!(rid, Some(&b"q"[..]));
        assert_eq!(Stamp::read(header.payload(packet)).is_some(), header.marker);
    }
}

#[test]
fn a_publisher_sends_again_what_is_asked_for() {
    let mut world = World::connected();
    publish(&mut world);
    world.run(Duration::from_millis(200));
    let lost = world.rtp[1].clone();
    let header = RtpHeader::parse(&lost).unwrap();
    let mut nack = Vec::new();
    let pair = NackPair {
        first: header.seq,
        following: 0,
    };
    write_nack(&mut nack, Ssrc(1), OURS, &[pair]);
    world.send_rtcp(nack);
    let before = world.rtp.len();
    world.run(Duration::from_millis(10));
    let again = world.rtp[before..]
        .iter()
        .find(|packet| RtpHeader::parse(packet).unwrap().ssrc == Ssrc(8));
    let mut again = again.unwrap().clone();
    let sent = RtpHeader::parse(&again).unwrap();
    let original = rtx::restore(&mut again, &sent, OURS, VP8).unwrap();
    let restored = RtpHeader::parse(original).unwrap();
    assert_eq!(
        (restored.seq, restored.payload(original)),
        (header.seq, header.payload(&lost))
    );
    assert_eq!(world.tally.resent, 1);
}

#[test]
fn a_publisher_that_is_asked_for_a_key_frame_begins_its_loop_anew() {
    let mut world = World::connected();
    publish(&mut world);
    world.run(Duration::from_millis(500));
    let mut pli = Vec::new();
    write_pli(&mut pli, Ssrc(1), OURS);
    world.send_rtcp(pli);
    let before = world.rtp.len();
    world.run(Duration::from_millis(100));
    let keys = world.rtp[before..].iter().filter_map(|packet| {
        let header = RtpHeader::parse(packet).unwrap();
        Some(Stamp::read(header.payload(packet))?.key_frame)
    });
    assert_eq!(keys.filter(|key| *key).count(), 1);
    assert_eq!(world.tally.key_frame_requests, 1);
}

/// Returns how many sender reports came.
fn reports(world: &World) -> usize {
    let compounds = world.rtcp.iter();
    let packets = compounds.flat_map(|compound| Compound::new(compound));
    packets
        .flatten()
        .filter(|packet| matches!(packet, Packet::SenderReport { .. }))
        .count()
}

#[test]
fn an_encoding_that_nobody_wants_sends_nothing() {
    let mut world = World::connected();
    publish(&mut world);
    world.run(Duration::from_millis(510));
    world.peer.set_demand(world.now, OURS, Demand::Unwanted);
    let (packets, sent, told) = (world.rtp.len(), world.tally.sent, reports(&world));
    assert!(packets > 0 && told > 0);
    world.run(Duration::from_secs(3));
    assert_eq!((world.rtp.len(), world.tally.sent), (packets, sent));
    assert_eq!(reports(&world), told);
}

#[test]
fn an_encoding_that_is_wanted_again_begins_with_a_key_frame_and_leaves_no_gap() {
    let mut world = World::connected();
    publish(&mut world);
    world.run(Duration::from_millis(510));
    let last = RtpHeader::parse(world.rtp.last().unwrap()).unwrap();
    world.peer.set_demand(world.now, OURS, Demand::Unwanted);
    world.run(Duration::from_secs(3));
    let (packets, told) = (world.rtp.len(), reports(&world));
    world.peer.set_demand(world.now, OURS, Demand::Wanted);
    world.run(Duration::from_millis(50));
    let first = RtpHeader::parse(&world.rtp[packets]).unwrap();
    assert_eq!(first.seq, last.seq.next());
    let ticks = first.timestamp.0.wrapping_sub(last.timestamp.0);
    assert!((90_000 * 3..90_000 * 3 + 9_000).contains(&ticks), "{ticks}");
    let frames = world.rtp[packets..].iter().filter_map(|packet| {
        let header = RtpHeader::parse(packet).unwrap();
        Stamp::read(header.payload(packet))
    });
    assert!(frames.map(|stamp| stamp.key_frame).next().unwrap());
    world.run(Duration::from_millis(250));
    assert!(reports(&world) > told);
}

#[test]
fn what_is_sent_is_counted_with_its_bytes_by_layer() {
    let mut world = World::connected();
    publish(&mut world);
    world.run(Duration::from_millis(510));
    let bytes: usize = world.rtp.iter().map(Vec::len).sum();
    let packets = world.rtp.len() as u64;
    let tally = &world.tally;
    assert_eq!((tally.sent, tally.sent_bytes), (packets, bytes as u64));
    assert_eq!(tally.sent_of_layer, [packets, 0, 0]);
}

#[test]
fn a_track_that_has_ended_sends_nothing() {
    let mut world = World::connected();
    publish(&mut world);
    world.run(Duration::from_millis(200));
    world.peer.unpublish("1");
    world.run(Duration::from_millis(10));
    let before = world.rtp.len();
    world.run(Duration::from_millis(200));
    assert_eq!(world.rtp.len(), before);
}
