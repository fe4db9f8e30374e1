use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rtc_rtcp::Packet;
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc_rtcp::transport_feedbacks::transport_layer_nack::{
    TransportLayerNack, nack_pairs_from_sequence_numbers,
};
use sfu_model::{Codec, CodecBinding, SendMedia, Ssrc};
use sfu_rtp::payload::red;
use sfu_rtp::{
    ExtendedSeqNo, ExtensionRanges, ExtensionTable, RtpHeader, SeqNo, SeqUnwrapper, rtx,
};

use super::account::Account;
use super::{Received, Reception};

/// A subscription's far end: puts packets in order, asks for those that are missing, and checks
/// that what comes out is what the publisher sent.
#[derive(Debug)]
pub struct Receiver {
    media: SendMedia,
    /// The SSRC that its feedback is from.
    own_ssrc: Ssrc,
    extensions: ExtensionTable,
    seqs: SeqUnwrapper,
    /// The number that comes out next, if nothing is given up.
    next: Option<u64>,
    highest: Option<u64>,
    /// Packets that wait for others before them.
    waiting: BTreeMap<u64, Received>,
    missing: BTreeMap<u64, Missing>,
    last: Option<(Instant, Received)>,
    /// When the next key frame is asked for; `None` while pictures can be shown.
    key_frame_at: Option<Instant>,
    account: Account,
    reception: Reception,
}

#[derive(Clone, Copy, Debug)]
struct Missing {
    since: Instant,
    ask_at: Instant,
    asked: bool,
}

impl Receiver {
    /// How long a gap may be nothing but another order.
    const GRACE: Duration = Duration::from_millis(15);
    /// Between two requests for the same packet.
    const ASK_AGAIN: Duration = Duration::from_millis(110);
    /// Between two requests for a key frame.
    const KEY_FRAME_AGAIN: Duration = Duration::from_millis(500);
    /// When a packet is given up.
    const PATIENCE: Duration = Duration::from_millis(800);

    /// Makes the far end of a media section as it was negotiated.
    pub fn new(media: SendMedia, own_ssrc: Ssrc) -> Self {
        let mut extensions = ExtensionTable::default();
        extensions.add(&media.extensions);
        Self {
            media,
            own_ssrc,
            extensions,
            seqs: SeqUnwrapper::default(),
            next: None,
            highest: None,
            waiting: BTreeMap::new(),
            missing: BTreeMap::new(),
            last: None,
            key_frame_at: None,
            account: Account::default(),
            reception: Reception::default(),
        }
    }

    /// Returns what it made of its stream.
    pub fn reception(&self) -> &Reception {
        &self.reception
    }

    /// Returns when a packet last came out.
    pub fn latest(&self) -> Option<Instant> {
        self.last.map(|(at, _)| at)
    }

    pub(crate) fn ssrc(&self) -> Ssrc {
        self.media.ssrc
    }

    /// Reports whether a stream is this one, or its retransmissions.
    pub(crate) fn owns(&self, ssrc: Ssrc) -> bool {
        ssrc == self.media.ssrc || Some(ssrc) == self.media.rtx_ssrc
    }

    /// Returns the transport-wide number of a packet.
    pub(crate) fn transport_cc(&self, header: &RtpHeader, packet: &[u8]) -> Option<SeqNo> {
        ExtensionRanges::find(header, packet, &self.extensions).transport_cc(packet)
    }

    /// Takes what the server says of its clock.
    pub(crate) fn handle_sender_report(&mut self, now: Instant, ntp_time: u64) {
        self.account.note_sender_report(now, ntp_time);
    }

    /// Takes a packet.
    pub(crate) fn handle(&mut self, now: Instant, packet: &mut [u8]) {
        if self.take(now, packet).is_none() {
            self.fault("a packet of another format");
        }
    }

