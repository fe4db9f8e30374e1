//! Media sections and packets as clients have them, and a picture's way from one to another.

use std::time::Duration;

use sfu_core::DropReason;
use sfu_model::{
    Codec, CodecBinding, Command, Extension, ExtensionId, ExtensionMap, Forwarding, Importance,
    LayerOrder, MediaKind, Mid, Opening, Pausing, PayloadType, ReceiveEncoding, ReceiveMedia,
    RedundancyPolicy, Rid, SendMedia, SpatialLayer, Ssrc, TemporalLayer, Token,
};
use sfu_rtp::{
    ExtensionRanges, ExtensionTable, Outgoing, OutgoingExtensions, OutgoingPayload, RtpHeader,
    RtpTimestamp, SeqNo, write_rtp,
};

use crate::world::{World, publication_id, subscription_id};

pub(crate) const VP8: PayloadType = PayloadType(96);
pub(crate) const VP8_RTX: PayloadType = PayloadType(97);
pub(crate) const OPUS: PayloadType = PayloadType(111);
pub(crate) const CAMERA: Ssrc = Ssrc(1_000);
pub(crate) const CAMERA_RTX: Ssrc = Ssrc(1_001);
pub(crate) const MICROPHONE: Ssrc = Ssrc(2_000);

pub(crate) const ALL: Forwarding = Forwarding::UpTo {
    spatial: SpatialLayer::MAX,
    temporal: TemporalLayer::MAX,
};

pub(crate) fn mid(text: &str) -> Mid {
    Mid(Token::new(text.as_bytes()).unwrap())
}

pub(crate) fn rid(text: &str) -> Rid {
    Rid(Token::new(text.as_bytes()).unwrap())
}

pub(crate) fn extensions() -> ExtensionMap {
    [
        (Extension::Mid, ExtensionId(1)),
        (Extension::AudioLevel, ExtensionId(2)),
        (Extension::AbsSendTime, ExtensionId(3)),
        (Extension::TransportCc, ExtensionId(4)),
        (Extension::Rid, ExtensionId(10)),
        (Extension::RepairedRid, ExtensionId(11)),
    ]
    .into_iter()
    .collect()
}

pub(crate) fn vp8() -> CodecBinding {
    CodecBinding {
        codec: Codec::Vp8,
        payload_type: VP8,
        rtx: Some(VP8_RTX),
    }
}

pub(crate) fn opus() -> CodecBinding {
    CodecBinding {
        codec: Codec::Opus,
        payload_type: OPUS,
        rtx: None,
    }
}

pub(crate) fn receive(
    kind: MediaKind,
    section: &str,
    encodings: &[ReceiveEncoding],
) -> ReceiveMedia {
    ReceiveMedia {
        kind,
        mid: mid(section),
        flexfec: None,
        codecs: vec![match kind {
            MediaKind::Audio => opus(),
            MediaKind::Video => vp8(),
        }],
        extensions: extensions(),
        encodings: encodings.to_vec(),
        layer_order: LayerOrder::Known,
        nack: true,
        transport_cc: kind == MediaKind::Video,
    }
}

pub(crate) fn camera() -> ReceiveMedia {
    let encoding = ReceiveEncoding {
        ssrc: Some(CAMERA),
        rtx_ssrc: Some(CAMERA_RTX),
        ..ReceiveEncoding::default()
    };
    receive(MediaKind::Video, "0", &[encoding])
}

pub(crate) fn send(kind: MediaKind, section: &str, ssrc: u32) -> SendMedia {
    let video = kind == MediaKind::Video;
    SendMedia {
        mid: mid(section),
        ssrc: Ssrc(ssrc),
        rtx_ssrc: video.then_some(Ssrc(ssrc + 1)),
        codecs: vec![if video { vp8() } else { opus() }],
        extensions: extensions(),
        nack: true,
        cname: "somebody".to_owned(),
        forwarding: ALL,
        opening: Opening::Media,
        importance: Importance::default(),
        pausing: Pausing::default(),
        redundancy: RedundancyPolicy::default(),
    }
}

/// A packet of a stream under way: [`Source::next`] advances it.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) ssrc: Ssrc,
    pub(crate) payload_type: PayloadType,
    pub(crate) seq: SeqNo,
    pub(crate) timestamp: RtpTimestamp,
    pub(crate) mid: Option<Mid>,
    pub(crate) rid: Option<Rid>,
    pub(crate) picture: u16,
    pub(crate) transport_cc: Option<SeqNo>,
}

impl Source {
    pub(crate) fn video(ssrc: Ssrc) -> Self {
        Self {
            ssrc,
            payload_type: VP8,
            seq: SeqNo(65_530),
            timestamp: RtpTimestamp(u32::MAX - 10_000),
            mid: None,
            rid: None,
            picture: 100,
            transport_cc: None,
        }
    }

