//! What a client reports of when packets arrived (draft-holmer-rmcat-transport-wide-cc-extensions-01).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rtc_rtcp::Packet;
use rtc_rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, RecvDelta, RunLengthChunk, StatusVectorChunk, SymbolSizeTypeTcc,
    SymbolTypeTcc, TYPE_TCC_DELTA_SCALE_FACTOR, TransportLayerCc,
};
use sfu_model::Ssrc;
use sfu_rtp::{ExtendedSeqNo, SeqNo, SeqUnwrapper};

/// When the packets of a transport arrived, each by its transport-wide number.
#[derive(Debug)]
pub(crate) struct Arrivals {
    epoch: Instant,
    seqs: SeqUnwrapper,
    /// In ticks since `epoch`. What was reported stays for a while: a packet that comes late is reported together with
    /// those after it.
    ticks: BTreeMap<u64, i64>,
    /// Where the next report begins.
    next: u64,
    media: Ssrc,
    count: u8,
    due: Option<Instant>,
}

impl Arrivals {
    /// Between two reports, as Chromium sends them over a link that is not narrow.
    const INTERVAL: Duration = Duration::from_millis(50);
    /// Packets that one report tells of at most.
    const REPORTED: usize = 400;
    /// Packets that are remembered.
    const KEPT: u64 = 2_000;
    /// Ticks of the unit of a report's time of reference: 64 ms of 250 us each.
    const TICKS_OF_REFERENCE: i64 = 256;
    /// Packets that a chunk of two bits each tells of, and from which on a run is told as such.
    const CHUNK: usize = 7;

    pub(crate) fn new(epoch: Instant) -> Self {
        Self {
            epoch,
            seqs: SeqUnwrapper::default(),
            ticks: BTreeMap::new(),
            next: u64::MAX,
            media: Ssrc(0),
            count: 0,
            due: None,
        }
    }

    /// Notes that a packet of the stream `media` arrived.
    pub(crate) fn note(&mut self, now: Instant, seq: SeqNo, media: Ssrc) {
        let seq = self.seqs.unwrap(seq).0;
        let micros = now.saturating_duration_since(self.epoch).as_micros();
        let micros = i64::try_from(micros).unwrap_or(i64::MAX);
        let tick = micros / TYPE_TCC_DELTA_SCALE_FACTOR;
        self.media = media;
        self.ticks.entry(seq).or_insert(tick);
        self.next = self.next.min(seq);
        self.due.get_or_insert(now + Self::INTERVAL);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Appends reports to `compound` when they are due.
    pub(crate) fn handle_timeout(&mut self, now: Instant, compound: &mut Vec<Box<dyn Packet>>) {
        if self.due.take_if(|due| *due <= now).is_none() {
            return;
        }
        while let Some(report) = self.report() {
            compound.push(Box::new(report));
        }
        let oldest = self.next.saturating_sub(Self::KEPT);
        self.ticks = self.ticks.split_off(&oldest);
    }

    /// Tells of the packets from `next` on.
    fn report(&mut self) -> Option<TransportLayerCc> {
        let (_, first) = self.ticks.range(self.next..).next()?;
        let (highest, _) = self.ticks.last_key_value()?;
        let reference = first / Self::TICKS_OF_REFERENCE;
        let mut last = reference * Self::TICKS_OF_REFERENCE;
        let base = self.next;
        let (mut symbols, mut deltas) = (Vec::new(), Vec::new());
        for seq in (base..=*highest).take(Self::REPORTED) {
            let delta = self.ticks.get(&seq).map(|tick| tick - last);
            let Some(symbol) = symbol(delta) else {
                break;
            };
            if let Some(delta) = delta {
                last += delta;
                deltas.push(RecvDelta {
                    type_tcc_packet: symbol,
                    delta: delta * TYPE_TCC_DELTA_SCALE_FACTOR,
                });
            }
            symbols.push(symbol);
        }
        self.next += symbols.len() as u64;
        let count = self.count;
        self.count = count.wrapping_add(1);
        Some(TransportLayerCc {
            sender_ssrc: 1,
            media_ssrc: self.media.0,
            base_sequence_number: ExtendedSeqNo(base).seq().0,
            packet_status_count: u16::try_from(symbols.len()).unwrap_or(u16::MAX),
            reference_time: u32::try_from(reference % (1 << 24)).unwrap_or_default(),
            fb_pkt_count: count,
            packet_chunks: chunks(&symbols),
            recv_deltas: deltas,
        })
    }
}

/// Returns how a packet is told of that arrived so many ticks after the one before; `None` if that is too long.
fn symbol(delta: Option<i64>) -> Option<SymbolTypeTcc> {
    match delta {
        None => Some(SymbolTypeTcc::PacketNotReceived),
        Some(delta) if u8::try_from(delta).is_ok() => Some(SymbolTypeTcc::PacketReceivedSmallDelta),
        Some(delta) if i16::try_from(delta).is_ok() => {
            Some(SymbolTypeTcc::PacketReceivedLargeDelta)
        }
        Some(_) => None,
    }
}

fn chunks(mut symbols: &[SymbolTypeTcc]) -> Vec<PacketStatusChunk> {
    let mut chunks = Vec::new();
    while let Some(first) = symbols.first() {
        let same = symbols.iter().take_while(|symbol| *symbol == first).count();
        let len = if same >= Arrivals::CHUNK {
            chunks.push(PacketStatusChunk::RunLengthChunk(RunLengthChunk {
                packet_status_symbol: *first,
                run_length: u16::try_from(same).unwrap_or(u16::MAX),
                ..RunLengthChunk::default()
            }));
            same
        } else {
            let listed = symbols.iter().take(Arrivals::CHUNK).copied();
            chunks.push(PacketStatusChunk::StatusVectorChunk(StatusVectorChunk {
                symbol_size: SymbolSizeTypeTcc::TwoBit,
                symbol_list: listed.collect(),
                ..StatusVectorChunk::default()
            }));
            symbols.len().min(Arrivals::CHUNK)
        };
        symbols = symbols.get(len..).unwrap_or_default();
    }
    chunks
}