    fn take(&mut self, now: Instant, packet: &mut [u8]) -> Option<()> {
        let header = RtpHeader::parse(packet).ok()?;
        if header.is_padding_only() {
            return Some(());
        }
        let codecs = self.media.codecs.iter();
        if header.ssrc == self.media.ssrc {
            let binding = find(codecs, |codec| codec.payload_type == header.payload_type)?;
            self.account.note_packet(now, self.seqs.peek(header.seq));
            if binding.codec == Codec::Red {
                return self.take_redundant(now, &header, packet);
            }
            let received = Received::read(binding.codec, &header, packet)?;
            self.accept(now, &header, received);
            return Some(());
        }
        let binding = find(codecs, |codec| codec.rtx == Some(header.payload_type))?;
        let original = rtx::restore(packet, &header, self.media.ssrc, binding.payload_type)?;
        let header = RtpHeader::parse(original).ok()?;
        let received = Received::read(binding.codec, &header, original)?;
        self.accept(now, &header, received);
        Some(())
    }

    /// Takes a packet of sound with those before it: of these, what is missing.
    fn take_redundant(&mut self, now: Instant, header: &RtpHeader, packet: &[u8]) -> Option<()> {
        let blocks = red::blocks(header.payload(packet));
        let primary = blocks.clone().last()?;
        let received = Received::read_payload(Codec::Opus, header, primary.bytes)?;
        let seq = self.seqs.peek(header.seq).0;
        self.accept(now, header, received);
        for block in blocks.filter(|block| !block.primary) {
            let back = block.timestamp_offset / 960;
            let missing = seq.checked_sub(u64::from(back))?;
            if !self.missing.contains_key(&missing) {
                continue;
            }
            let mut header = *header;
            header.seq = ExtendedSeqNo(missing).seq();
            let age = u32::from(block.timestamp_offset);
            header.timestamp = header.timestamp.plus(age.wrapping_neg());
            let received = Received::read_payload(Codec::Opus, &header, block.bytes)?;
            self.reception.redundant += 1;
            self.accept(now, &header, received);
        }
        Some(())
    }

    fn accept(&mut self, now: Instant, header: &RtpHeader, received: Received) {
        let seq = self.seqs.unwrap(header.seq).0;
        let next = *self.next.get_or_insert(seq);
        if seq < next || self.waiting.contains_key(&seq) {
            self.reception.superfluous += 1;
            return;
        }
        if let Some(missing) = self.missing.remove(&seq) {
            self.reception.recovered += u64::from(missing.asked);
        }
        let highest = self.highest.unwrap_or(seq);
        for absent in highest + 1..seq {
            let missing = Missing {
                since: now,
                ask_at: now + Self::GRACE,
                asked: false,
            };
            self.missing.insert(absent, missing);
        }
        self.highest = Some(highest.max(seq));
        self.waiting.insert(seq, received);
        if received.picture.is_none() {
            self.reception.playout.arrives(now, received.number.into());
        } else if !self.missing.is_empty() {
            self.go_on_with_key_frame();
        }
        self.deliver(now);
    }

    /// Gives up what is missing before a key frame that has come whole, as decoders do.
    fn go_on_with_key_frame(&mut self) {
        let key_frames = self.waiting.iter().rev();
        let mut key_frames = key_frames.filter(|(_, received)| received.key_frame);
        let Some((&begin, first)) = key_frames.next() else {
            return;
        };
        let packets = self.waiting.range(begin..);
        let in_order = (begin..).zip(packets);
        let in_order = in_order.take_while(|(seq, (found, packet))| {
            seq == *found && packet.timestamp == first.timestamp
        });
        if in_order
            .last()
            .is_some_and(|(_, (_, packet))| packet.marker)
        {
            let kept = self.missing.split_off(&begin);
            self.reception.lost += self.missing.len() as u64;
            self.missing = kept;
        }
    }

