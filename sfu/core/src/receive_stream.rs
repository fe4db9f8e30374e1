//! One RTP stream that a publisher sends: what came, what is missing, and when it began.

use std::time::{Duration, Instant};

use sfu_model::{Codec, MediaKind, Ssrc};
use sfu_rtp::flexfec::{RepairPacketError, Repairs};
use sfu_rtp::limits::{CACHED_AUDIO_PACKETS, CACHED_VIDEO_PACKETS, NACK_GRACE};
use sfu_rtp::payload::Peek;
use sfu_rtp::rtcp::{NackPair, ReportBlock, SenderReport};
use sfu_rtp::{
    ExtendedSeqNo, ExtensionTable, LimitedDescriptor, NackArrival, NackTracker, PacketCache,
    ReceptionStats, RtpClock, RtpHeader, SeqUnwrapper, StreamNumber,
};

use crate::ahead::Ahead;
use crate::arrival::Arrival;
use crate::arriving_codec::is_same;
use crate::descriptor_reader::DescriptorReader;
use crate::frame::Frame;
use crate::layer_rates::LayerRates;
use crate::routes::Flow;
use crate::whole_frame::{KeyFrameWatch, WholeKeyFrame};
use sfu_model::Step;

/// What came of a stream, each packet once, however often it was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Account {
    packets: u64,
    bytes: u64,
    pictures: u64,
    /// How many packets the control plane knows of.
    told: u64,
}

/// What was counted of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) codec: Option<Codec>,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    /// Packets that did not come, and will not.
    pub(crate) lost: u64,
    pub(crate) jitter: Duration,
    /// Pictures whose last packet came.
    pub(crate) pictures: u64,
}

/// One RTP stream that a publisher sends, its retransmissions folded in.
#[derive(Debug)]
pub(crate) struct ReceiveStream {
    number: StreamNumber,
    ssrc: Ssrc,
    clock_rate: u32,
    /// The codec of the newest packet, and the first packet that was in it.
    codec: Option<(Codec, ExtendedSeqNo)>,
    unwrapper: SeqUnwrapper,
    losses: NackTracker,
    stats: ReceptionStats,
    account: Account,
    /// Whether something came since the last report.
    unreported: bool,
    cache: PacketCache,
    /// Since the first packet that repairs others.
    repairs: Option<Box<Repairs>>,
    clock: Option<RtpClock>,
    latest: Instant,
    key_frames: KeyFrameWatch,
    ahead: Ahead,
    rates: LayerRates,
    descriptors: DescriptorReader,
}

impl Account {
    #[inline]
    fn add(&mut self, header: &RtpHeader, len: usize) {
        self.packets += 1;
        self.bytes += len as u64;
        self.pictures += u64::from(header.marker);
    }
}

impl ReceiveStream {
    pub(crate) fn new(
        now: Instant,
        number: StreamNumber,
        ssrc: Ssrc,
        kind: MediaKind,
        clock_rate: u32,
    ) -> Self {
        let (cache, grace) = match kind {
            MediaKind::Audio => (CACHED_AUDIO_PACKETS, Duration::ZERO),
            MediaKind::Video => (CACHED_VIDEO_PACKETS, NACK_GRACE),
        };
        Self {
            number,
            ssrc,
            clock_rate,
            codec: None,
            unwrapper: SeqUnwrapper::default(),
            losses: NackTracker::with_grace(grace),
            stats: ReceptionStats::new(clock_rate),
            account: Account::default(),
            unreported: false,
            cache: PacketCache::new(cache),
            repairs: None,
            clock: None,
            latest: now,
            key_frames: KeyFrameWatch::default(),
            ahead: Ahead::default(),
            rates: LayerRates::new(now),
            descriptors: DescriptorReader::default(),
        }
    }

    /// Returns what tells the stream apart from those that were in its place before.
    #[inline]
    pub(crate) fn number(&self) -> StreamNumber {
        self.number
    }

    pub(crate) fn ssrc(&self) -> Ssrc {
        self.ssrc
    }

