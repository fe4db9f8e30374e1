use std::time::Duration;

use sfu_model::MediaKind;

use crate::Histogram;

/// Simulcast layers that are told apart.
pub const LAYERS: usize = 3;

/// What the subscribers of one thread have received, summed over their streams.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Authenticated RTP packets, retransmissions and padding included.
    pub packets: u64,
    /// Their bytes, as RTP packets without authentication tags.
    pub bytes: u64,
    /// Packets that came by retransmission (RTX).
    pub retransmitted: u64,
    /// Packets that failed authentication, or were no RTP.
    pub refused: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Packets of streams that no description named.
    pub unknown: u64,
    /// Whole video frames.
    pub frames: u64,
    /// Video frames by simulcast layer.
    pub frames_of_layer: [u64; LAYERS],
    /// Pauses between two video frames of a stream, longer than [`Tally::FREEZE`].
    pub freezes: u64,
    /// The length of all those pauses.
    pub frozen: Duration,
    /// Longest time between two audio packets of a stream, by the layer that their stamps name.
    pub audio_pause: [Duration; LAYERS],
    /// Longest time between the ends of two video frames of a stream, likewise.
    pub video_pause: [Duration; LAYERS],
    /// Audio packets, each counted once.
    pub audio_packets: u64,
    /// From the making of a frame to the arrival of its last packet.
    pub latency: Histogram,
    /// Messages on data channels, whoever sent them.
    pub messages: u64,
    /// From the making of a packet of data to its arrival.
    pub data_latency: Histogram,
    /// Packets sent by publishers, retransmissions not counted.
    pub sent: u64,
    /// Their bytes, as RTP packets without authentication tags.
    pub sent_bytes: u64,
    /// Video packets sent, by simulcast layer.
    pub sent_of_layer: [u64; LAYERS],
    /// Packets that publishers sent again.
    pub resent: u64,
    /// Key frames that publishers were asked for.
    pub key_frame_requests: u64,
}

impl Tally {
    /// A pause between the ends of two video frames that viewers notice.
    pub const FREEZE: Duration = Duration::from_millis(200);

    /// Notes how long nothing came of a stream.
    pub(crate) fn note_pause(&mut self, kind: MediaKind, layer: u8, pause: Duration) {
        let longest = match kind {
            MediaKind::Audio => &mut self.audio_pause,
            MediaKind::Video => &mut self.video_pause,
        };
        if let Some(longest) = longest.get_mut(usize::from(layer)) {
            *longest = pause.max(*longest);
        }
    }

    /// Counts a packet that a publisher sends.
    pub(crate) fn count_sent(&mut self, kind: MediaKind, layer: u8, len: usize) {
        self.sent += 1;
        self.sent_bytes += len as u64;
        if kind == MediaKind::Video
            && let Some(sent) = self.sent_of_layer.get_mut(usize::from(layer))
        {
            *sent += 1;
        }
    }

    /// Adds another thread's.
    pub fn merge(&mut self, other: &Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.retransmitted += other.retransmitted;
        self.refused += other.refused;
        self.duplicates += other.duplicates;
        self.unknown += other.unknown;
        self.frames += other.frames;
        for (frames, more) in self.frames_of_layer.iter_mut().zip(other.frames_of_layer) {
            *frames += more;
        }
        self.freezes += other.freezes;
        self.frozen += other.frozen;
        let pauses = [
            (&mut self.audio_pause, other.audio_pause),
            (&mut self.video_pause, other.video_pause),
        ];
        for (longest, others) in pauses {
            for (longest, other) in longest.iter_mut().zip(others) {
                *longest = other.max(*longest);
            }
        }
        self.audio_packets += other.audio_packets;
        self.latency.merge(&other.latency);
        self.messages += other.messages;
        self.data_latency.merge(&other.data_latency);
        self.sent += other.sent;
        self.sent_bytes += other.sent_bytes;
        for (sent, more) in self.sent_of_layer.iter_mut().zip(other.sent_of_layer) {
            *sent += more;
        }
        self.resent += other.resent;
        self.key_frame_requests += other.key_frame_requests;
    }
}

/// What was lost of some streams between two moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Completeness {
    /// Streams that carried anything.
    pub streams: u64,
    /// Packets that the sequence numbers promise.
    pub expected: u64,
    /// Those of them that came, each counted once, by whichever way.
    pub received: u64,
    /// Sum of the streams' interarrival jitter, in microseconds.
    pub jitter_micros: u64,
}

impl Completeness {
    /// Adds other streams'.
    pub fn merge(&mut self, other: Self) {
        self.streams += other.streams;
        self.expected += other.expected;
        self.received += other.received;
        self.jitter_micros += other.jitter_micros;
    }

    /// Returns how many packets never came.
    pub fn lost(&self) -> u64 {
        self.expected.saturating_sub(self.received)
    }
}

/// What went by the data channels of one room between two moments: packets that were made then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataFlow {
    /// Packets that publishers sent.
    pub sent: u64,
    /// Peers that could receive them.
    pub receivers: u64,
    /// Packets that they received, each counted once per receiver.
    pub received: u64,
    /// Their payloads' bytes.
    pub bytes: u64,
    /// Packets that came again.
    pub duplicates: u64,
}

impl DataFlow {
    /// Adds that of other peers of the room.
    pub fn merge(&mut self, other: Self) {
        self.sent += other.sent;
        self.receivers += other.receivers;
        self.received += other.received;
        self.bytes += other.bytes;
        self.duplicates += other.duplicates;
    }

    /// Returns how many packets there are to receive: everybody gets everything but its own.
    pub fn expected(&self) -> u64 {
        self.sent.saturating_mul(self.receivers.saturating_sub(1))
    }
}
