//! What a shard counts: traffic, requests, and everything that went no further, by reason.

use sfu_transport::{DataCounts, DropReason as TransportDrop};

/// Why something that arrived, or was about to leave, went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// The peer's transport refused it.
    Refused(TransportDrop),
    /// Longer than any packet of a peer ([`sfu_model::MAX_DATAGRAM_BYTES`]).
    TooLong,
    /// Neither STUN, DTLS, RTP nor RTCP (RFC 7983), or a STUN message without our user name.
    NotOurs,
    /// From a path that no ICE check has validated.
    UnknownPath,
    /// A STUN message with a user name that no peer has.
    UnknownUfrag,
    /// An answer to a connectivity check that no peer's transport has sent.
    UnknownCheck,
    /// RTP or RTCP that authenticated but does not parse.
    Malformed,
    /// RTP of an SSRC that belongs to no publication.
    UnknownSsrc,
    /// RTP with a payload type that the section did not negotiate.
    UnknownPayloadType,
    /// More SSRCs than a peer may have.
    TooManySsrcs,
    /// RTP of a second SSRC or clock of an encoding whose stream still sends.
    StreamTaken,
    /// RTP that came before, or too late to be of use.
    Duplicate,
    /// RTP that carries nothing but padding.
    PaddingOnly,
    /// A retransmission of a stream of which nothing else came yet.
    EarlyRetransmission,
    /// The queue of outgoing datagrams was full.
    TransmitQueueFull,
    /// The receiver's transport is not up, or has no path.
    NotConnected,
    /// The receiver's transport may seal no more packets of the stream: its keys are exhausted, or it has more
    /// streams than are kept.
    NotSealed,
    /// A data message that the receiver's transport did not take.
    DataRefused,
    /// A data message that nobody understands: text, an unknown protocol, a stream that was not opened.
    DataIgnored,
    /// A lossy data message of a peer that had too much of it under way.
    LossyDataOverBudget,
    /// A lossy data message that gave way to a later one for the same receiver.
    LossyDataOvertaken,
    /// A video packet for another shard that does not keep up.
    VideoExportFull,
    /// An audio packet for another shard that does not keep up at all.
    AudioExportFull,
    /// A datagram that came in for a peer of another shard that does not keep up.
    HandOverFull,
}

impl DropReason {
    const OWN: [Self; 23] = [
        Self::TooLong,
        Self::NotOurs,
        Self::UnknownPath,
        Self::UnknownUfrag,
        Self::UnknownCheck,
        Self::Malformed,
        Self::UnknownSsrc,
        Self::UnknownPayloadType,
        Self::TooManySsrcs,
        Self::StreamTaken,
        Self::Duplicate,
        Self::PaddingOnly,
        Self::EarlyRetransmission,
        Self::TransmitQueueFull,
        Self::NotConnected,
        Self::NotSealed,
        Self::DataRefused,
        Self::DataIgnored,
        Self::LossyDataOverBudget,
        Self::LossyDataOvertaken,
        Self::VideoExportFull,
        Self::AudioExportFull,
        Self::HandOverFull,
    ];

    const COUNT: usize = Self::OWN.len() + TransportDrop::ALL.len();

    /// Iterates over every reason.
    pub fn all() -> impl Iterator<Item = Self> {
        let refused = TransportDrop::ALL.into_iter().map(Self::Refused);
        Self::OWN.into_iter().chain(refused)
    }

