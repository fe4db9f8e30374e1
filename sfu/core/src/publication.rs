//! A track that is forwarded here, with the streams that it comes in.

use std::iter;
use std::time::{Duration, Instant};

use sfu_model::{
    Codec, EncodingStatistics, ExtensionMap, LayerOrder, MediaKind, Mid, PayloadType, PictureSize,
    PublicationId, ReceiveEncoding, ReceiveMedia, Rid, SpatialLayer, Ssrc,
};
use sfu_rtp::payload::picture_size;
use sfu_rtp::{ExtensionTable, RtpClock, StreamNumber};

use crate::allocation::LayerCosts;
use crate::arrival::{Arrival, Passage};
use crate::arriving_codec::ArrivingCodec;
use crate::export::{Description, ExportItem, ExportTarget, Exports, LiveStream};
use crate::key_frame::KeyFrameRequests;
use crate::keys::{PublicationKey, SubscriptionKey};
use crate::layers::Layers;
use crate::limits::SIZE_REPORT_INTERVAL;
use crate::liveness::Liveness;
use crate::loudness::Loudness;
use crate::moves::Moves;
use crate::receive_stream::ReceiveStream;
use crate::recipients::Recipients;
use crate::routes::Flow;
use crate::source::Source;
use crate::timers::{Deadline, Schedule, Sleeper, TimerReason};

/// A track that is forwarded here, in one codec, with all its layers.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) id: PublicationId,
    pub(crate) source: Source,
    media: ReceiveMedia,
    pub(crate) extensions: Box<ExtensionTable>,
    encodings: [Encoding; SpatialLayer::COUNT],
    /// Of the stream that begins next.
    next_stream: StreamNumber,
    pub(crate) subscriptions: Vec<SubscriptionKey>,
    /// Who else has subscribers of it; none of an import.
    pub(crate) recipients: Recipients,
    /// Packets that wait to go to those who subscribe. Their bytes are in the streams' caches.
    pub(crate) waiting: Vec<Arrival<'static>>,
    /// Whose turn it is to get them.
    next_to_serve: usize,
    arriving: ArrivingCodec,
    pub(crate) loudness: Loudness,
    /// Its entry in the schedule.
    armed: Option<Deadline>,
}

/// One of a publication's encodings. Its stream is made by its first packet.
#[derive(Debug, Default)]
struct Encoding {
    stream: Option<Box<ReceiveStream>>,
    liveness: Liveness,
    key_frames: KeyFrameRequests,
    /// The size of its pictures.
    size: Option<PictureSize>,
    /// The size that was told last, and when.
    told_size: Option<(PictureSize, Instant)>,
}

/// What a payload type says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) codec: Codec,
    /// The payload type of the packet, or of the one that it retransmits.
    pub(crate) payload_type: PayloadType,
    pub(crate) flow: Flow,
}

impl Encoding {
    /// Reports whether its stream sends.
    #[inline]
    fn is_live(&self, now: Instant) -> bool {
        self.stream.is_some() && self.liveness.is_live(now)
    }
}

impl Publication {
    /// Most bytes that a packet is padded with to be as long as its neighbours.
    const MAX_LEVELLING: u8 = 4;

    pub(crate) fn new(id: PublicationId, source: Source, media: ReceiveMedia) -> Self {
        Self {
            id,
            source,
            extensions: Box::new(ExtensionTable::from(&media.extensions)),
            media,
            encodings: Default::default(),
            next_stream: StreamNumber::default(),
            subscriptions: Vec::new(),
            recipients: Recipients::default(),
            waiting: Vec::new(),
            next_to_serve: 0,
            arriving: ArrivingCodec::default(),
            loudness: Loudness::default(),
            armed: None,
        }
    }

    /// Replaces how it is received. A stream goes on whose encoding is declared as before, or is
    /// declared only now. Returns where its encodings go; `None` if nothing is other than before.
    pub(crate) fn update(&mut self, media: ReceiveMedia) -> Option<Moves> {
        if media == self.media {
            return None;
        }
        let moves = self.follow(&media);
        let old = match moves {
            Moves::NONE => &self.media.encodings,
            _ => &media.encodings,
        };
        let old = old.iter().map(Some).chain(iter::repeat(None));
        let new = media.encodings.iter().map(Some).chain(iter::repeat(None));
        for ((encoding, old), new) in self.encodings.iter_mut().zip(old).zip(new) {
            encoding
                .stream
                .take_if(|stream| !Self::is_continued(old, new, stream.ssrc()));
        }
        *self.extensions = ExtensionTable::from(&media.extensions);
        self.media = media;
        Some(moves)
    }

