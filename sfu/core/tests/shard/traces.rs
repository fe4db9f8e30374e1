//! What Chromium sends of several layers, as it was recorded: each viewer gets what it can decode, whatever it wants
//! and however often that changes.
//!
//! A line of a trace is a packet: its number, timestamp, marker, the length of its payload, its dependency descriptor,
//! and how its payload begins.

use std::collections::BTreeSet;
use std::time::Duration;

use sfu_model::{
    Codec, CodecBinding, Command, Extension, ExtensionId, ExtensionMap, Forwarding, MediaKind,
    PayloadType, ReceiveEncoding, ReceiveMedia, SpatialLayer, Ssrc, TemporalLayer,
};
use sfu_rtp::{
    DependencyDescriptor, ExtensionRanges, ExtensionTable, Outgoing, OutgoingExtensions,
    OutgoingPayload, RtpHeader, RtpTimestamp, SeqNo, TemplateStructure, write_rtp,
};

use crate::media::{CAMERA, camera, extensions, publish, send, subscribe};
use crate::simulcast::plis;
use crate::world::{World, subscription_id};

/// A recorded stream.
struct Trace {
    codec: Codec,
    packets: Vec<Vec<u8>>,
}

const PAYLOAD_TYPE: PayloadType = PayloadType(45);
const RTX: PayloadType = PayloadType(46);

fn descriptors() -> ExtensionMap {
    let descriptor = (Extension::DependencyDescriptor, ExtensionId(5));
    extensions().iter().chain([descriptor]).collect()
}

impl Trace {
    fn all() -> [Self; 4] {
        [
            Self::read(Codec::Vp9, include_str!("traces/vp9-l3t3-key.txt")),
            Self::read(Codec::Vp9, include_str!("traces/vp9-l2t2.txt")),
            Self::read(Codec::Av1, include_str!("traces/av1-l1t3.txt")),
            Self::read(Codec::Av1, include_str!("traces/av1-l2t2.txt")),
        ]
    }

    fn read(codec: Codec, text: &str) -> Self {
        let packets = text.lines().map(packet).collect();
        Self { codec, packets }
    }
}

fn packet(line: &str) -> Vec<u8> {
    let fields: Vec<_> = line.split(' ').collect();
    let number = |field: usize| fields[field].parse::<u32>().unwrap();
    let descriptor = hex(fields[4]);
    let mut payload = hex(fields[5]);
    payload.resize(number(3) as usize, 0x55);
    let header = Outgoing {
        ssrc: CAMERA,
        seq: SeqNo(u16::try_from(number(0)).unwrap()),
        timestamp: RtpTimestamp(number(1)),
        payload_type: PAYLOAD_TYPE,
        marker: number(2) == 1,
    };
    let values = OutgoingExtensions {
        dependency_descriptor: Some(&descriptor),
        ..OutgoingExtensions::default()
    };
    let payload = OutgoingPayload::plain(&payload);
    let mut packet = Vec::new();
    write_rtp(&mut packet, &header, &descriptors(), &values, &payload);
    packet
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .collect();
    let byte = |pair: &[u32]| u8::try_from(pair[0] * 16 + pair[1]).unwrap();
    digits.chunks_exact(2).map(byte).collect()
}

fn binding(codec: Codec) -> CodecBinding {
    CodecBinding {
        codec,
        payload_type: PAYLOAD_TYPE,
        rtx: Some(RTX),
    }
}

/// What the section of the publisher says.
fn published(codec: Codec) -> ReceiveMedia {
    let mut media = camera();
    media.codecs = vec![binding(codec)];
    media.extensions = descriptors();
    media
}

fn encoding(ssrc: Option<Ssrc>) -> ReceiveEncoding {
    ReceiveEncoding {
        ssrc,
        ..ReceiveEncoding::default()
    }
}