    /// Returns the reason as a label of a metric: lower case with underscores.
    pub fn label(self) -> &'static str {
        match self {
            Self::Refused(reason) => reason.label(),
            Self::TooLong => "too_long",
            Self::NotOurs => "not_ours",
            Self::UnknownPath => "path_without_peer",
            Self::UnknownUfrag => "ufrag_without_peer",
            Self::UnknownCheck => "check_without_peer",
            Self::Malformed => "malformed",
            Self::UnknownSsrc => "unknown_ssrc",
            Self::UnknownPayloadType => "unknown_payload_type",
            Self::TooManySsrcs => "too_many_ssrcs",
            Self::StreamTaken => "stream_taken",
            Self::Duplicate => "duplicate",
            Self::PaddingOnly => "padding_only",
            Self::EarlyRetransmission => "early_retransmission",
            Self::TransmitQueueFull => "transmit_queue_full",
            Self::NotConnected => "not_connected",
            Self::NotSealed => "not_sealed",
            Self::DataRefused => "data_refused",
            Self::DataIgnored => "data_ignored",
            Self::LossyDataOverBudget => "lossy_data_over_budget",
            Self::LossyDataOvertaken => "lossy_data_overtaken",
            Self::VideoExportFull => "video_export_full",
            Self::AudioExportFull => "audio_export_full",
            Self::HandOverFull => "hand_over_full",
        }
    }

    /// Returns the reason's place in [`DropReason::all`].
    fn place(self) -> usize {
        match self {
            Self::TooLong => 0,
            Self::NotOurs => 1,
            Self::UnknownPath => 2,
            Self::UnknownUfrag => 3,
            Self::UnknownCheck => 4,
            Self::Malformed => 5,
            Self::UnknownSsrc => 6,
            Self::UnknownPayloadType => 7,
            Self::TooManySsrcs => 8,
            Self::StreamTaken => 9,
            Self::Duplicate => 10,
            Self::PaddingOnly => 11,
            Self::EarlyRetransmission => 12,
            Self::TransmitQueueFull => 13,
            Self::NotConnected => 14,
            Self::NotSealed => 15,
            Self::DataRefused => 16,
            Self::DataIgnored => 17,
            Self::LossyDataOverBudget => 18,
            Self::LossyDataOvertaken => 19,
            Self::VideoExportFull => 20,
            Self::AudioExportFull => 21,
            Self::HandOverFull => 22,
            Self::Refused(reason) => Self::OWN.len() + reason as usize,
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
    /// RTP packets that were copied to other shards, whose subscribers need them.
    pub exports_out: u64,
    /// RTP packets of other shards' publications that came.
    pub exports_in: u64,
    /// Datagrams that came in here for peers of other shards.
    pub handed_over: u64,
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
    /// Times that a peer was held back because its reliable data messages were not taken fast enough.
    pub data_holds: u64,
    /// Peers that the shard holds.
    pub peers: usize,
    /// Publications that the shard holds, those of other shards included that have subscribers here.
    pub publications: usize,
    /// Subscriptions that the shard holds.
    pub subscriptions: usize,
    drops: Drops,
}

/// How often something was dropped, by the place of the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Drops([u64; DropReason::COUNT]);

impl Default for Drops {
    fn default() -> Self {
        Self([0; DropReason::COUNT])
    }
}

impl Counters {
    /// Returns how often something was dropped for `reason`.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.drops.0.get(reason.place()).copied().unwrap_or(0)
    }

    /// Iterates over the reasons and how often each was met.
    pub fn drops(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::all().zip(self.drops.0)
    }

    pub(crate) fn drop(&mut self, reason: DropReason) {
        self.drop_many(reason, 1);
    }

    /// Adds what a transport has counted of its data channels.
    pub(crate) fn add(&mut self, counts: DataCounts) {
        self.data_holds += counts.holds;
        self.drop_many(DropReason::LossyDataOverBudget, counts.dropped_in);
        self.drop_many(DropReason::LossyDataOvertaken, counts.dropped_out);
        self.drop_many(DropReason::DataIgnored, counts.ignored);
    }

    fn drop_many(&mut self, reason: DropReason, more: u64) {
        if let Some(count) = self.drops.0.get_mut(reason.place()) {
            *count += more;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reason_has_its_own_place_and_label() {
        let labels: BTreeSet<_> = DropReason::all().map(DropReason::label).collect();
        assert_eq!(labels.len(), DropReason::COUNT);
        for (place, reason) in DropReason::all().enumerate() {
            assert_eq!(reason.place(), place);
        }
    }

    #[test]
    fn a_drop_is_counted_under_its_reason_alone() {
        let mut counters = Counters::default();
        counters.drop(DropReason::Refused(TransportDrop::NoKeys));
        for (reason, count) in counters.drops() {
            let expected = u64::from(reason == DropReason::Refused(TransportDrop::NoKeys));
            assert_eq!(count, expected);
        }
    }
}
