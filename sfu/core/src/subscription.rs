//! One peer's receipt of one publication.

use std::time::{Duration, Instant};

use sfu_model::{
    Codec, CodecBinding, Extension, Forwarding, MediaKind, Now, Opening, PayloadType, SendMedia,
    Ssrc, SubscriptionId,
};
use sfu_rtp::limits::{SENDER_REPORT_INTERVAL, SENDER_REPORT_RETRY};
use sfu_rtp::payload::red::RedReceiver;
use sfu_rtp::rtcp::{ReportBlock, write_sdes, write_sender_report};
use sfu_rtp::{
    AbsSendTime, ExtendedSeqNo, LimitedDescriptor, Munged, Outgoing, OutgoingExtensions,
    OutgoingPayload, Rewrite, RtpTimestamp, SentPacket, SeqNo, Sequencer,
};

use progress::Progress;
use redundancy::Redundancy;

use crate::allocation::Grant;
use crate::arrival::Arrival;
use crate::bandwidth::Use;
use crate::key_frame::Need;
use crate::keys::{PeerKey, PublicationKey};
use crate::layer_selector::{Guidance, LayerSelector, Selection};
use crate::layers::Layers;
use crate::limits::{REPEATABLE_AUDIO_PACKETS, REPEATABLE_VIDEO_PACKETS};
use crate::moves::Moves;
use crate::opening::{OpeningPackets, silence};
use crate::outgoing_stream::OutgoingStream;
use crate::output::Link;
use crate::publication::Publication;
use crate::timers::TimerReason;
use crate::transmit::Priority;

mod claiming;
mod counting;
mod progress;
mod redundancy;
pub(crate) mod retransmission;
mod sound;
mod sound_loss;
mod waiting;

pub(crate) use claiming::Change;

/// One peer's receipt of one publication: chooses its packets, numbers them as one stream, and
/// sends them again when asked to.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) id: SubscriptionId,
    pub(crate) publication: PublicationKey,
    pub(crate) peer: PeerKey,
    pub(crate) started: bool,
    media: SendMedia,
    /// What of the link it may use.
    grant: Grant,
    selector: LayerSelector,
    stream: OutgoingStream,
    /// The codec of the latest packet, and how it is sent.
    latest: Option<(Codec, CodecBinding)>,
    /// The encoding that was forwarded last, for the step of time to the next one.
    source: Option<u8>,
    red: RedReceiver,
    redundancy: Redundancy,
    /// Whether the subscriber has asked for sound again.
    asks_for_sound: bool,
    /// The payload of sound that was made last.
    made: Vec<u8>,
    sequencer: Sequencer,
    /// When a sender report is due; none while nothing is sent.
    report_due: Option<Instant>,
    /// How many packets the last report told of.
    reported: u64,
    told: Told,
    /// Packets of ours that it still has to begin with.
    opening: Option<OpeningPackets>,
    progress: Progress,
}

/// How far the control plane knows what was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Told {
    packets: u64,
    reports: u64,
    grant: Option<Grant>,
}

/// What is sent of a packet, and how.
#[derive(Clone, Copy, Debug)]
struct Payload<'a> {
    binding: CodecBinding,
    bytes: &'a [u8],
    marker: bool,
    /// How `bytes` are found again.
    rewrite: Rewrite,
    /// A dependency descriptor in place of the one that came.
    descriptor: Option<&'a [u8]>,
}

impl<'a> Payload<'a> {
    /// Returns the payload of a packet as it came.
    #[inline]
    fn of(arrival: &Arrival<'a>, binding: CodecBinding) -> Self {
        Self {
            binding,
            bytes: arrival.payload(),
            marker: arrival.header.marker,
            rewrite: Rewrite::None,
            descriptor: None,
        }
    }
}

/// What a packet did for one subscription.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Forwarded {
    /// How many packets were sent.
    pub(crate) packets: u64,
    /// Whether the packet's encoding should send a key frame.
    pub(crate) awaits_key_frame: bool,
}

impl Subscription {
    pub(crate) fn new(
        id: SubscriptionId,
        publication: PublicationKey,
        peer: PeerKey,
        media: SendMedia,
        stream: OutgoingStream,
    ) -> Self {
        Self {
            id,
            publication,
            peer,
            started: false,
            grant: Grant::Unlimited,
            selector: LayerSelector::new(media.forwarding, guidance(&media)),
            stream,
            latest: None,
            source: None,
            red: RedReceiver::default(),
            redundancy: Redundancy::default(),
            asks_for_sound: false,
            made: Vec::new(),
            sequencer: Self::sequencer(&media),
            report_due: None,
            reported: 0,
            told: Told::default(),
            opening: None,
            progress: Progress::default(),
            media,
        }
    }

