//! Arrival times of a transport, as RTCP carries them.

use std::time::Duration;

use sfu_model::Ssrc;

use crate::SeqNo;
use crate::limits::{MAX_READ_ARRIVALS, REPORTED_ARRIVALS};

/// Transport-wide congestion control feedback
/// (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).
#[derive(Clone, Copy, Debug)]
pub struct TransportFeedback<'a> {
    /// A stream of the transport.
    pub media_ssrc: Ssrc,
    /// The first packet that it is about.
    pub base_seq: SeqNo,
    /// How many packets it is about.
    pub status_count: u16,
    /// Where its times begin, in units of 64 ms; 24 bits, wraps.
    pub reference_time: u32,
    /// Counts feedback packets; wraps.
    pub count: u8,
    /// Chunks and deltas.
    pub(super) bytes: &'a [u8],
}

/// One packet of a feedback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketStatus {
    /// The transport-wide sequence number.
    pub seq: SeqNo,
    /// When it arrived, since the receiver's own beginning of time; `None`: not (yet).
    pub arrival: Option<Duration>,
}

impl<'a> TransportFeedback<'a> {
    /// Reads what follows the SSRCs.
    pub(super) fn parse(media_ssrc: Ssrc, body: &'a [u8]) -> Option<Self> {
        let (head, bytes) = body.split_first_chunk::<8>()?;
        let [b0, b1, c0, c1, r0, r1, r2, count] = *head;
        Some(Self {
            media_ssrc,
            base_seq: SeqNo(u16::from_be_bytes([b0, b1])),
            status_count: u16::from_be_bytes([c0, c1]),
            reference_time: u32::from_be_bytes([0, r0, r1, r2]),
            count,
            bytes,
        })
    }

    /// Iterates over the packets, in order; at most [`MAX_READ_ARRIVALS`], and no further than where the
    /// feedback ends early.
    pub fn statuses(&self) -> Statuses<'a> {
        Statuses {
            chunks: self.bytes,
            deltas: self.deltas(),
            chunk: Chunk::EMPTY,
            index: 0,
            seq: self.base_seq,
            time: i64::from(self.reference_time) * 256,
            left: self.status_count.min(MAX_READ_ARRIVALS),
        }
    }

    /// Returns the deltas: they lie behind as many chunks as the packets take.
    fn deltas(&self) -> &'a [u8] {
        let mut bytes = self.bytes;
        let mut left = self.status_count;
        while left > 0 {
            let Some((chunk, rest)) = bytes.split_first_chunk::<2>() else {
                return &[];
            };
            let len = Chunk::from(u16::from_be_bytes(*chunk)).len();
            if len == 0 {
                return &[];
            }
            bytes = rest;
            left = left.saturating_sub(len);
        }
        bytes
    }
}

/// Iterator over the packets of a feedback.
#[derive(Clone, Debug)]
pub struct Statuses<'a> {
    chunks: &'a [u8],
    deltas: &'a [u8],
    /// The chunk that is read, and its next symbol.
    chunk: Chunk,
    index: u16,
    seq: SeqNo,
    /// Arrival of the last that arrived, in ticks of 250 us.
    time: i64,
    left: u16,
}

impl Iterator for Statuses<'_> {
    type Item = PacketStatus;

    fn next(&mut self) -> Option<PacketStatus> {
        self.left = self.left.checked_sub(1)?;
        while self.index >= self.chunk.len() {
            let (chunk, rest) = self.chunks.split_first_chunk::<2>()?;
            self.chunks = rest;
            self.chunk = Chunk::from(u16::from_be_bytes(*chunk));
            self.index = 0;
        }
        let symbol = self.chunk.symbol(self.index);
        let Some(delta) = take_delta(symbol, &mut self.deltas) else {
            self.left = 0;
            return None;
        };
        let arrival = delta.map(|delta| {
            self.time += i64::from(delta);
            Duration::from_micros(u64::try_from(self.time).unwrap_or(0) * 250)
        });
        let seq = self.seq;
        self.index += 1;
        self.seq = seq.next();
        Some(PacketStatus { seq, arrival })
    }
}

