//! Several layers in one stream.

use sfu_model::{
    Codec, CodecBinding, Command, Extension, ExtensionId, ExtensionMap, Forwarding, MediaKind,
    PayloadType, ReceiveMedia, SendMedia, SpatialLayer, TemporalLayer,
};
use sfu_rtp::{ExtensionRanges, ExtensionTable, RtpHeader};

use crate::media::{
    CAMERA, Source, camera, extensions, picture_id, publish, send, subscribe, vp8_payload,
};
use crate::world::{World, subscription_id};

const VP9: PayloadType = PayloadType(98);

fn vp9() -> CodecBinding {
    CodecBinding {
        codec: Codec::Vp9,
        payload_type: VP9,
        rtx: None,
    }
}

fn with_descriptor() -> ExtensionMap {
    let descriptor = (Extension::DependencyDescriptor, ExtensionId(5));
    extensions().iter().chain([descriptor]).collect()
}

fn published() -> ReceiveMedia {
    let mut media = camera();
    media.codecs.push(vp9());
    media.extensions = with_descriptor();
    media
}

fn subscribed(spatial: u8) -> SendMedia {
    let mut media = send(MediaKind::Video, "0", 50_000);
    media.codecs.push(vp9());
    media.extensions = with_descriptor();
    media.forwarding = up_to(spatial);
    media
}

fn up_to(spatial: u8) -> Forwarding {
    Forwarding::UpTo {
        spatial: SpatialLayer(spatial),
        temporal: TemporalLayer::MAX,
    }
}

/// One packet that is a whole frame of a spatial layer (RFC 9628 section 4.2): I, P, L, F, B, E.
fn layer(source: &mut Source, spatial: u8, key: bool, last: bool) -> Vec<u8> {
    let predicted = if key { 0 } else { 0x40 };
    let upper = u8::from(spatial > 0);
    let [high, low] = source.picture.to_be_bytes();
    let layers = spatial << 1 | upper;
    let mut payload = vec![
        0x80 | predicted | 0x20 | 0x08 | 0x04,
        high | 0x80,
        low,
        layers,
        0,
    ];
    payload.extend_from_slice(&[0x55; 30]);
    let mut packet = source.packet(&payload);
    if !last {
        packet[1] &= 0x7f;
    }
    packet
}

/// Sends one picture of three spatial layers.
fn picture(world: &mut World, source: &mut Source, key: bool) {
    for spatial in 0..3 {
        let packet = layer(source, spatial, key, spatial == 2);
        world.send_rtp(0, &packet);
    }
    source.picture += 1;
    source.timestamp = source.timestamp.plus(3_000);
}

fn call(spatial: u8) -> (World, Source) {
    let mut world = World::with(2);
    publish(&mut world, published());
    subscribe(&mut world, 1, subscribed(spatial));
    let mut source = Source::video(CAMERA);
    source.payload_type = VP9;
    (world, source)
}

#[test]
fn spatial_layers_above_the_wanted_one_are_left_out_and_the_frame_ends_without_them() {
    let (mut world, mut source) = call(1);
    for i in 0..4 {
        picture(&mut world, &mut source, i == 0);
    }
    let headers = world.participants[1].take_headers();
    assert_eq!(headers.len(), 8);
    for pair in headers.windows(2) {
        assert_eq!(pair[1].seq, pair[0].seq.next());
    }
    let ends: Vec<_> = headers.iter().map(|header| header.marker).collect();
    assert_eq!(ends, [false, true].repeat(4));
}

#[test]
fn all_layers_are_forwarded_when_all_are_wanted() {
    let (mut world, mut source) = call(2);
    picture(&mut world, &mut source, true);
    assert_eq!(world.participants[1].rtp.len(), 3);
}

#[test]
fn a_spatial_layer_is_taken_up_at_a_key_frame_which_is_asked_for() {
    let (mut world, mut source) = call(0);
    picture(&mut world, &mut source, true);
    picture(&mut world, &mut source, false);
    assert_eq!(world.participants[1].take_headers().len(), 2);
    assert_eq!(world.shard.counters().plis_out, 0);
    world.command(Command::SetForwarding {
        subscription: subscription_id(1),
        forwarding: up_to(2),
    });
    picture(&mut world, &mut source, false);
    assert_eq!(world.shard.counters().plis_out, 1);
    assert_eq!(world.participants[1].take_headers().len(), 1);
    picture(&mut world, &mut source, true);
    assert_eq!(world.participants[1].take_headers().len(), 3);
}

fn descriptors(world: &mut World) -> Vec<bool> {
    let table = ExtensionTable::from(&with_descriptor());
    let packets = std::mem::take(&mut world.participants[1].rtp);
    let has_descriptor = |packet: &Vec<u8>| {
        let header = RtpHeader::parse(packet).unwrap();
        let values = ExtensionRanges::find(&header, packet, &table);
        values.dependency_descriptor(packet).is_some()
    };
    packets.iter().map(has_descriptor).collect()
}

