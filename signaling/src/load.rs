use sfu_driver::ShardReport;

/// The load at which a node refuses joins; `None` is no limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadLimits {
    /// Publications and subscriptions together.
    pub tracks: Option<u64>,
    /// Bytes per second, in and out together.
    pub bytes_per_second: Option<u64>,
}

impl LoadLimits {
    /// Reports whether there is any limit.
    pub(crate) fn any(&self) -> bool {
        self.tracks.is_some() || self.bytes_per_second.is_some()
    }

    /// Reports whether the shards carry all that they may.
    pub(crate) fn reached(&self, shards: &[ShardReport]) -> bool {
        let tracks = |shard: &ShardReport| {
            let counters = &shard.counters;
            u64::try_from(counters.publications + counters.subscriptions).unwrap_or(u64::MAX)
        };
        let total = |of: fn(&ShardReport) -> u64| shards.iter().map(of).sum::<u64>();
        self.tracks.is_some_and(|most| total(tracks) >= most)
            || self
                .bytes_per_second
                .is_some_and(|most| total(|shard| shard.bytes_per_second) >= most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(publications: usize, subscriptions: usize, bytes_per_second: u64) -> ShardReport {
        let mut report = ShardReport {
            bytes_per_second,
            ..ShardReport::default()
        };
        report.counters.publications = publications;
        report.counters.subscriptions = subscriptions;
        report
    }

    #[test]
    fn all_shards_count_together() {
        let shards = [shard(1, 2, 1_000), shard(0, 4, 500)];
        let tracks = |most| LoadLimits {
            tracks: Some(most),
            ..LoadLimits::default()
        };
        let bytes = |most| LoadLimits {
            bytes_per_second: Some(most),
            ..LoadLimits::default()
        };
        assert!(tracks(7).reached(&shards));
        assert!(!tracks(8).reached(&shards));
        assert!(bytes(1_500).reached(&shards));
        assert!(!bytes(1_501).reached(&shards));
        assert!(!LoadLimits::default().reached(&shards));
    }
}