    /// Takes the codec of a packet. Returns whether it is another than before: decoders begin anew.
    #[inline]
    pub(crate) fn change_codec(&mut self, seq: ExtendedSeqNo, codec: Codec) -> bool {
        let former = match self.codec {
            Some((former, since)) if is_same(former, codec) || seq < since => return false,
            Some((former, _)) => Some(former),
            None => None,
        };
        self.codec = Some((codec, seq));
        former.is_some()
    }

    /// Returns when the latest packet came.
    pub(crate) fn latest(&self) -> Instant {
        self.latest
    }

    /// Returns how the stream's timestamps map to the publisher's wall clock.
    pub(crate) fn clock(&self) -> Option<RtpClock> {
        self.clock
    }

    /// Takes a packet and keeps it for subscribers who will miss it. `None` when it came before, or
    /// too late to be of use.
    #[inline]
    pub(crate) fn accept(
        &mut self,
        now: Instant,
        header: &RtpHeader,
        packet: &[u8],
        flow: Flow,
    ) -> Option<ExtendedSeqNo> {
        let seq = self.unwrapper.unwrap(header.seq);
        if flow == Flow::Primary {
            self.stats.on_packet(now, seq, header.timestamp);
            self.unreported = true;
            if let Some(repairs) = &mut self.repairs {
                repairs.on_packet(seq);
            }
        }
        self.latest = now;
        match self.losses.on_packet(now, seq) {
            NackArrival::Newest | NackArrival::Found => {}
            NackArrival::Old => return None,
        }
        self.account.add(header, packet.len());
        self.cache.insert(now, seq, packet);
        Some(seq)
    }

    /// Takes the payload of a packet that repairs others.
    pub(crate) fn on_repair(&mut self, payload: &[u8]) -> Result<(), RepairPacketError> {
        let repairs = self.repairs.get_or_insert_default();
        repairs.on_repair(self.ssrc, payload).map(|_| ())
    }

    /// Restores a packet that is lost, if that can be done by now: returns it whole.
    #[inline]
    pub(crate) fn restore_lost(&mut self, table: &ExtensionTable) -> Option<Vec<u8>> {
        let repairs = self.repairs.as_mut()?;
        repairs.poll(&self.cache, table)
    }

    /// Takes a restored packet's buffer back.
    pub(crate) fn take_back(&mut self, restored: Vec<u8>) {
        if let Some(repairs) = &mut self.repairs {
            repairs.take_back(restored);
        }
    }

    /// Returns what was counted, if more came since the last time. Packets that are missing may still come where they are
    /// `repaired`, which is asking for them.
    pub(crate) fn take_counted(&mut self, repaired: bool) -> Option<Counted> {
        let account = &mut self.account;
        if std::mem::replace(&mut account.told, account.packets) == account.packets {
            return None;
        }
        let awaited = match repaired {
            true => self.losses.missing() as u64,
            false => 0,
        };
        Some(Counted {
            codec: self.codec.map(|(codec, _)| codec),
            packets: account.packets,
            bytes: account.bytes,
            lost: self
                .stats
                .expected()
                .saturating_sub(account.packets + awaited),
            jitter: Duration::from_secs(self.stats.jitter().into()) / self.clock_rate,
            pictures: account.pictures,
        })
    }

    /// Keeps a packet that another shard has accepted, for subscribers who will miss it.
    #[inline]
    pub(crate) fn keep(&mut self, now: Instant, seq: ExtendedSeqNo, packet: &[u8]) {
        self.cache.insert(now, seq, packet);
    }

    /// Returns what a packet is to those who choose layers.
    #[inline]
    pub(crate) fn frame(
        &mut self,
        codec: Codec,
        seq: ExtendedSeqNo,
        peek: &Peek,
        descriptor: Option<&[u8]>,
    ) -> Frame {
        let mut frame = Frame::new(codec, peek);
        if let Some(bytes) = descriptor
            && let Some(described) = self.descriptors.read(seq, bytes)
        {
            if described.is_key {
                let independent = self.descriptors.has_independent_layers();
                self.rates.set_independent_layers(independent);
            }
            frame.describe(codec, described);
        }
        frame
    }