    pub(crate) fn audio(ssrc: Ssrc) -> Self {
        Self {
            payload_type: OPUS,
            ..Self::video(ssrc)
        }
    }

    /// Writes the next packet, a picture of its own.
    pub(crate) fn next(&mut self, key_frame: bool) -> Vec<u8> {
        self.next_of(VP8_PAYLOAD_LEN, key_frame)
    }

    /// Writes the next packet, a picture of its own of `len` bytes.
    pub(crate) fn next_of(&mut self, len: usize, key_frame: bool) -> Vec<u8> {
        let payload = vp8_payload_of(len, key_frame, self.picture);
        self.frame(&payload)
    }

    /// Writes the next packet, a frame of its own.
    pub(crate) fn frame(&mut self, payload: &[u8]) -> Vec<u8> {
        self.picture = (self.picture + 1) & 0x7fff;
        let packet = self.packet(payload);
        self.timestamp = self.timestamp.plus(3_000);
        packet
    }

    /// Writes the next packet, with a payload of any kind.
    pub(crate) fn packet(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut packet = Vec::new();
        let header = Outgoing {
            ssrc: self.ssrc,
            seq: self.seq,
            timestamp: self.timestamp,
            payload_type: self.payload_type,
            marker: true,
        };
        let values = OutgoingExtensions {
            mid: self.mid,
            transport_cc: self.transport_cc,
            ..OutgoingExtensions::default()
        };
        write_rtp(
            &mut packet,
            &header,
            &extensions(),
            &values,
            &OutgoingPayload::plain(payload),
        );
        self.seq = self.seq.next();
        self.transport_cc = self.transport_cc.map(SeqNo::next);
        match self.rid {
            Some(rid) => with_rid(&packet, 10, rid),
            None => packet,
        }
    }
}

/// Adds a rid to a packet, which [`write_rtp`] never does: the last element of its one-byte form.
pub(crate) fn with_rid(packet: &[u8], id: u8, rid: Rid) -> Vec<u8> {
    let header = RtpHeader::parse(packet).unwrap();
    let text = rid.0.as_bytes();
    let mut block = header.extension_block.of(packet).to_vec();
    block.push(id << 4 | u8::try_from(text.len() - 1).unwrap());
    block.extend_from_slice(text);
    while !block.len().is_multiple_of(4) {
        block.push(0);
    }
    let mut out = packet[..12].to_vec();
    out[0] |= 0x10;
    out.extend_from_slice(&[0xbe, 0xde]);
    out.extend_from_slice(&u16::try_from(block.len() / 4).unwrap().to_be_bytes());
    out.extend_from_slice(&block);
    out.extend_from_slice(header.payload(packet));
    out
}

/// Length of [`vp8_payload`].
const VP8_PAYLOAD_LEN: usize = 56;

/// A VP8 payload with a 15-bit picture id and a temporal layer of zero.
pub(crate) fn vp8_payload(key_frame: bool, picture: u16) -> Vec<u8> {
    let [high, low] = picture.to_be_bytes();
    let mut payload = vec![0x90, 0xe0, high | 0x80, low, 7, 0x20];
    payload.push(u8::from(!key_frame));
    payload.extend_from_slice(&[0, 0, 0x9d, 0x01, 0x2a, 0, 1, 0, 1]);
    payload.extend_from_slice(&[0x55; 40]);
    payload
}

/// The same, `len` bytes long.
pub(crate) fn vp8_payload_of(len: usize, key_frame: bool, picture: u16) -> Vec<u8> {
    let mut payload = vp8_payload(key_frame, picture);
    payload.resize(len, 7);
    payload
}

pub(crate) fn picture_id(packet: &[u8]) -> u16 {
    let header = RtpHeader::parse(packet).unwrap();
    let payload = header.payload(packet);
    u16::from_be_bytes([payload[2] & 0x7f, payload[3]])
}

/// A world in which participant 0 publishes a camera and the others subscribe to it.
pub(crate) fn call(participants: u32) -> World {
    let mut world = World::with(participants);
    publish(&mut world, camera());
    for subscriber in 1..participants {
        subscribe(&mut world, subscriber, send(MediaKind::Video, "0", 50_000));
    }
    world
}

pub(crate) fn publish(world: &mut World, media: ReceiveMedia) {
    let peer = world.participants[0].id;
    world.command(Command::Publish {
        publication: publication_id(0),
        peer,
        media,
    });
}

/// Subscribes a participant to publication 0, as the subscription of its own number.
pub(crate) fn subscribe(world: &mut World, subscriber: u32, media: SendMedia) {
    let peer = world.participants[usize::try_from(subscriber).unwrap()].id;
    world.command(Command::Subscribe {
        subscription: subscription_id(subscriber),
        publication: publication_id(0),
        peer,
        media,
    });
}

