//! Several encodings of one picture: found by their rids, chosen by what is wanted.

use std::time::Duration;

use sfu_core::DropReason;
use sfu_model::{
    Command, Event, Forwarding, LayerOrder, MediaKind, ReceiveEncoding, ReceiveMedia, Rid,
    SpatialLayer, Ssrc, TemporalLayer,
};
use sfu_rtp::rtcp::Packet;
use sfu_rtp::{RtpHeader, RtpTimestamp, SeqNo};

use crate::media::{
    Source, mid, picture_id, publish, receive, rid, send, subscribe, vp8_payload, with_rid,
};
use crate::world::{World, subscription_id};

pub(crate) const SSRCS: [Ssrc; 3] = [Ssrc(11), Ssrc(12), Ssrc(13)];

fn rids() -> [Rid; 3] {
    ["q", "h", "f"].map(rid)
}

/// What the section of a simulcast camera says.
pub(crate) fn simulcast() -> ReceiveMedia {
    let encodings = rids().map(|rid| ReceiveEncoding {
        rid: Some(rid),
        ..ReceiveEncoding::default()
    });
    receive(MediaKind::Video, "0", &encodings)
}

/// What its encodings send.
pub(crate) fn sources() -> [Source; 3] {
    let mut sources = SSRCS.map(Source::video);
    for (layer, source) in (0_u16..).zip(&mut sources) {
        source.mid = Some(mid("0"));
        source.rid = Some(rids()[usize::from(layer)]);
        source.seq = SeqNo(1_000 * layer);
        source.timestamp = RtpTimestamp(7_777_777 * u32::from(layer));
        source.picture = 500 * layer;
    }
    sources
}

/// Takes the encodings that participant 0 was asked for a key frame of.
pub(crate) fn plis(world: &mut World) -> Vec<Ssrc> {
    let mut asked = Vec::new();
    for compound in world.participants[0].rtcp.drain(..) {
        for packet in sfu_rtp::rtcp::Compound::new(&compound) {
            if let Ok(Packet::PictureLossIndication { media }) = packet {
                asked.push(media);
            }
        }
    }
    asked
}

/// A simulcast publication and what its encodings send.
struct Simulcast {
    world: World,
    sources: [Source; 3],
}

impl Simulcast {
    fn new() -> Self {
        Self::publishing(simulcast())
    }

    fn publishing(media: ReceiveMedia) -> Self {
        let mut world = World::with(2);
        publish(&mut world, media);
        subscribe(&mut world, 1, send(MediaKind::Video, "0", 50_000));
        Self {
            world,
            sources: sources(),
        }
    }

    /// Sends one picture in each of `layers`, `key` frames among them.
    fn tick(&mut self, layers: &[usize], key: &[usize]) {
        for layer in 0..3 {
            let packet = self.sources[layer].next(key.contains(&layer));
            if layers.contains(&layer) {
                self.world.send_rtp(0, &packet);
            }
        }
        self.world.pass(Duration::from_millis(33));
    }

    /// Sends a key frame of the lowest encoding as another SSRC, the `i`th.
    fn stray(&mut self, i: u32) {
        let mut source = Source::video(Ssrc(5_000 + i));
        (source.mid, source.rid) = (Some(mid("0")), Some(rids()[0]));
        self.world.send_rtp(0, &source.next(true));
    }

    fn want(&mut self, spatial: u8) {
        self.world.command(Command::SetForwarding {
            subscription: subscription_id(1),
            forwarding: up_to(spatial),
        });
    }

    fn plis(&mut self) -> Vec<Ssrc> {
        plis(&mut self.world)
    }
}

pub(crate) const EACH: [usize; 3] = [0, 1, 2];

pub(crate) fn up_to(spatial: u8) -> Forwarding {
    Forwarding::UpTo {
        spatial: SpatialLayer(spatial),
        temporal: TemporalLayer::MAX,
    }
}

pub(crate) fn assert_one_stream(packets: &[Vec<u8>]) {
    for pair in packets.windows(2) {
        let [before, after] = [&pair[0], &pair[1]].map(|packet| RtpHeader::parse(packet).unwrap());
        assert_eq!(after.seq, before.seq.next());
        assert!(after.timestamp.is_newer_than(before.timestamp));
        let pictures = [&pair[0], &pair[1]].map(|packet| picture_id(packet));
        assert_eq!(pictures[1], pictures[0] + 1);
    }
}

