//! What a shard counts: traffic, requests, and everything that went no further, by reason.

use sfu_transport::DataCounts;

use crate::DropReason;
use crate::waits::Waits;

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
    /// Packets of publishers that repair lost ones (FlexFEC).
    pub repairs_in: u64,
    /// RTP packets that were lost on their way from publishers and restored by those.
    pub restored_in: u64,
    /// RTP packets sent to subscribers, retransmissions included.
    pub rtp_out: u64,
    /// RTP packets that were sent again to a subscriber who missed them.
    pub retransmissions_out: u64,
    /// Packets of sound that went out with more redundancy than they came with.
    pub redundancy_out: u64,
    /// Packets of video that had to wait for a subscriber's link.
    pub held: u64,
    /// How long they waited until they left.
    pub waits: Waits,
    /// Packets of sound that subscribers of plain Opus were sent out of the redundancy of later ones.
    pub recovered_out: u64,
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

    /// Counts `more` that were dropped for `reason`.
    pub(crate) fn drop_many(&mut self, reason: DropReason, more: u64) {
        if let Some(count) = self.drops.0.get_mut(reason.place()) {
            *count += more;
        }
    }
}

#[cfg(test)]
mod tests {
    use sfu_transport::DropReason as TransportDrop;

    use super::*;

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
