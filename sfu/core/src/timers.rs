use std::time::Instant;

/// When a shard must be woken, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The time.
    pub at: Instant,
    /// What is due then; a busy loop names its cause by it.
    pub reason: TimerReason,
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TimerReason {
    /// DTLS or SCTP retransmits, or ICE consent is checked.
    Transport,
    /// Missing packets are asked for again.
    Nack,
    /// Arrival times are reported to a publisher (transport-cc).
    TransportFeedback,
    /// Reception is reported to a publisher (RFC 3550 receiver reports).
    ReceiverReport,
    /// Time is told to a subscriber (RFC 3550 sender reports).
    SenderReport,
    /// A key frame that has not come is asked for again.
    KeyFrame,
    /// Layers that no longer arrive are noticed.
    LayerLiveness,
    /// Loudness is reported to the control plane.
    AudioLevels,
}

impl TimerReason {
    /// Returns the reason as text for logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Transport => "transport",
            Self::Nack => "nack",
            Self::TransportFeedback => "transport feedback",
            Self::ReceiverReport => "receiver report",
            Self::SenderReport => "sender report",
            Self::KeyFrame => "key frame",
            Self::LayerLiveness => "layer liveness",
            Self::AudioLevels => "audio levels",
        }
    }
}
