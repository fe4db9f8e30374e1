/// Why something that arrived, or was about to leave, went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum DropReason {
    /// Neither STUN, DTLS, RTP nor RTCP (RFC 7983).
    NotOurs,
    /// From a path that no ICE check has validated.
    UnknownPath,
    /// A STUN message with a user name that no peer has.
    UnknownUfrag,
    /// A STUN message that the transport refused.
    StunRefused,
    /// A DTLS datagram that the transport refused.
    DtlsRefused,
    /// SRTP or SRTCP that did not authenticate, was replayed, or came before the keys.
    NotAuthentic,
    /// RTP or RTCP that authenticated but does not parse.
    Malformed,
    /// RTP of an SSRC that belongs to no publication.
    UnknownSsrc,
    /// RTP with a payload type that the section did not negotiate.
    UnknownPayloadType,
    /// More SSRCs than a peer may have.
    TooManySsrcs,
    /// A packet that came before, or too late to matter.
    Duplicate,
    /// The queue of outgoing datagrams was full.
    TransmitQueueFull,
    /// The subscriber's transport is not up, or has no path.
    NotConnected,
    /// A data message that the transport did not take.
    DataRefused,
}

impl DropReason {
    /// Every reason, in the order of their declaration.
    pub const ALL: [Self; 14] = [
        Self::NotOurs,
        Self::UnknownPath,
        Self::UnknownUfrag,
        Self::StunRefused,
        Self::DtlsRefused,
        Self::NotAuthentic,
        Self::Malformed,
        Self::UnknownSsrc,
        Self::UnknownPayloadType,
        Self::TooManySsrcs,
        Self::Duplicate,
        Self::TransmitQueueFull,
        Self::NotConnected,
        Self::DataRefused,
    ];

    /// Returns the reason as a label of a metric: lower case with underscores.
    pub fn label(self) -> &'static str {
        match self {
            Self::NotOurs => "not_ours",
            Self::UnknownPath => "unknown_path",
            Self::UnknownUfrag => "unknown_ufrag",
            Self::StunRefused => "stun_refused",
            Self::DtlsRefused => "dtls_refused",
            Self::NotAuthentic => "not_authentic",
            Self::Malformed => "malformed",
            Self::UnknownSsrc => "unknown_ssrc",
            Self::UnknownPayloadType => "unknown_payload_type",
            Self::TooManySsrcs => "too_many_ssrcs",
            Self::Duplicate => "duplicate",
            Self::TransmitQueueFull => "transmit_queue_full",
            Self::NotConnected => "not_connected",
            Self::DataRefused => "data_refused",
        }
    }
}

/// What a shard has counted since it began. Gauges say how much it holds; the rest only grows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams that arrived.
    pub datagrams_in: u64,
    /// Bytes of them.
    pub bytes_in: u64,
    /// Datagrams that were handed out for sending.
    pub datagrams_out: u64,
    /// Bytes of them.
    pub bytes_out: u64,
    /// RTP packets accepted from publishers, retransmissions included.
    pub rtp_in: u64,
    /// RTP packets sent to subscribers, retransmissions included.
    pub rtp_out: u64,
    /// RTP packets that were sent again to a subscriber who missed them.
    pub retransmissions_out: u64,
    /// Packets that publishers were asked to send again.
    pub nacks_out: u64,
    /// Packets that subscribers asked for again.
    pub nacks_in: u64,
    /// Key frames that publishers were asked for.
    pub plis_out: u64,
    /// Key frames that subscribers asked for (PLI and FIR).
    pub plis_in: u64,
    /// Bandwidth estimates of subscribers (REMB).
    pub rembs_in: u64,
    /// Arrival time reports of subscribers (transport-cc).
    pub transport_feedback_in: u64,
    /// Arrival time reports to publishers (transport-cc).
    pub transport_feedback_out: u64,
    /// Data messages that peers sent.
    pub data_in: u64,
    /// Data messages that were queued to peers.
    pub data_out: u64,
    /// Peers that the shard holds.
    pub peers: usize,
    /// Publications that the shard holds.
    pub publications: usize,
    /// Subscriptions that the shard holds.
    pub subscriptions: usize,
    drops: [u64; DropReason::ALL.len()],
}

impl Counters {
    /// Returns how often something was dropped for `reason`.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.drops.get(reason as usize).copied().unwrap_or(0)
    }

    /// Iterates over the reasons and how often each was met.
    pub fn drops(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL.into_iter().zip(self.drops)
    }

    pub(crate) fn drop(&mut self, reason: DropReason) {
        if let Some(count) = self.drops.get_mut(reason as usize) {
            *count += 1;
        }
    }
}