#[test]
fn the_highest_encoding_is_forwarded_by_default() {
    let mut call = Simulcast::new();
    call.tick(&EACH, &EACH);
    call.world.participants[1].rtp.clear();
    for _ in 0..10 {
        call.tick(&EACH, &[]);
    }
    assert_eq!(call.world.participants[1].rtp.len(), 10);
    assert_one_stream(&call.world.participants[1].rtp);
}

#[test]
fn a_switch_of_encodings_leaves_one_continuous_stream() {
    let mut call = Simulcast::new();
    call.want(0);
    call.tick(&EACH, &EACH);
    for _ in 0..5 {
        call.tick(&EACH, &[]);
    }
    call.plis();
    call.want(2);
    assert_eq!(call.world.participants[1].rtp.len(), 6);
    call.tick(&EACH, &[]);
    assert_eq!(call.plis(), [SSRCS[2]]);
    call.tick(&EACH, &[2]);
    for _ in 0..5 {
        call.tick(&EACH, &[]);
    }
    call.want(1);
    call.tick(&EACH, &[1]);
    call.tick(&EACH, &[]);
    let packets = &call.world.participants[1].rtp;
    // At each switch, the picture is forwarded in both encodings or in one, by the order of arrival.
    assert_eq!(packets.len(), 16);
    assert_one_stream(packets);
}

#[test]
fn a_key_frame_is_asked_for_until_it_comes() {
    let mut call = Simulcast::new();
    call.want(0);
    call.tick(&EACH, &EACH);
    call.want(2);
    for _ in 0..100 {
        call.tick(&EACH, &[]);
    }
    let plis = call.plis();
    assert!((3..=5).contains(&plis.len()), "{plis:?}");
    assert!(plis.iter().all(|ssrc| *ssrc == SSRCS[2]));
}

#[test]
fn an_encoding_that_falls_silent_gives_way_to_the_one_below() {
    let mut call = Simulcast::new();
    call.tick(&EACH, &EACH);
    call.plis();
    for _ in 0..60 {
        call.tick(&[0, 1], &[]);
    }
    assert!(call.plis().contains(&SSRCS[1]));
    call.world.participants[1].rtp.clear();
    call.tick(&[0, 1], &[1]);
    call.tick(&[0, 1], &[]);
    assert_eq!(call.world.participants[1].rtp.len(), 2);
}

/// Returns how many ticks of 33 ms of the others it takes until the one below is asked for, when the highest encoding
/// has stopped.
fn ticks_until_noticed(call: &mut Simulcast) -> usize {
    call.plis();
    let noticed = (1..100).find(|_| {
        call.tick(&[0, 1], &[]);
        call.plis().contains(&SSRCS[1])
    });
    noticed.expect("a request for the encoding below")
}

#[test]
fn a_camera_whose_best_encoding_stops_is_noticed_within_ten_pictures() {
    let mut call = Simulcast::new();
    call.tick(&EACH, &EACH);
    for _ in 0..60 {
        call.tick(&EACH, &[]);
    }
    let ticks = ticks_until_noticed(&mut call);
    assert!(ticks <= 11, "{ticks}");
    call.world.participants[1].rtp.clear();
    call.tick(&[0, 1], &[1]);
    call.tick(&[0, 1], &[]);
    assert_eq!(call.world.participants[1].rtp.len(), 2);
    // It comes back, and is taken up where it begins.
    call.tick(&EACH, &[2]);
    call.tick(&EACH, &[]);
    assert_eq!(call.plis(), []);
    assert_one_stream(&call.world.participants[1].rtp);
    assert!((4..=5).contains(&call.world.participants[1].rtp.len()));
}

#[test]
fn a_screen_that_stands_still_for_any_time_keeps_its_encoding() {
    let mut call = Simulcast::new();
    call.tick(&EACH, &EACH);
    call.plis();
    call.world.participants[1].rtp.clear();
    for pause in [1_000, 1_000, 1_000, 30_000, 1_000, 600_000, 100, 100] {
        call.world.pass(Duration::from_millis(pause));
        call.tick(&EACH, &[]);
    }
    assert_eq!(call.plis(), []);
    assert_eq!(call.world.participants[1].rtp.len(), 8);
    assert_one_stream(&call.world.participants[1].rtp);
}