    /// Takes a packet of video. Returns the key frame that it completes.
    #[inline]
    pub(crate) fn watch_key_frames(
        &mut self,
        now: Instant,
        seq: ExtendedSeqNo,
        header: &RtpHeader,
        frame: &Frame,
    ) -> Option<WholeKeyFrame> {
        self.key_frames
            .on_packet(now, seq, header, frame, &self.ahead)
    }

    /// Takes note of the order in which packets come.
    #[inline]
    pub(crate) fn note_order(&mut self, arrival: &Arrival<'_>) {
        self.ahead.on_packet(arrival);
    }

    /// All who get what came so far have it.
    #[inline]
    pub(crate) fn end_of_burst(&mut self) {
        self.ahead.end_of_burst();
    }

    /// Returns the packets that came before one of lower number did, in the order of their numbers.
    pub(crate) fn came_before<'a>(
        &'a self,
        late: &Arrival<'_>,
    ) -> impl Iterator<Item = Arrival<'a>> {
        let (encoding, departure) = (late.encoding, late.departure);
        self.ahead.before(late.seq).filter_map(move |arrival| {
            Some(Arrival {
                packet: self.cache.get(arrival.seq)?,
                encoding,
                departure,
                ..*arrival
            })
        })
    }

    /// Counts a packet of video to its layer. Returns whether what layers cost is known anew.
    #[inline]
    pub(crate) fn note_layer(&mut self, now: Instant, frame: &Frame, len: usize) -> bool {
        let (spatial, temporal) = frame.layer();
        self.rates.on_packet(now, spatial, temporal, len)
    }

    /// Takes what its layers cost, of which only some come here.
    pub(crate) fn set_rates(&mut self, rates: LayerRates) {
        self.rates = rates;
    }

    /// Returns how much each of its layers sends.
    pub(crate) fn rates(&self) -> &LayerRates {
        &self.rates
    }

    /// Reports once whether packets were given up that were missing: decoders need a key frame.
    #[inline]
    pub(crate) fn take_given_up(&mut self) -> bool {
        self.losses.take_given_up()
    }

    /// Returns the dependency descriptor of a packet for who gets everything up to `step`, where that is less than
    /// the publisher sends.
    pub(crate) fn limit(&self, descriptor: &[u8], step: Step) -> Option<LimitedDescriptor> {
        self.descriptors.limit(descriptor, step)
    }

    /// Returns a packet that was accepted.
    pub(crate) fn packet(&self, seq: ExtendedSeqNo) -> Option<&[u8]> {
        self.cache.get(seq)
    }

    /// Returns the ticks of its timestamps per second.
    pub(crate) fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    /// Sets how the stream's timestamps map to the publisher's wall clock.
    pub(crate) fn set_clock(&mut self, clock: RtpClock) {
        self.clock = Some(clock);
    }

    /// Takes the publisher's report about this stream.
    pub(crate) fn on_sender_report(&mut self, now: Instant, report: &SenderReport) {
        self.stats.on_sender_report(now, report.ntp);
        let clock = RtpClock::new(now, report.ntp, report.timestamp, self.clock_rate);
        self.clock = Some(clock);
    }

    /// Returns what to tell the publisher, if anything came since the last time.
    pub(crate) fn report(&mut self, now: Instant) -> Option<ReportBlock> {
        if !std::mem::take(&mut self.unreported) {
            return None;
        }
        self.stats.report(now, self.ssrc)
    }

    pub(crate) fn set_rtt(&mut self, rtt: Duration) {
        self.losses.set_rtt(rtt);
    }

    /// Writes which packets to ask for, and returns how many pairs that takes.
    pub(crate) fn take_losses(&mut self, now: Instant, pairs: &mut [NackPair; 32]) -> usize {
        self.losses.take_due(now, pairs)
    }

    /// Returns when packets must be asked for.
    #[inline]
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.losses.poll_timeout()
    }
}