    /// Moves what is kept of each encoding to where a description lists it.
    fn follow(&mut self, media: &ReceiveMedia) -> Moves {
        let moves = Moves::between(&self.media.encodings, &media.encodings);
        moves.apply(&mut self.encodings);
        self.recipients.follow(moves);
        if let Source::Import(import) = &mut self.source {
            import.asked = import.asked.map(|asked| asked.moved(moves));
        }
        moves
    }

    fn is_continued(
        old: Option<&ReceiveEncoding>,
        new: Option<&ReceiveEncoding>,
        ssrc: Ssrc,
    ) -> bool {
        let (Some(old), Some(new)) = (old, new) else {
            // A lone encoding need not be declared.
            return old.is_none() == new.is_none();
        };
        old.rid == new.rid && new.ssrc.is_none_or(|declared| declared == ssrc)
    }

    /// Reports whether it lives on another shard.
    pub(crate) fn is_import(&self) -> bool {
        match self.source {
            Source::Import(_) => true,
            Source::Peer(_) => false,
        }
    }

    /// Returns what another shard needs to know of it.
    fn describe(&self, now: Instant) -> Description {
        let mut streams = [None; SpatialLayer::COUNT];
        let candidates = self.candidates(now);
        for ((layer, encoding), described) in (0..).zip(&self.encodings).zip(&mut streams) {
            let stream = encoding.stream.as_deref();
            *described = stream
                .filter(|_| candidates.contains(layer))
                .map(LiveStream::of);
        }
        Description {
            media: self.media.clone(),
            streams,
        }
    }

    /// Tells those who have subscribers of it how it is received by now.
    pub(crate) fn tell_exports(&mut self, now: Instant, exports: &mut Exports) {
        let description = self.describe(now);
        self.recipients
            .tell(self.id, &description, exports, |_| true);
    }

    /// The subscribers of `target` need these encodings of it.
    pub(crate) fn export_to(
        &mut self,
        now: Instant,
        target: ExportTarget,
        needed: Layers,
        exports: &mut Exports,
    ) {
        if self.recipients.note_need(target, needed) {
            let description = self.describe(now);
            let select = |other| other == target;
            self.recipients.tell(self.id, &description, exports, select);
        }
    }

    /// Tells those that need an encoding what its publisher's clock says.
    pub(crate) fn export_clock(&self, encoding: u8, exports: &mut Exports) {
        let Some(stream) = self.stream(encoding) else {
            return;
        };
        let Some(clock) = stream.clock() else {
            return;
        };
        for target in self.recipients.of(encoding) {
            let item = ExportItem::Clock {
                publication: self.id,
                encoding,
                ssrc: stream.ssrc(),
                clock,
            };
            exports.push_repeated(target, item);
        }
    }

    /// Tells those who have subscribers of it what the layers of an encoding cost.
    pub(crate) fn export_rates(&self, encoding: u8, exports: &mut Exports) {
        let Some(stream) = self.stream(encoding) else {
            return;
        };
        for target in self.recipients.all() {
            let item = ExportItem::Rates {
                publication: self.id,
                encoding,
                rates: Box::new(*stream.rates()),
            };
            exports.push_repeated(target, item);
        }
    }

    pub(crate) fn kind(&self) -> MediaKind {
        self.media.kind
    }

    pub(crate) fn mid(&self) -> Mid {
        self.media.mid
    }

    pub(crate) fn extension_map(&self) -> &ExtensionMap {
        &self.media.extensions
    }

    pub(crate) fn nack(&self) -> bool {
        self.media.nack
    }

    pub(crate) fn transport_cc(&self) -> bool {
        self.media.transport_cc
    }

    /// Returns what is declared of each encoding, lowest first.
    pub(crate) fn declared(&self) -> impl Iterator<Item = (u8, &ReceiveEncoding)> {
        (0..).zip(self.media.encodings.iter().take(SpatialLayer::COUNT))
    }

    /// Returns what a payload type stands for.
    #[inline]
    pub(crate) fn format(&self, payload_type: PayloadType) -> Option<Format> {
        self.media.codecs.iter().find_map(|binding| {
            let flow = if binding.payload_type == payload_type {
                Flow::Primary
            } else if binding.rtx == Some(payload_type) {
                Flow::Retransmission
            } else {
                return None;
            };
            Some(Format {
                codec: binding.codec,
                payload_type: binding.payload_type,
                flow,
            })
        })
    }