/// Packet status symbols (section 3.1.1).
const SMALL_DELTA: u8 = 1;
const LARGE_DELTA: u8 = 2;

/// Takes the delta of a symbol: `Some(None)` for a packet that did not arrive, `None` at the end.
fn take_delta(symbol: u8, deltas: &mut &[u8]) -> Option<Option<i16>> {
    match symbol {
        SMALL_DELTA => {
            let (delta, rest) = deltas.split_first()?;
            *deltas = rest;
            Some(Some(i16::from(*delta)))
        }
        LARGE_DELTA => {
            let (delta, rest) = deltas.split_first_chunk()?;
            *deltas = rest;
            Some(Some(i16::from_be_bytes(*delta)))
        }
        _ => Some(None),
    }
}

/// A packet status chunk (sections 3.1.2 to 3.1.4).
#[derive(Clone, Copy, Debug)]
enum Chunk {
    /// One symbol, many times.
    Run { symbol: u8, len: u16 },
    /// Fourteen symbols of one bit.
    OneBit(u16),
    /// Seven symbols of two bits.
    TwoBit(u16),
}

impl From<u16> for Chunk {
    fn from(bits: u16) -> Self {
        match bits >> 14 {
            0 | 1 => Self::Run {
                symbol: ((bits >> 13) & 3) as u8,
                len: bits & 0x1fff,
            },
            2 => Self::OneBit(bits),
            _ => Self::TwoBit(bits),
        }
    }
}

impl Chunk {
    const EMPTY: Self = Self::Run { symbol: 0, len: 0 };

    fn len(self) -> u16 {
        match self {
            Self::Run { len, .. } => len,
            Self::OneBit(_) => 14,
            Self::TwoBit(_) => 7,
        }
    }

    /// Returns symbol `index`, which is below the length.
    fn symbol(self, index: u16) -> u8 {
        match self {
            Self::Run { symbol, .. } => symbol,
            Self::OneBit(bits) => ((bits >> 13_u16.saturating_sub(index)) & 1) as u8,
            Self::TwoBit(bits) => ((bits >> (12_u16.saturating_sub(2 * index))) & 3) as u8,
        }
    }
}

/// Collects the arrivals of one feedback packet.
pub(crate) struct Arrivals {
    base_seq: SeqNo,
    count: u8,
    sender: Ssrc,
    media: Ssrc,
    symbols: [u8; REPORTED_ARRIVALS],
    deltas: [i16; REPORTED_ARRIVALS],
    len: usize,
    /// In ticks: of the first arrival, rounded down to 64 ms; and of the last arrival.
    times: Option<(u64, u64)>,
}

impl Arrivals {
    pub(crate) fn new(base_seq: SeqNo, count: u8, sender: Ssrc, media: Ssrc) -> Self {
        Self {
            base_seq,
            count,
            sender,
            media,
            symbols: [0; REPORTED_ARRIVALS],
            deltas: [0; REPORTED_ARRIVALS],
            len: 0,
            times: None,
        }
    }