#[test]
fn a_packet_reaches_every_subscriber_with_its_own_numbers() {
    let mut world = call(3);
    let mut source = Source::video(CAMERA);
    for i in 0..10 {
        world.send_rtp(0, &source.next(i == 0));
    }
    for subscriber in [1, 2] {
        let headers = world.participants[subscriber].take_headers();
        assert_eq!(headers.len(), 10);
        for pair in headers.windows(2) {
            assert_eq!(pair[1].seq, pair[0].seq.next());
            assert_eq!(pair[1].timestamp, pair[0].timestamp.plus(3_000));
        }
        assert!(headers.iter().all(|header| header.ssrc == Ssrc(50_000)));
    }
    assert_eq!(world.shard.counters().rtp_in, 10);
    assert_eq!(world.shard.counters().rtp_out, 20);
}

#[test]
fn video_that_is_handled_in_one_tick_leaves_together() {
    let mut world = call(3);
    let mut source = Source::video(CAMERA);
    world.send_rtp(0, &source.next(true));
    for _ in 0..4 {
        world.handle_rtp(0, &source.next(false));
    }
    let mut buf = Vec::new();
    for subscriber in [1, 2] {
        let transmit = world.shard.poll_transmit(world.now, &mut buf).unwrap();
        assert_eq!(transmit.path, world.participants[subscriber].path);
        assert_eq!(transmit.layout.stride() * 4, buf.len());
        world.deliver(transmit, &buf);
    }
    assert!(world.shard.poll_transmit(world.now, &mut buf).is_none());
    let headers = world.participants[2].take_headers();
    assert_eq!(headers.len(), 5);
    for pair in headers.windows(2) {
        assert_eq!(pair[1].seq, pair[0].seq.next());
    }
}

#[test]
fn a_forwarded_packet_carries_the_subscribers_section_and_numbers_of_its_transport() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    source.mid = Some(mid("0"));
    let mut media = send(MediaKind::Video, "subscribed", 50_000);
    media.extensions = [
        (Extension::Mid, ExtensionId(7)),
        (Extension::TransportCc, ExtensionId(8)),
        (Extension::AbsSendTime, ExtensionId(9)),
    ]
    .into_iter()
    .collect();
    let table = ExtensionTable::from(&media.extensions);
    subscribe(&mut world, 1, media);
    for i in 0..3 {
        world.send_rtp(0, &source.next(i == 0));
    }
    let packets = std::mem::take(&mut world.participants[1].rtp);
    let numbers: Vec<_> = packets
        .iter()
        .map(|packet| {
            let values = ExtensionRanges::find(&RtpHeader::parse(packet).unwrap(), packet, &table);
            assert_eq!(values.mid(packet), Some(mid("subscribed")));
            assert!(values.get(packet, Extension::AbsSendTime).is_some());
            values.transport_cc(packet).unwrap()
        })
        .collect();
    assert_eq!(numbers, [SeqNo(0), SeqNo(1), SeqNo(2)]);
}

#[test]
fn nothing_is_sent_before_a_key_frame_and_one_is_asked_for() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    for _ in 0..5 {
        world.send_rtp(0, &source.next(false));
    }
    assert_eq!(world.participants[1].rtp.len(), 0);
    assert_eq!(world.shard.counters().plis_out, 1);
    world.send_rtp(0, &source.next(true));
    assert_eq!(world.participants[1].rtp.len(), 1);
}

#[test]
fn a_duplicate_is_forwarded_once() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    let packet = source.next(true);
    world.send_rtp(0, &packet);
    // The same packet once more as a retransmission: SRTP lets it pass, for it has another SSRC.
    let copy = retransmission(&packet, 1);
    world.send_rtp(0, &copy);
    assert_eq!(world.participants[1].rtp.len(), 1);
    assert_eq!(world.shard.counters().dropped(DropReason::Duplicate), 1);
}

/// Makes a retransmission of `packet` as the `number`th of the camera's.
pub(crate) fn retransmission(packet: &[u8], number: u16) -> Vec<u8> {
    let header = RtpHeader::parse(packet).unwrap();
    let mut out = Vec::new();
    let outgoing = Outgoing {
        ssrc: CAMERA_RTX,
        seq: SeqNo(number),
        timestamp: header.timestamp,
        payload_type: VP8_RTX,
        marker: header.marker,
    };
    let payload = OutgoingPayload {
        bytes: header.payload(packet),
        original_seq: Some(header.seq),
        vp8: None,
        padding: 0,
    };
    let values = OutgoingExtensions::default();
    write_rtp(&mut out, &outgoing, &extensions(), &values, &payload);
    out
}