/// Returns the dependency descriptor of a packet; nothing if it has none.
fn descriptor_of(packet: &[u8]) -> Vec<u8> {
    let header = RtpHeader::parse(packet).unwrap();
    let table = ExtensionTable::from(&descriptors());
    let values = ExtensionRanges::find(&header, packet, &table);
    let descriptor = values.dependency_descriptor(packet);
    descriptor.unwrap_or_default().to_vec()
}

/// A publisher that sends a trace, and a viewer of it.
struct Call {
    world: World,
    decoder: Decoder,
}

impl Call {
    fn new(codec: Codec, spatial: u8, temporal: u8) -> Self {
        let mut world = World::with(2);
        publish(&mut world, published(codec));
        let mut subscribed = send(MediaKind::Video, "0", 50_000);
        subscribed.codecs = vec![binding(codec)];
        subscribed.extensions = descriptors();
        subscribed.forwarding = up_to(spatial, temporal);
        subscribe(&mut world, 1, subscribed);
        Self {
            world,
            decoder: Decoder::default(),
        }
    }

    fn want(&mut self, spatial: u8, temporal: u8) {
        self.world.command(Command::SetForwarding {
            subscription: subscription_id(1),
            forwarding: up_to(spatial, temporal),
        });
    }

    fn send(&mut self, packet: &[u8]) {
        self.world.send_rtp(0, packet);
        self.world.pass(Duration::from_millis(10));
        let received = std::mem::take(&mut self.world.participants[1].rtp);
        received.iter().for_each(|packet| self.decoder.take(packet));
    }
}

fn up_to(spatial: u8, temporal: u8) -> Forwarding {
    Forwarding::UpTo {
        spatial: SpatialLayer(spatial),
        temporal: TemporalLayer(temporal),
    }
}

/// Takes what a viewer gets, and holds that it can decode every frame.
#[derive(Default)]
struct Decoder {
    structure: Option<TemplateStructure>,
    /// The header of the latest packet.
    latest: Option<RtpHeader>,
    /// The frames that came whole.
    whole: BTreeSet<u16>,
    /// The frame that is coming.
    coming: Option<u16>,
    layers: BTreeSet<(u8, u8)>,
    active: Option<u32>,
}

impl Decoder {
    fn take(&mut self, packet: &[u8]) {
        let header = RtpHeader::parse(packet).unwrap();
        if let Some(latest) = &self.latest {
            assert_eq!(header.seq, latest.seq.next());
            assert!(latest.marker || latest.timestamp == header.timestamp);
        }
        let bytes = descriptor_of(packet);
        if let Ok(structure) = TemplateStructure::parse(&bytes) {
            self.structure = Some(structure);
        }
        let read = DependencyDescriptor::parse(&bytes, self.structure.as_ref()).unwrap();
        self.take_frame(&read);
        self.latest = Some(header);
    }

    fn take_frame(&mut self, read: &DependencyDescriptor) {
        let number = read.frame_number;
        if read.start_of_frame {
            assert_eq!(self.coming, None, "a frame was cut");
            let near = read.dependencies.references.near();
            for distance in (1..64).filter(|distance| near & (1 << distance) != 0) {
                let needed = number.wrapping_sub(distance);
                assert!(self.whole.contains(&needed), "{number} needs {needed}");
            }
            self.coming = Some(number);
        }
        assert_eq!(self.coming, Some(number));
        if read.end_of_frame {
            self.whole.insert(number);
            self.coming = None;
        }
        let layer = read.dependencies.layer;
        self.layers.insert((layer.spatial.0, layer.temporal.0));
        self.active = read.active_decode_targets.or(self.active);
    }
}

/// Plays a trace to a viewer who wants the same all the time. Returns the layers and the decode targets of it.
fn watch(trace: &Trace, spatial: u8, temporal: u8) -> (Vec<(u8, u8)>, u32) {
    let mut call = Call::new(trace.codec, spatial, temporal);
    for packet in &trace.packets {
        call.send(packet);
    }
    assert_eq!(plis(&mut call.world), []);
    let layers = call.decoder.layers.into_iter().collect();
    (layers, call.decoder.active.unwrap())
}