    /// Adds the next packet's arrival, in ticks. `false` when it does not fit: another feedback has
    /// to begin with it.
    pub(crate) fn push(&mut self, arrival: Option<u64>) -> bool {
        let (symbol, delta) = match (arrival, self.times) {
            (None, _) => (0, 0),
            (Some(arrival), None) => {
                let reference = arrival / 256 * 256;
                self.times = Some((reference, arrival));
                // Below 256.
                (SMALL_DELTA, (arrival - reference) as i16)
            }
            (Some(arrival), Some((reference, last))) => {
                let Ok(delta) = i16::try_from(arrival.wrapping_sub(last).cast_signed()) else {
                    return false;
                };
                self.times = Some((reference, arrival));
                let small = (0..=255).contains(&delta);
                (if small { SMALL_DELTA } else { LARGE_DELTA }, delta)
            }
        };
        let (Some(symbol_slot), Some(delta_slot)) = (
            self.symbols.get_mut(self.len),
            self.deltas.get_mut(self.len),
        ) else {
            return false;
        };
        (*symbol_slot, *delta_slot) = (symbol, delta);
        self.len += 1;
        true
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

/// Appends a feedback packet; `false` when nothing arrived.
pub(crate) fn write_transport_feedback(out: &mut Vec<u8>, arrivals: &Arrivals) -> bool {
    let Some((reference, _)) = arrivals.times else {
        return false;
    };
    let start = out.len();
    let symbols = arrivals.symbols.get(..arrivals.len).unwrap_or_default();
    // FMT 15 of RTPFB; the length is filled in at the end.
    out.extend_from_slice(&[0x80 | 15, 205, 0, 0]);
    out.extend_from_slice(&arrivals.sender.0.to_be_bytes());
    out.extend_from_slice(&arrivals.media.0.to_be_bytes());
    out.extend_from_slice(&arrivals.base_seq.0.to_be_bytes());
    let status_count = u16::try_from(symbols.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&status_count.to_be_bytes());
    let [.., r0, r1, r2] = (reference / 256).to_be_bytes();
    out.extend_from_slice(&[r0, r1, r2, arrivals.count]);
    write_chunks(out, symbols);
    for (symbol, delta) in symbols.iter().zip(&arrivals.deltas) {
        let [high, low] = delta.to_be_bytes();
        match *symbol {
            SMALL_DELTA => out.push(low),
            LARGE_DELTA => out.extend_from_slice(&[high, low]),
            _ => {}
        }
    }
    let padding = (out.len() - start).wrapping_neg() % 4;
    if padding > 0 {
        out.resize(out.len() + padding - 1, 0);
        // At most 3.
        out.push((padding & 3) as u8);
    }
    let words = (out.len() - start) / 4 - 1;
    let length = u16::try_from(words).unwrap_or(u16::MAX);
    if let Some(header) = out.get_mut(start..).and_then(<[u8]>::first_chunk_mut::<4>) {
        let [flags, _, l0, l1] = header;
        *flags |= u8::from(padding > 0) << 5;
        [*l0, *l1] = length.to_be_bytes();
    }
    true
}

/// Appends the chunks of `symbols`: a run where it is longer than a vector would be, otherwise the
/// longest vector that can hold what comes next.
fn write_chunks(out: &mut Vec<u8>, mut symbols: &[u8]) {
    while let Some(&first) = symbols.first() {
        let run = symbols
            .iter()
            .take_while(|symbol| **symbol == first)
            .count();
        let one_bit = symbols.iter().take(14).all(|symbol| *symbol != LARGE_DELTA);
        let vector_len = if one_bit { 14 } else { 7 };
        let (chunk, len) = if run >= vector_len || run == symbols.len() {
            // `Arrivals::MAX` keeps runs within 13 bits.
            (u16::from(first) << 13 | (run & 0x1fff) as u16, run)
        } else if one_bit {
            (vector(0x8000, 1, symbols), 14)
        } else {
            (vector(0xc000, 2, symbols), 7)
        };
        out.extend_from_slice(&chunk.to_be_bytes());
        symbols = symbols.get(len..).unwrap_or_default();
    }
}

/// Packs as many symbols of `width` bits as fit behind the two bits of `kind`.
fn vector(kind: u16, width: u16, symbols: &[u8]) -> u16 {
    let shifts = (0..14 / width).map(|index| 14 - width * (index + 1));
    symbols
        .iter()
        .zip(shifts)
        .fold(kind, |chunk, (symbol, shift)| {
            chunk | u16::from(*symbol) << shift
        })
}