    /// Replaces how it is sent; `stream` takes the place of the one it had, if its SSRC is another.
    pub(crate) fn update(&mut self, media: SendMedia, stream: Option<OutgoingStream>) {
        if let Some(stream) = stream {
            let wanted = self.grant.limit(media.forwarding);
            self.selector = LayerSelector::new(wanted, guidance(&media));
            self.stream = stream;
            self.source = None;
        }
        self.media.importance = media.importance;
        self.media.pausing = media.pausing;
        self.set_forwarding(media.forwarding);
        if media != self.media {
            // What was sent so far would not be written the same when it is sent again.
            self.forget_sent();
            self.latest = None;
            self.selector.set_guidance(guidance(&media));
            self.media = media;
        }
    }

    /// Has nothing sent again of what was sent so far.
    pub(crate) fn forget_sent(&mut self) {
        self.sequencer.forget();
    }

    pub(crate) fn ssrc(&self) -> Ssrc {
        self.media.ssrc
    }

    /// Returns every SSRC that it is sent under: its own, and that of retransmissions.
    pub(crate) fn ssrcs(&self) -> [Option<Ssrc>; 2] {
        [Some(self.media.ssrc), self.media.rtx_ssrc]
    }

    /// Sets which layers are forwarded. Returns whether more is wanted than before.
    pub(crate) fn set_forwarding(&mut self, forwarding: Forwarding) -> bool {
        self.media.forwarding = forwarding;
        self.selector.set_wanted(self.grant.limit(forwarding))
    }

    /// Forgets what it knows of an encoding whose stream began anew.
    pub(crate) fn lose(&mut self, encoding: u8) {
        self.selector.lose(encoding);
        self.source.take_if(|source| *source == encoding);
    }

    /// Follows the encodings of its publication to their places in another order.
    pub(crate) fn follow(&mut self, moves: Moves) {
        self.selector.follow(moves);
        self.source = self.source.map(|source| moves.of(source));
    }

    /// Returns the encoding whose key frame shows the subscriber a picture soonest.
    pub(crate) fn key_frame_source(&self, live: Layers) -> Option<u8> {
        self.selector
            .current()
            .or_else(|| self.selector.target(live))
    }

    /// Returns what it needs a key frame for.
    pub(crate) fn need(&self) -> Need {
        match self.selector.current() {
            Some(_) => Need::Recovery,
            None => Need::Start,
        }
    }

    /// Returns the encodings that it may forward packets of, while those that are `live` send.
    pub(crate) fn needed(&self, live: Layers) -> Layers {
        self.selector.needed(live)
    }

    /// Returns the encoding that it waits for, if there is one.
    pub(crate) fn awaited(&self, live: Layers) -> Option<u8> {
        let target = self.selector.target(live)?;
        (self.selector.current() != Some(target)).then_some(target)
    }

    /// Reads what forwarding the next packet will need, so that the processor's caches have it when
    /// its turn comes. Returns a number that depends on what was read.
    #[inline]
    pub(crate) fn prefetch(&self) -> u64 {
        let current = self.selector.current().unwrap_or_default();
        self.sequencer.prefetch(self.stream.upcoming())
            ^ self.stream.stats.packets()
            ^ self.reported
            ^ u64::from(self.media.nack)
            ^ u64::from(current)
    }

    /// Forwards a packet of the publication, or not.
    #[inline]
    pub(crate) fn forward(
        &mut self,
        now: Instant,
        arrival: &Arrival<'_>,
        publication: &Publication,
        live: Layers,
        link: &mut Link<'_>,
    ) -> Forwarded {
        if self.latest.is_none_or(|(codec, _)| codec != arrival.codec) {
            self.latest = self
                .binding(arrival.codec)
                .map(|binding| (arrival.codec, binding));
        }
        let Some((_, binding)) = self.latest else {
            return Forwarded::default();
        };
        let encoding = arrival.encoding;
        let selection = match &arrival.frame {
            Some(frame) => self.selector.select((encoding, arrival.seq), live, frame),
            None => self.selector.select_padding(encoding),
        };
        let packets = match selection {
            Selection::Ignore => 0,
            Selection::LeaveOut => {
                self.leave_out(arrival, binding, link);
                0
            }
            Selection::Switch { ends_frame } => {
                self.switch_source(now, arrival, publication);
                let packets =
                    self.send_media(now, arrival, (binding, ends_frame), publication, link);
                packets + self.catch_up(now, arrival, publication, live, link)
            }
            Selection::Forward { ends_frame } => {
                self.send_media(now, arrival, (binding, ends_frame), publication, link)
            }
        };
        Forwarded {
            packets,
            awaits_key_frame: self
                .selector
                .awaits_key_frame(encoding, live, arrival.codec)
                && self.progress.may_ask(now),
        }
    }