#[test]
fn an_encoding_of_one_picture_a_second_beside_faster_ones_is_kept() {
    let mut call = Simulcast::new();
    call.tick(&EACH, &EACH);
    call.plis();
    call.world.participants[1].rtp.clear();
    for tick in 1..=300 {
        let layers = if tick % 30 == 0 { 3 } else { 2 };
        for source in &mut call.sources[..layers] {
            call.world.send_rtp(0, &source.next(false));
        }
        call.world.pass(Duration::from_millis(33));
    }
    assert_eq!(call.plis(), []);
    assert_eq!(call.world.participants[1].rtp.len(), 10);
}

#[test]
fn a_retransmission_is_known_by_the_rid_that_it_repairs() {
    let mut call = Simulcast::new();
    call.tick(&EACH, &EACH);
    let lost = call.sources[2].next(false);
    call.tick(&EACH, &[]);
    call.world.participants[1].rtp.clear();
    let header = RtpHeader::parse(&lost).unwrap();
    let mut source = call.sources[2].clone();
    source.ssrc = Ssrc(23);
    source.payload_type = crate::media::VP8_RTX;
    source.timestamp = header.timestamp;
    source.rid = None;
    let mut payload = header.seq.0.to_be_bytes().to_vec();
    payload.extend_from_slice(header.payload(&lost));
    let packet = with_rid(&source.packet(&payload), 11, rids()[2]);
    call.world.send_rtp(0, &packet);
    assert_eq!(call.world.participants[1].rtp.len(), 1);
}

#[test]
fn an_ssrc_without_a_section_or_with_an_unknown_one_is_dropped() {
    let mut call = Simulcast::new();
    call.tick(&EACH, &EACH);
    let mut stranger = Source::video(Ssrc(99));
    stranger.mid = Some(mid("9"));
    call.world.send_rtp(0, &stranger.next(true));
    stranger.mid = None;
    call.world
        .send_rtp(0, &stranger.packet(&vp8_payload(true, 1)));
    assert_eq!(
        call.world.shard.counters().dropped(DropReason::UnknownSsrc),
        2
    );
}

#[test]
fn strays_of_an_encoding_do_not_take_its_place() {
    let mut call = Simulcast::new();
    call.tick(&EACH, &EACH);
    for i in 0..200 {
        call.stray(i);
    }
    let counters = call.world.shard.counters();
    assert_eq!(counters.dropped(DropReason::StreamTaken), 200);
    call.world.participants[1].rtp.clear();
    for source in &mut call.sources {
        (source.mid, source.rid) = (None, None);
    }
    call.tick(&EACH, &[]);
    assert_eq!(call.world.participants[1].rtp.len(), 1);
}

#[test]
fn an_encoding_may_change_its_ssrc_any_number_of_times() {
    let mut call = Simulcast::new();
    call.tick(&EACH, &EACH);
    for i in 0..200 {
        call.world.pass(Duration::from_secs(1));
        call.stray(i);
    }
    let counters = call.world.shard.counters();
    assert_eq!(counters.drops().map(|(_, count)| count).sum::<u64>(), 0);
}

#[test]
fn encodings_that_are_told_apart_by_their_ssrcs_alone_are_ordered_as_declared() {
    let mut world = World::with(2);
    let encodings = SSRCS.map(|ssrc| ReceiveEncoding {
        ssrc: Some(ssrc),
        ..ReceiveEncoding::default()
    });
    publish(&mut world, receive(MediaKind::Video, "0", &encodings));
    let mut media = send(MediaKind::Video, "0", 50_000);
    media.forwarding = up_to(1);
    subscribe(&mut world, 1, media);
    let mut sources = SSRCS.map(Source::video);
    for round in 0..2 {
        for source in &mut sources {
            world.send_rtp(0, &source.next(round == 0));
        }
    }
    // The first round brings the lowest and then the wanted one, the second only that.
    assert_eq!(world.participants[1].rtp.len(), 3);
}

