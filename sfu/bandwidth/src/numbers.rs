//! Numbers of packets and of probes on one transport.

use std::num::NonZeroU8;

/// Number of a packet on its transport, as the header extension of transport-wide congestion control carries it; wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TransportSeqNo(pub u16);

/// Number of a probe on its transport; wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProbeCluster(NonZeroU8);

impl ProbeCluster {
    /// Returns the cluster of a number; zero is none.
    pub fn new(number: u8) -> Option<Self> {
        NonZeroU8::new(number).map(Self)
    }

    /// The first of a transport.
    pub(crate) const FIRST: Self = Self(NonZeroU8::MIN);

    /// Returns the cluster that follows.
    #[must_use]
    pub(crate) fn next(self) -> Self {
        Self(self.0.checked_add(1).unwrap_or(NonZeroU8::MIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_clusters_wrap_past_zero() {
        let last = ProbeCluster::new(255).unwrap();
        assert_eq!(last.next(), ProbeCluster::FIRST);
        assert_eq!(ProbeCluster::new(0), None);
    }
}