    /// Forwards what came before the first packet of a key frame did, though it lies behind that.
    fn catch_up(
        &mut self,
        now: Instant,
        first: &Arrival<'_>,
        publication: &Publication,
        live: Layers,
        link: &mut Link<'_>,
    ) -> u64 {
        let Some(stream) = publication.stream(first.encoding) else {
            return 0;
        };
        let later = stream.came_before(first);
        later
            .map(|arrival| {
                let forwarded = self.forward(now, &arrival, publication, live, link);
                forwarded.packets
            })
            .sum()
    }

    /// Returns the dependency descriptor of a packet as it is for who gets some of the layers only.
    #[inline]
    fn limit(
        &self,
        arrival: &Arrival<'_>,
        binding: CodecBinding,
        publication: &Publication,
    ) -> Option<LimitedDescriptor> {
        let step = self.selector.described_step()?;
        let descriptor = arrival.descriptor()?;
        // What is sent again under its own number has to be the very same.
        self.varies_when_repeated(binding).then_some(())?;
        publication
            .stream(arrival.encoding)?
            .limit(descriptor, step)
    }

    /// Begins with packets of ours, if it is to. Returns when the first is due.
    pub(crate) fn begin_opening(&mut self, now: Instant) -> Option<Instant> {
        if self.media.opening != Opening::Padding {
            return None;
        }
        let opening = OpeningPackets::begin(now);
        self.opening = Some(opening);
        Some(opening.due())
    }

    /// Sends a packet of ours if one is due, as soon as there is a `link`. Returns when the next one is.
    pub(crate) fn open(&mut self, now: Now, link: Option<&mut Link<'_>>) -> Option<Instant> {
        let opening = self.opening.take().filter(|_| !self.started)?;
        self.opening = match link {
            _ if opening.due() > now.mono => Some(opening),
            None => Some(opening.later(now.mono)),
            Some(link) => {
                self.send_opening(now, link);
                opening.after_one(now.mono)
            }
        };
        self.opening.map(OpeningPackets::due)
    }

    /// Sends silence, or a packet of nothing but padding.
    fn send_opening(&mut self, now: Now, link: &mut Link<'_>) {
        let Some(binding) = self.opening_format() else {
            return;
        };
        // Each is a source of its own, so that the clock goes on by the time that has passed.
        let (seq, timestamp) = (ExtendedSeqNo::first(SeqNo(0)), RtpTimestamp(0));
        self.stream
            .switch_source(now.mono, seq, timestamp, None, None);
        let Some(munged) = self.stream.forward(now.mono, seq, timestamp) else {
            return;
        };
        let header = Outgoing {
            ssrc: self.media.ssrc,
            seq: munged.seq.seq(),
            timestamp: munged.timestamp,
            payload_type: binding.payload_type,
            marker: true,
        };
        let departure = AbsSendTime::from(now.unix);
        let extensions = self.stamp(OutgoingExtensions::default(), binding, departure);
        let map = &self.media.extensions;
        match silence(binding.codec) {
            Some(frame) => {
                let payload = OutgoingPayload::plain(frame);
                link.send_rtp(Priority::Audio, &header, map, extensions, &payload);
            }
            None => {
                link.send_padding(Use::Granted, &header, map, extensions, 1);
            }
        }
    }

    /// Returns the preferred format of which we can make packets: any of video, and of audio those without redundancy.
    fn opening_format(&self) -> Option<CodecBinding> {
        let can = |binding: &&CodecBinding| {
            binding.codec.kind() == MediaKind::Video || silence(binding.codec).is_some()
        };
        self.media.codecs.iter().find(can).copied()
    }

    /// Packets are on their way. Returns when the subscriber is to hear of a stream that begins, or goes on after it
    /// stood still.
    #[inline]
    pub(crate) fn note_started(&mut self, now: Instant) -> Option<Instant> {
        self.started = true;
        let due = now + TimerReason::FIRST_SENDER_REPORT_DELAY;
        let idle = self.report_due.is_none();
        self.report_due.get_or_insert(due);
        idle.then_some(due)
    }