    /// Reports whether a payload type is that of packets that repair lost ones.
    pub(crate) fn is_repair(&self, payload_type: PayloadType) -> bool {
        self.media.flexfec == Some(payload_type)
    }

    /// Returns the payload type of a codec.
    #[inline]
    pub(crate) fn payload_type(&self, codec: Codec) -> Option<PayloadType> {
        let mut bindings = self.media.codecs.iter();
        let binding = bindings.find(|binding| binding.codec == codec)?;
        Some(binding.payload_type)
    }

    /// Takes the codec of a packet. Returns whether the control plane is to be told of it.
    #[inline]
    pub(crate) fn note_codec(&mut self, now: Instant, codec: Codec) -> bool {
        let first = self.media.codecs.first().map(|binding| binding.codec);
        self.arriving.on_packet(now, codec, first)
    }

    /// Takes the first packet of a key frame. Returns how large its pictures are if the control plane is to be told.
    pub(crate) fn note_size(
        &mut self,
        now: Instant,
        arrival: &Arrival<'_>,
    ) -> Option<(Rid, PictureSize)> {
        let rid = self.rid_of(arrival.encoding);
        let size = picture_size(arrival.codec, arrival.payload())?;
        let encoding = self.encodings.get_mut(usize::from(arrival.encoding))?;
        encoding.size = Some(size);
        if self.media.layer_order == LayerOrder::Known {
            return None;
        }
        let rid = rid?;
        let too_soon = |at| now.saturating_duration_since(at) < SIZE_REPORT_INTERVAL;
        match encoding.told_size {
            Some((told, at)) if told == size || too_soon(at) => return None,
            Some(_) | None => encoding.told_size = Some((size, now)),
        }
        Some((rid, size))
    }

    /// Returns the rid of an encoding.
    pub(crate) fn rid_of(&self, encoding: u8) -> Option<Rid> {
        self.media.encodings.get(usize::from(encoding))?.rid
    }

    /// Reports whether a description declares the SSRC of an encoding.
    pub(crate) fn is_declared(&self, encoding: u8, ssrc: Ssrc) -> bool {
        self.declared()
            .any(|(place, declared)| place == encoding && declared.ssrc == Some(ssrc))
    }

    /// Returns which extensions of a packet are passed on: the dependency descriptor where one stream
    /// carries all layers.
    #[inline]
    pub(crate) fn passage(&self, codec: Codec) -> Passage {
        if codec.is_svc() && self.media.encodings.len() <= 1 {
            Passage::WithDescriptor
        } else {
            Passage::WithoutDescriptor
        }
    }

    /// Reports whether it comes in several encodings.
    pub(crate) fn has_several_encodings(&self) -> bool {
        self.media.encodings.len() > 1
    }

    /// Returns what was counted of each encoding of which something has come since that was told last.
    pub(crate) fn take_statistics(&mut self, out: &mut Vec<EncodingStatistics>) {
        let repaired = self.media.nack;
        for (place, encoding) in (0..).zip(&mut self.encodings) {
            let stream = encoding.stream.as_deref_mut();
            let Some(counted) = stream.and_then(|stream| stream.take_counted(repaired)) else {
                continue;
            };
            out.push(EncodingStatistics {
                publication: self.id,
                encoding: SpatialLayer(place),
                size: encoding.size,
                codec: counted.codec,
                packets: counted.packets,
                bytes: counted.bytes,
                lost: counted.lost,
                jitter: counted.jitter,
                pictures: counted.pictures,
            });
        }
    }

    /// Returns the encoding of a packet by its rid, or the only one.
    pub(crate) fn encoding_of(&self, rid: Option<Rid>) -> Option<u8> {
        let lone = self.media.encodings.len() <= 1;
        let Some(rid) = rid else {
            return lone.then_some(0);
        };
        self.declared()
            .find(|(_, declared)| declared.rid == Some(rid))
            .map(|(encoding, _)| encoding)
            .or_else(|| lone.then_some(0))
    }

    #[inline]
    pub(crate) fn stream(&self, encoding: u8) -> Option<&ReceiveStream> {
        self.encodings.get(usize::from(encoding))?.stream.as_deref()
    }

    #[inline]
    pub(crate) fn stream_mut(&mut self, encoding: u8) -> Option<&mut ReceiveStream> {
        let encoding = self.encodings.get_mut(usize::from(encoding))?;
        encoding.stream.as_deref_mut()
    }

    /// Restores a lost packet of an encoding, if that can be done by now: returns it whole.
    #[inline]
    pub(crate) fn restore_lost(&mut self, encoding: u8) -> Option<Vec<u8>> {
        let encoding = self.encodings.get_mut(usize::from(encoding))?;
        let stream = encoding.stream.as_deref_mut()?;
        stream.restore_lost(&self.extensions)
    }