#[test]
fn a_stream_goes_on_over_a_description_that_declares_its_ssrc_only_now() {
    let mut call = Simulcast::new();
    call.tick(&EACH, &EACH);
    let mut media = simulcast();
    media.encodings[2].ssrc = Some(SSRCS[2]);
    publish(&mut call.world, media);
    call.world.participants[1].rtp.clear();
    for source in &mut call.sources {
        source.mid = None;
        source.rid = None;
    }
    call.tick(&EACH, &[]);
    assert_eq!(call.world.participants[1].rtp.len(), 1);
}

#[test]
fn an_encoding_that_begins_anew_under_another_ssrc_goes_on_at_its_key_frame() {
    let mut call = Simulcast::new();
    call.tick(&[2], &EACH);
    call.tick(&[2], &[]);
    call.world.pass(Duration::from_secs(1));
    call.sources[2].ssrc = Ssrc(77);
    call.sources[2].seq = SeqNo(3);
    call.sources[2].timestamp = RtpTimestamp(9);
    call.tick(&[2], &[]);
    assert_eq!(call.plis(), [Ssrc(77)]);
    call.tick(&[2], &[2]);
    call.tick(&[2], &[]);
    let packets = &call.world.participants[1].rtp;
    assert_eq!(packets.len(), 4);
    assert_one_stream(packets);
}

/// What the section says of a client whose rids nothing explains, the highest layer first.
pub(crate) fn unexplained() -> ReceiveMedia {
    let mut media = simulcast();
    media.encodings.reverse();
    media.layer_order = LayerOrder::Unknown;
    media
}

/// Returns the sizes of pictures that were told, by rid.
fn told_sizes(world: &mut World) -> Vec<(Rid, u32)> {
    world.take_events(|event| match event {
        Event::PictureSized { rid, size, .. } => Some((*rid, size.height)),
        _ => None,
    })
}

/// Writes a key frame with pictures of a height.
fn sized(source: &mut Source, height: u16) -> Vec<u8> {
    let mut payload = vp8_payload(true, source.picture);
    payload[14..16].copy_from_slice(&height.to_le_bytes());
    source.frame(&payload)
}

#[test]
fn pictures_that_change_their_size_all_the_time_are_told_of_once_a_second() {
    let mut world = World::with(1);
    publish(&mut world, unexplained());
    let mut source = sources()[0].clone();
    let mut told = 0;
    for step in 0..100 {
        world.send_rtp(0, &sized(&mut source, 180 + step % 2));
        world.pass(Duration::from_millis(33));
        told += told_sizes(&mut world).len();
    }
    assert!((3..=4).contains(&told), "{told}");
}

#[test]
fn how_large_pictures_are_is_told_once_where_nothing_says_which_layer_is_which() {
    let heights = [180, 360, 720];
    let expected: Vec<_> = rids().into_iter().zip(heights.map(u32::from)).collect();
    for (media, expected) in [(unexplained(), expected), (simulcast(), Vec::new())] {
        let mut world = World::with(1);
        publish(&mut world, media);
        let mut sources = sources();
        for (source, height) in sources.iter_mut().zip(heights) {
            world.send_rtp(0, &sized(source, height));
        }
        assert_eq!(told_sizes(&mut world), expected);
        world.send_rtp(0, &sized(&mut sources[2], 720));
        world.send_rtp(0, &sources[2].next(false));
        assert_eq!(told_sizes(&mut world), []);
    }
}

#[test]
fn streams_go_on_when_their_layers_turn_out_to_be_in_another_order() {
    let mut call = Simulcast::publishing(unexplained());
    call.want(0);
    call.tick(&EACH, &EACH);
    // Clients name an SSRC's rid only until they know that it was heard.
    for source in &mut call.sources {
        source.rid = None;
    }
    call.tick(&EACH, &[]);
    call.plis();
    call.world.participants[1].rtp.clear();
    publish(&mut call.world, simulcast());
    call.tick(&EACH, &[]);
    assert_eq!(call.plis(), [SSRCS[0]], "the lowest is another one");
    call.tick(&EACH, &[0]);
    call.tick(&[0], &[]);
    let packets = &call.world.participants[1].rtp;
    assert_eq!(packets.len(), 3);
    assert_one_stream(packets);
}