    /// Lets out what nothing is missing before.
    fn deliver(&mut self, now: Instant) {
        while let Some((&seq, &received)) = self.waiting.first_key_value() {
            let first_missing = self.missing.keys().next();
            if first_missing.is_some_and(|missing| *missing < seq) {
                return;
            }
            self.waiting.remove(&seq);
            let follows = self.next.replace(seq + 1) == Some(seq) && self.last.is_some();
            self.reception.delivered += 1;
            if let Some(of_encoding) = self.count_of(received.encoding()) {
                *of_encoding += 1;
            }
            self.reception.key_frames += u64::from(received.key_frame);
            if received.key_frame {
                self.key_frame_at = None;
            } else if received.picture.is_some() && !follows {
                self.key_frame_at = Some(now);
            }
            if received.picture.is_some() {
                let decodes = self.key_frame_at.is_none();
                let shown = &mut self.reception.shown;
                shown.take(now, &received, follows, decodes);
            }
            if let Some((at, last)) = self.last.replace((now, received)) {
                let pause = now.saturating_duration_since(at);
                self.reception.longest_pause = self.reception.longest_pause.max(pause);
                self.check(follows, last, received);
            }
        }
    }

    fn count_of(&mut self, encoding: u8) -> Option<&mut u64> {
        self.reception.by_encoding.get_mut(usize::from(encoding))
    }

    fn check(&mut self, follows: bool, last: Received, received: Received) {
        // What was given up explains everything but a number that comes twice.
        let same_encoding = received.encoding() == last.encoding();
        let fault = match follows {
            true => last.fault_of(&received),
            false if same_encoding && received.number <= last.number => {
                Some("a packet comes out twice")
            }
            false => None,
        };
        if let Some(fault) = fault {
            self.fault(&format!("{fault}: {last:?}, {received:?}"));
        }
    }

    fn fault(&mut self, fault: &str) {
        self.reception.faults.push(fault.to_owned());
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let missing = self.missing.values().map(|missing| match self.media.nack {
            true => missing.ask_at.min(missing.since + Self::PATIENCE),
            false => missing.since + Self::PATIENCE,
        });
        let due = missing.chain(self.key_frame_at);
        due.chain(self.account.poll_timeout()).min()
    }

    /// Reports, asks for what is missing, and gives up what was for too long. Appends the feedback to
    /// `compound`.
    pub(crate) fn handle_timeout(&mut self, now: Instant, compound: &mut Vec<Box<dyn Packet>>) {
        self.give_up(now);
        self.deliver(now);
        if let Some(report) = self.account.report(now, self.own_ssrc, self.media.ssrc) {
            compound.push(Box::new(report));
        }
        if self.key_frame_at.is_some_and(|at| at <= now) {
            self.key_frame_at = Some(now + Self::KEY_FRAME_AGAIN);
            compound.push(Box::new(PictureLossIndication {
                sender_ssrc: self.own_ssrc.0,
                media_ssrc: self.media.ssrc.0,
            }));
        }
        if !self.media.nack {
            return;
        }
        let mut lost = Vec::new();
        for (seq, missing) in &mut self.missing {
            if missing.ask_at <= now {
                missing.ask_at = now + Self::ASK_AGAIN;
                missing.asked = true;
                lost.push(ExtendedSeqNo(*seq).seq().0);
            }
        }
        if !lost.is_empty() {
            compound.push(Box::new(TransportLayerNack {
                sender_ssrc: self.own_ssrc.0,
                media_ssrc: self.media.ssrc.0,
                nacks: nack_pairs_from_sequence_numbers(&lost),
            }));
        }
    }

    /// Gives up what has been missing for too long.
    fn give_up(&mut self, now: Instant) {
        let before = self.missing.len();
        let missing = &mut self.missing;
        missing.retain(|_, missing| now < missing.since + Self::PATIENCE);
        self.reception.lost += (before - self.missing.len()) as u64;
    }
}

fn find<'a>(
    mut codecs: impl Iterator<Item = &'a CodecBinding>,
    select: impl Fn(&CodecBinding) -> bool,
) -> Option<CodecBinding> {
    codecs.find(|codec| select(codec)).copied()
}