    /// Returns the stream of a number, if nothing has taken its place.
    pub(crate) fn stream_of(&self, number: StreamNumber) -> Option<&ReceiveStream> {
        let streams = self.encodings.iter();
        let mut streams = streams.filter_map(|encoding| encoding.stream.as_deref());
        streams.find(|stream| stream.number() == number)
    }

    /// Returns the encoding that the stream of a number is of, if nothing has taken its place.
    pub(crate) fn place_of(&self, number: StreamNumber) -> Option<u8> {
        let mut streams = (0..).zip(&self.encodings);
        let is_it = |encoding: &Encoding| {
            let stream = encoding.stream.as_deref();
            stream.is_some_and(|stream| stream.number() == number)
        };
        streams.find_map(|(place, encoding)| is_it(encoding).then_some(place))
    }

    /// Iterates over the streams that have begun, lowest first.
    pub(crate) fn streams_mut(&mut self) -> impl Iterator<Item = (u8, &mut ReceiveStream)> {
        (0..)
            .zip(&mut self.encodings)
            .filter_map(|(place, encoding)| Some((place, encoding.stream.as_deref_mut()?)))
    }

    /// Begins the stream of an encoding, in place of the one it had.
    pub(crate) fn begin_stream(&mut self, now: Instant, encoding: u8, ssrc: Ssrc, clock_rate: u32) {
        let number = self.next_stream;
        self.next_stream = number.next();
        let stream = ReceiveStream::new(now, number, ssrc, self.media.kind, clock_rate);
        self.waiting.retain(|arrival| arrival.encoding != encoding);
        if let Some(encoding) = self.encodings.get_mut(usize::from(encoding)) {
            encoding.stream = Some(Box::new(stream));
            encoding.liveness = Liveness::default();
        }
    }

    /// Has packets of one frame that wait be padded to one length, where little is missing: libwebrtc
    /// cuts frames into packets that differ by a byte, and only packets of one length leave as one
    /// run. The last one of a run may be shorter.
    pub(crate) fn level_waiting(&mut self) {
        let frames = self.waiting.chunk_by_mut(|a, b| {
            a.encoding == b.encoding && a.header.timestamp == b.header.timestamp
        });
        for frame in frames {
            let lengths = frame.iter().map(|arrival| arrival.header.payload.len());
            let longest = lengths.max().unwrap_or(0);
            let Some((_, others)) = frame.split_last_mut() else {
                continue;
            };
            for arrival in others {
                let missing = longest - arrival.header.payload.len();
                let missing = u8::try_from(missing).unwrap_or(u8::MAX);
                arrival.padding = match missing {
                    0..=Self::MAX_LEVELLING => missing,
                    _ => 0,
                };
            }
        }
    }