    /// Returns when a sender report is due.
    pub(crate) fn report_due(&self) -> Option<Instant> {
        self.report_due
    }

    /// Writes a sender report if one is due by `until`, so that those of one peer leave together. There
    /// is none about a stream that has stood still since the last one.
    pub(crate) fn write_sender_report(
        &mut self,
        now: Instant,
        until: Instant,
        publication: &Publication,
        out: &mut Vec<u8>,
    ) {
        if self.report_due.is_none_or(|due| due > until) {
            return;
        }
        let stats = &mut self.stream.stats;
        if stats.packets() == self.reported {
            self.report_due = None;
            return;
        }
        let clock = self.source.and_then(|source| publication.clock(source));
        let (Some(clock), Some(offset)) = (clock, self.stream.timestamp_offset()) else {
            self.report_due = Some(now + SENDER_REPORT_RETRY);
            return;
        };
        let stats = &mut self.stream.stats;
        let report = stats.report(now, &clock, offset);
        self.reported = stats.packets();
        self.report_due = Some(now + SENDER_REPORT_INTERVAL);
        write_sender_report(out, &report, &[]);
        write_sdes(out, self.media.ssrc, &self.media.cname, None);
    }

    /// Takes what the subscriber says of the stream. Returns the round-trip time, if it tells that.
    pub(crate) fn on_report_block(
        &mut self,
        now: Instant,
        block: &ReportBlock,
    ) -> Option<Duration> {
        let rtt = self.stream.on_report_block(now, block);
        if self.media.kind() == MediaKind::Audio {
            let (packets, lost) = (self.stream.stats.packets(), self.stream.reported().lost);
            self.redundancy.on_report(now, packets, lost);
        }
        rtt
    }

    /// Returns how packets of `codec` are sent: as they are, or RED's primary as plain Opus.
    #[inline]
    fn binding(&self, codec: Codec) -> Option<CodecBinding> {
        let opus = || {
            let is_red = codec == Codec::Red;
            is_red.then(|| self.payload_format(Codec::Opus)).flatten()
        };
        self.payload_format(codec).or_else(opus)
    }

    /// Returns what the subscriber has negotiated of a codec.
    #[inline]
    fn payload_format(&self, codec: Codec) -> Option<CodecBinding> {
        let mut bindings = self.media.codecs.iter();
        bindings.find(|binding| binding.codec == codec).copied()
    }

    fn switch_source(&mut self, now: Instant, arrival: &Arrival<'_>, publication: &Publication) {
        let timestamp = arrival.header.timestamp;
        let same_instant = match self.source {
            Some(source) if source == arrival.encoding => Some(timestamp),
            Some(source) => publication
                .clock(source)
                .zip(publication.clock(arrival.encoding))
                .and_then(|(old, new)| old.same_instant(&new, timestamp)),
            None => None,
        };
        self.stream.set_clock_rate(arrival.codec.clock_rate());
        self.stream
            .switch_source(now, arrival.seq, timestamp, same_instant, arrival.vp8());
        self.source = Some(arrival.encoding);
        self.red = RedReceiver::default();
    }

    fn leave_out(&mut self, arrival: &Arrival<'_>, binding: CodecBinding, link: &mut Link<'_>) {
        let timestamp = arrival.header.timestamp;
        let gap = self.stream.leave_out(arrival.seq, timestamp, arrival.vp8());
        // The subscriber waits for this number: padding ends its wait.
        if let Some(gap) = gap {
            let header = self.header(&gap, binding, false);
            let extensions = self.stamp(OutgoingExtensions::default(), binding, arrival.departure);
            link.send_padding(Use::Granted, &header, &self.media.extensions, extensions, 1);
        }
    }

    #[inline]
    fn send_media(
        &mut self,
        now: Instant,
        arrival: &Arrival<'_>,
        (binding, ends_frame): (CodecBinding, bool),
        publication: &Publication,
        link: &mut Link<'_>,
    ) -> u64 {
        if binding.codec.kind() == MediaKind::Audio {
            return self.send_sound(now, arrival, binding, publication, link);
        }
        let limited = self.limit(arrival, binding, publication);
        let payload = Payload {
            marker: arrival.header.marker || ends_frame,
            descriptor: limited.as_ref().map(LimitedDescriptor::as_bytes),
            ..Payload::of(arrival, binding)
        };
        self.send(now, arrival, payload, link)
    }