#[test]
fn a_viewer_gets_the_layers_that_it_wants_and_is_told_so() {
    let [vp9_key, vp9, av1_temporal, av1] = Trace::all();
    // Decode targets are (0, 0), (0, 1), and so on.
    assert_eq!(watch(&av1_temporal, 2, 0), (vec![(0, 0)], 0b001));
    assert_eq!(watch(&av1_temporal, 2, 1), (vec![(0, 0), (0, 1)], 0b011));
    assert_eq!(watch(&av1_temporal, 0, 3).1, 0b111);
    assert_eq!(watch(&av1, 0, 3), (vec![(0, 0), (0, 1)], 0b0011));
    assert_eq!(watch(&av1, 1, 0), (vec![(0, 0), (1, 0)], 0b0101));
    assert_eq!(watch(&vp9, 0, 0), (vec![(0, 0)], 0b0001));
    assert_eq!(watch(&vp9, 2, 3).0.len(), 4);
    let (layers, active) = watch(&vp9_key, 1, 0);
    // Of the lowest spatial layer key frames alone.
    assert_eq!((layers, active), (vec![(0, 0), (1, 0)], 0b00_1001));
}

#[test]
fn a_viewer_can_decode_all_that_it_gets_however_often_it_wants_something_else() {
    for trace in Trace::all() {
        for every in [3, 7, 13, 40] {
            let mut call = Call::new(trace.codec, 2, 3);
            let mut step = 0_u8;
            for (place, packet) in trace.packets.iter().enumerate() {
                if place % every == every - 1 {
                    step = step.wrapping_mul(5).wrapping_add(7) % 32;
                    call.want(step % 3, step / 3 % 3);
                }
                call.send(packet);
            }
            assert!(call.decoder.whole.len() > 20);
        }
    }
}

#[test]
fn a_viewer_can_decode_all_that_comes_of_a_stream_that_it_joins_in_the_midst_of() {
    for trace in Trace::all() {
        let mut call = Call::new(trace.codec, 1, 1);
        for packet in &trace.packets[20..] {
            call.send(packet);
        }
        assert!(plis(&mut call.world).len() >= 2);
    }
}

/// The packets of a trace as another stream's.
fn as_stream(trace: &Trace, ssrc: Ssrc) -> Vec<Vec<u8>> {
    let of_it = |packet: &Vec<u8>| {
        let mut packet = packet.clone();
        packet[8..12].copy_from_slice(&ssrc.0.to_be_bytes());
        packet
    };
    trace.packets.iter().map(of_it).collect()
}

#[test]
fn temporal_layers_of_each_encoding_are_told_by_descriptors_that_are_not_passed_on() {
    let [.., trace, _] = Trace::all();
    let ssrcs = [Ssrc(11), Ssrc(12)];
    let mut call = Call::new(trace.codec, 1, 0);
    let mut media = published(trace.codec);
    media.encodings = ssrcs.map(Some).map(encoding).to_vec();
    publish(&mut call.world, media);
    let streams = ssrcs.map(|ssrc| as_stream(&trace, ssrc));
    let mut lowest = 0;
    for (place, packet) in trace.packets.iter().enumerate() {
        let structure = TemplateStructure::parse(&descriptor_of(&trace.packets[0])).unwrap();
        let read = DependencyDescriptor::parse(&descriptor_of(packet), Some(&structure)).unwrap();
        lowest += usize::from(read.dependencies.layer.temporal.0 == 0);
        for stream in &streams {
            call.world.send_rtp(0, &stream[place]);
        }
    }
    let received = std::mem::take(&mut call.world.participants[1].rtp);
    // One picture comes of both encodings, before there is one of the better.
    assert_eq!(received.len(), lowest + 1);
    let headers: Vec<_> = received
        .iter()
        .map(|packet| RtpHeader::parse(packet).unwrap())
        .collect();
    for pair in headers.windows(2) {
        assert_eq!(pair[1].seq, pair[0].seq.next());
    }
    assert!(
        received
            .iter()
            .all(|packet| descriptor_of(packet).is_empty())
    );
}