    /// Iterates over the packets that wait, in their order.
    #[inline]
    pub(crate) fn waiting(&self) -> impl Iterator<Item = Arrival<'_>> {
        self.waiting.iter().filter_map(|arrival| {
            let stream = self.stream(arrival.encoding)?;
            Some(Arrival {
                packet: stream.packet(arrival.seq)?,
                ..*arrival
            })
        })
    }

    /// Returns who gets the packets that wait next, once each.
    #[inline]
    pub(crate) fn next_to_serve(&mut self) -> Option<SubscriptionKey> {
        let next = self.subscriptions.get(self.next_to_serve).copied();
        self.next_to_serve += usize::from(next.is_some());
        next
    }

    /// Iterates over those who get them after that.
    #[inline]
    pub(crate) fn upcoming(&self) -> impl Iterator<Item = SubscriptionKey> {
        let upcoming = self.subscriptions.get(self.next_to_serve..);
        upcoming.unwrap_or_default().iter().copied()
    }

    /// Reports whether some have got the packets that wait, and others not yet.
    pub(crate) fn is_being_served(&self) -> bool {
        self.next_to_serve > 0
    }

    /// Forgets the packets that waited: all have them. Returns whether they brought a picture that
    /// subscriptions may have switched at.
    pub(crate) fn end_of_burst(&mut self) -> bool {
        let mut frames = self.waiting.iter().filter_map(|arrival| arrival.frame);
        let key = self.media.kind == MediaKind::Video && frames.any(|frame| frame.key);
        self.waiting.clear();
        self.next_to_serve = 0;
        if self.media.kind == MediaKind::Video {
            self.streams_mut()
                .for_each(|(_, stream)| stream.end_of_burst());
        }
        key
    }

    /// Removes a subscription; the turns of the others stay.
    pub(crate) fn unsubscribe(&mut self, subscription: SubscriptionKey) {
        let place = self
            .subscriptions
            .iter()
            .position(|key| *key == subscription);
        if let Some(place) = place {
            self.subscriptions.remove(place);
            self.next_to_serve -= usize::from(place < self.next_to_serve);
        }
    }

    /// An encoding has sent.
    #[inline]
    pub(crate) fn note_alive(&mut self, now: Instant, encoding: u8) {
        for (place, other) in (0..).zip(&mut self.encodings) {
            match place == encoding {
                true => other.liveness.on_own(now),
                false => other.liveness.on_other(now),
            }
        }
    }

    /// Returns which encodings send; of an import, those of which the owner says so.
    #[inline]
    pub(crate) fn live(&self, now: Instant) -> Layers {
        match self.source {
            Source::Peer(_) => self.those(|encoding| encoding.is_live(now)),
            Source::Import(import) => import.live.unwrap_or_default(),
        }
    }

    /// Returns what each of its layers costs, of the encodings that send.
    pub(crate) fn layer_costs(&self, now: Instant) -> LayerCosts {
        let mut costs = LayerCosts::default();
        let live = self.candidates(now);
        for (place, encoding) in (0..).zip(&self.encodings) {
            if let Some(stream) = encoding.stream.as_deref().filter(|_| live.contains(place)) {
                stream.rates().add_to(&mut costs, place);
            }
        }
        costs
    }

    /// Returns which encodings send, or where none does, which ever have.
    pub(crate) fn candidates(&self, now: Instant) -> Layers {
        let live = self.live(now);
        if live != Layers::default() {
            return live;
        }
        self.those(|encoding| encoding.stream.is_some())
    }

    #[inline]
    fn those(&self, select: impl Fn(&Encoding) -> bool) -> Layers {
        let encodings = (0..).zip(&self.encodings);
        let selected = encodings.filter(|(_, encoding)| select(encoding));
        selected.map(|(layer, _)| layer).collect()
    }

    /// Returns how timestamps of an encoding map to the publisher's wall clock.
    pub(crate) fn clock(&self, encoding: u8) -> Option<RtpClock> {
        self.stream(encoding)?.clock()
    }

    pub(crate) fn key_frames(&mut self, encoding: u8) -> Option<&mut KeyFrameRequests> {
        let encoding = self.encodings.get_mut(usize::from(encoding))?;
        Some(&mut encoding.key_frames)
    }

    /// Returns when the publisher is to be asked for a key frame next.
    fn key_frames_due(&self, intervals: &[Duration; SpatialLayer::COUNT]) -> Option<Instant> {
        let encodings = self.encodings.iter().zip(intervals);
        encodings
            .filter(|(encoding, _)| encoding.stream.is_some())
            .filter_map(|(encoding, interval)| encoding.key_frames.poll_timeout(*interval))
            .min()
    }

    /// Reports whether anybody subscribes to it, here or elsewhere.
    pub(crate) fn is_wanted(&self) -> bool {
        !(self.subscriptions.is_empty() && self.recipients.is_empty())
    }

    /// Sees to it that the publisher is asked in time for the key frames that are needed, where requests for one of
    /// each encoding are spaced out by `intervals`.
    pub(crate) fn arm(
        &mut self,
        key: PublicationKey,
        intervals: &[Duration; SpatialLayer::COUNT],
        schedule: &mut Schedule,
    ) {
        let due = self.key_frames_due(intervals);
        let next = due.map(|at| Deadline {
            at,
            reason: TimerReason::KeyFrame,
        });
        schedule.arm(Sleeper::Publication(key), &mut self.armed, next);
    }

    /// The schedule has woken it: it is armed no more.
    pub(crate) fn wake(&mut self) {
        self.armed = None;
    }

    /// Takes it out of the schedule.
    pub(crate) fn disarm(&mut self, key: PublicationKey, schedule: &mut Schedule) {
        schedule.disarm(Sleeper::Publication(key), &mut self.armed);
    }

    /// Reports whether anybody sees its pictures, here or elsewhere.
    pub(crate) fn is_seen(&self) -> bool {
        self.media.kind == MediaKind::Video && self.is_wanted()
    }

    /// Nobody is left who needs a key frame.
    pub(crate) fn give_up_key_frames(&mut self) {
        let encodings = self.encodings.iter_mut();
        encodings.for_each(|encoding| encoding.key_frames.give_up());
    }
}