#[test]
fn a_frame_descriptor_is_passed_on_where_one_stream_carries_all_layers_and_nowhere_else() {
    let (mut world, mut source) = call(2);
    let packet = with_bytes(&layer(&mut source, 0, true, true), &[0xc0, 0, 1]);
    world.send_rtp(0, &packet);
    assert_eq!(descriptors(&mut world), [true]);
    source.payload_type = crate::media::VP8;
    let packet = with_bytes(&source.next(true), &[0xc0, 0, 1]);
    world.send_rtp(0, &packet);
    assert_eq!(descriptors(&mut world), [false]);
}

#[test]
fn temporal_layers_above_the_wanted_one_are_left_out_and_pictures_renumbered() {
    let mut world = World::with(2);
    publish(&mut world, published());
    let mut media = subscribed(2);
    media.forwarding = Forwarding::UpTo {
        spatial: SpatialLayer::MAX,
        temporal: TemporalLayer(0),
    };
    subscribe(&mut world, 1, media);
    let mut source = Source::video(CAMERA);
    for i in 0..8_u8 {
        let mut payload = vp8_payload(i == 0, source.picture);
        // TID and Y, in the byte of KEYIDX.
        payload[5] = (i % 2) << 6 | 0x20;
        source.picture += 1;
        let packet = source.packet(&payload);
        source.timestamp = source.timestamp.plus(3_000);
        world.send_rtp(0, &packet);
    }
    let packets = std::mem::take(&mut world.participants[1].rtp);
    assert_eq!(packets.len(), 4);
    for pair in packets.windows(2) {
        let [before, after] = [&pair[0], &pair[1]].map(|one| RtpHeader::parse(one).unwrap());
        assert_eq!(after.seq, before.seq.next());
        assert_eq!(after.timestamp, before.timestamp.plus(6_000));
        assert_eq!(picture_id(&pair[1]), picture_id(&pair[0]) + 1);
    }
}

const AV1: PayloadType = PayloadType(35);

/// The dependency descriptor of a key frame's first packet: two spatial layers with one template
/// and one decode target each (AV1 RTP specification, appendix A.8).
fn structure() -> Vec<u8> {
    let fields = [
        "10",               // start_of_frame, end_of_frame
        "000000",           // frame_dependency_template_id
        "0000000000000001", // frame_number
        "10000",            // template_dependency_structure_present_flag, and no other flag
        "000000",           // template_id_offset
        "00001",            // dt_cnt_minus_one
        "10",               // next_layer_idc: the next template is of the next spatial layer
        "11",               // next_layer_idc: no more templates
        "1111",             // the first template is required by both decode targets
        "0011",             // the second by the higher
        "0",                // fdiff_follows_flag of the first template
        "0",                // and of the second
        "0",                // chain_cnt
        "0",                // resolutions_present_flag
    ];
    let mut bits = fields.concat();
    bits.extend(std::iter::repeat_n(
        '0',
        bits.len().next_multiple_of(8) - bits.len(),
    ));
    bits.as_bytes()
        .chunks(8)
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
        .collect()
}

/// Adds a dependency descriptor to a packet without extensions.
fn with_bytes(packet: &[u8], descriptor: &[u8]) -> Vec<u8> {
    let len = u8::try_from(descriptor.len()).unwrap();
    let mut block = vec![5 << 4 | (len - 1)];
    block.extend_from_slice(descriptor);
    block.resize(block.len().next_multiple_of(4), 0);
    let words = u16::try_from(block.len() / 4).unwrap();
    let mut out = packet[..12].to_vec();
    out[0] |= 0x10;
    out.extend_from_slice(&[0xbe, 0xde]);
    out.extend_from_slice(&words.to_be_bytes());
    out.extend_from_slice(&block);
    out.extend_from_slice(&packet[12..]);
    out
}

#[test]
fn av1_layers_are_told_by_the_frame_descriptor_in_every_packet() {
    let mut world = World::with(2);
    let av1 = CodecBinding {
        codec: Codec::Av1,
        payload_type: AV1,
        rtx: None,
    };
    let (mut published, mut subscribed) = (published(), subscribed(0));
    published.codecs.push(av1);
    subscribed.codecs.push(av1);
    publish(&mut world, published);
    subscribe(&mut world, 1, subscribed);
    let mut source = Source::video(CAMERA);
    source.payload_type = AV1;
    // A sequence header that begins a sequence; the first half of a frame; the second half.
    let (key, first, second) = ([0x18, 0x08, 0, 0], [0x50, 0x30, 0, 0], [0x90, 1, 2, 3]);
    let mut send = |payload: &[u8], descriptor: &[u8]| {
        let mut packet = source.packet(payload);
        packet[1] &= 0x7f;
        world.send_rtp(0, &with_bytes(&packet, descriptor));
    };
    // Each of template 0, the lower layer, or 1, the higher: begins and goes on, goes on and ends.
    send(&key, &structure());
    send(&second, &[0x40, 0, 1]);
    send(&first, &[0x81, 0, 2]);
    send(&second, &[0x41, 0, 2]);
    send(&first, &[0x80, 0, 3]);
    send(&second, &[0x40, 0, 3]);
    let headers = world.participants[1].take_headers();
    let ends: Vec<_> = headers.iter().map(|header| header.marker).collect();
    assert_eq!(ends, [false, true, false, true]);
    for pair in headers.windows(2) {
        assert_eq!(pair[1].seq, pair[0].seq.next());
    }
}