#[test]
fn a_paused_subscription_gets_nothing_and_goes_on_at_a_key_frame() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    world.send_rtp(0, &source.next(true));
    let set = |forwarding| Command::SetForwarding {
        subscription: subscription_id(1),
        forwarding,
    };
    world.command(set(Forwarding::Paused));
    for _ in 0..20 {
        world.send_rtp(0, &source.next(false));
        world.pass(Duration::from_millis(33));
    }
    assert_eq!(world.participants[1].rtp.len(), 1);
    world.command(set(ALL));
    world.send_rtp(0, &source.next(false));
    world.send_rtp(0, &source.next(true));
    let packets = std::mem::take(&mut world.participants[1].rtp);
    assert_eq!(packets.len(), 2);
    let [before, after] =
        [&packets[0], &packets[1]].map(|packet| RtpHeader::parse(packet).unwrap());
    assert_eq!(after.seq, before.seq.next());
    assert_eq!(after.timestamp, before.timestamp.plus(22 * 3_000));
    assert_eq!(picture_id(&packets[1]), picture_id(&packets[0]) + 1);
}

#[test]
fn each_subscriber_of_many_gets_every_packet_that_came_in_one_tick_once() {
    const SUBSCRIBERS: u32 = 60;
    const PACKETS: usize = 20;
    let mut world = call(1 + SUBSCRIBERS);
    let mut source = Source::video(CAMERA);
    for i in 0..PACKETS {
        world.handle_rtp(0, &source.next(i == 0));
    }
    assert!(world.shard.is_backlogged());
    // Some have had their turn when one of them leaves.
    let mut buf = Vec::new();
    let transmit = world.shard.poll_transmit(world.now, &mut buf).unwrap();
    world.deliver(transmit, &buf);
    let subscription = subscription_id(1);
    world.command(Command::Unsubscribe { subscription });
    world.exchange();
    assert!(!world.shard.is_backlogged());
    for subscriber in 1..=60 {
        let headers = world.participants[subscriber].take_headers();
        assert_eq!(headers.len(), PACKETS, "subscriber {subscriber}");
        for pair in headers.windows(2) {
            assert_eq!(pair[1].seq, pair[0].seq.next());
        }
    }
}

#[test]
fn packets_of_a_picture_that_differ_by_a_byte_leave_as_one_run() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    world.send_rtp(0, &source.next(true));
    world.participants[1].rtp.clear();
    let lengths = [900, 900, 901, 901];
    for len in lengths {
        let payload = vp8_payload_of(len, false, source.picture);
        world.handle_rtp(0, &source.packet(&payload));
    }
    let mut buf = Vec::new();
    let transmit = world.shard.poll_transmit(world.now, &mut buf).unwrap();
    assert_eq!(transmit.layout.stride(), buf.len() / lengths.len());
    world.deliver(transmit, &buf);
    assert!(world.shard.poll_transmit(world.now, &mut buf).is_none());
    let packets = std::mem::take(&mut world.participants[1].rtp);
    let received = packets.iter().map(|packet| {
        let header = RtpHeader::parse(packet).unwrap();
        (header.payload(packet).len(), header.padding)
    });
    let received: Vec<_> = received.collect();
    assert_eq!(received, [(900, 1), (900, 1), (901, 0), (901, 0)]);
}

#[test]
fn a_packet_that_is_repeated_as_it_was_is_never_padded() {
    let mut world = World::with(2);
    publish(&mut world, camera());
    let mut media = send(MediaKind::Video, "0", 50_000);
    media.rtx_ssrc = None;
    subscribe(&mut world, 1, media);
    let mut source = Source::video(CAMERA);
    world.send_rtp(0, &source.next(true));
    world.participants[1].rtp.clear();
    for len in [900, 901] {
        let payload = vp8_payload_of(len, false, source.picture);
        world.handle_rtp(0, &source.packet(&payload));
    }
    world.exchange();
    let headers = world.participants[1].take_headers();
    assert!(headers.iter().all(|header| header.padding == 0));
    assert_eq!(headers.len(), 2);
}

#[test]
fn packets_that_come_in_the_midst_of_a_fan_out_reach_everybody_too() {
    const SUBSCRIBERS: u32 = 60;
    let mut world = call(1 + SUBSCRIBERS);
    let mut source = Source::video(CAMERA);
    for i in 0..10 {
        world.handle_rtp(0, &source.next(i == 0));
    }
    let mut buf = Vec::new();
    let transmit = world.shard.poll_transmit(world.now, &mut buf).unwrap();
    world.deliver(transmit, &buf);
    world.handle_rtp(0, &source.next(false));
    world.exchange();
    for subscriber in 1..=60 {
        let headers = world.participants[subscriber].take_headers();
        assert_eq!(headers.len(), 11, "subscriber {subscriber}");
    }
}