    /// Sends a packet with this payload.
    #[inline]
    fn send(
        &mut self,
        now: Instant,
        arrival: &Arrival<'_>,
        payload: Payload<'_>,
        link: &mut Link<'_>,
    ) -> u64 {
        let Payload {
            binding,
            marker,
            descriptor,
            ..
        } = payload;
        if (arrival.codec, binding.codec) == (Codec::Opus, Codec::Opus)
            && !self.red.on_plain(arrival.seq, arrival.header.timestamp)
        {
            return 0;
        }
        let vp8 = match arrival.vp8() {
            None => None,
            Some(vp8) => {
                let Some(rewrite) = self.stream.forward_picture(vp8) else {
                    self.leave_out(arrival, binding, link);
                    return 0;
                };
                Some((*vp8, rewrite))
            }
        };
        let timestamp = arrival.header.timestamp;
        let Some(munged) = self.stream.forward(now, arrival.seq, timestamp) else {
            return 0;
        };
        self.progress.on_sent(arrival);
        let rewrite = vp8.map_or(payload.rewrite, |(_, rewrite)| Rewrite::Vp8(rewrite));
        let payload = OutgoingPayload {
            bytes: payload.bytes,
            original_seq: None,
            vp8,
            padding: match self.varies_when_repeated(binding) {
                true => arrival.padding,
                false => 0,
            },
        };
        let mut extensions = arrival.passed_on();
        if descriptor.is_some() {
            extensions.dependency_descriptor = descriptor;
        }
        let extensions = self.stamp(extensions, binding, arrival.departure);
        let header = self.header(&munged, binding, marker);
        let sent = link.send_rtp(
            binding.codec.kind().into(),
            &header,
            &self.media.extensions,
            extensions,
            &payload,
        );
        let packet = SentPacket {
            source: arrival.stream,
            source_seq: arrival.seq,
            timestamp: header.timestamp,
            marker,
            rewrite,
        };
        self.note_sent(now, munged.seq, binding, packet);
        self.stream.stats.on_sent(payload.bytes.len());
        u64::from(sent)
    }

    #[inline]
    fn note_sent(
        &mut self,
        now: Instant,
        seq: ExtendedSeqNo,
        binding: CodecBinding,
        packet: SentPacket,
    ) {
        if self.may_repeat(binding) {
            self.sequencer.record(now, seq, packet);
        }
    }

    /// Reports whether a packet may be sent again. Sound with redundancy seldom needs it: that begins when the subscriber has
    /// asked for the first time.
    #[inline]
    fn may_repeat(&self, binding: CodecBinding) -> bool {
        self.media.nack && (binding.codec != Codec::Red || self.asks_for_sound)
    }

    #[inline]
    fn header(&self, munged: &Munged, binding: CodecBinding, marker: bool) -> Outgoing {
        Outgoing {
            ssrc: self.media.ssrc,
            seq: munged.seq.seq(),
            timestamp: munged.timestamp,
            payload_type: binding.payload_type,
            marker,
        }
    }

    /// Adds what packets of ours carry beside what came with them.
    ///
    /// A packet that may be sent again under its own number has to be the very same then, or the
    /// session's keys would be given away (RFC 7714 section 8.4): it carries no times.
    #[inline]
    fn stamp<'a>(
        &self,
        mut extensions: OutgoingExtensions<'a>,
        binding: CodecBinding,
        departure: AbsSendTime,
    ) -> OutgoingExtensions<'a> {
        extensions.mid = Some(self.media.mid);
        if self.varies_when_repeated(binding) {
            extensions.abs_send_time = Some(departure);
        }
        extensions
    }

    /// Reports whether a packet need not be the very same when it is sent again: it is then another
    /// packet around its payload, or is not sent again at all.
    #[inline]
    fn varies_when_repeated(&self, binding: CodecBinding) -> bool {
        !self.may_repeat(binding) || self.retransmission_format(binding).is_some()
    }

    /// Returns the SSRC and payload type of retransmissions (RFC 4588), where they are negotiated.
    #[inline]
    fn retransmission_format(&self, binding: CodecBinding) -> Option<(Ssrc, PayloadType)> {
        self.media.rtx_ssrc.zip(binding.rtx)
    }

    fn sequencer(media: &SendMedia) -> Sequencer {
        Sequencer::new(match media.kind() {
            MediaKind::Audio => REPEATABLE_AUDIO_PACKETS,
            MediaKind::Video => REPEATABLE_VIDEO_PACKETS,
        })
    }
}

/// Returns what a subscriber's decoder knows of layers.
fn guidance(media: &SendMedia) -> Guidance {
    match media.extensions.id(Extension::DependencyDescriptor) {
        Some(_) => Guidance::Descriptors,
        None => Guidance::Payload,
    }
}
