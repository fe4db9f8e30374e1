//! How much of a peer's data is taken in.

use std::sync::Arc;

use sfu_model::limits::{LOSSY_DATA_IN_FLIGHT_BYTES, RELIABLE_DATA_IN_FLIGHT_BYTES};
use sfu_model::{DataBudget, DataChannel, DataMessage};

use crate::DataCounts;

/// The budgets of a peer's messages: reliable ones are not read while theirs is spent, so that SCTP holds
/// the peer back; lossy ones are dropped.
#[derive(Debug)]
pub(crate) struct DataIntake {
    reliable: DataBudget,
    lossy: DataBudget,
    held: bool,
    /// Whether the peer may go on since the last [`DataIntake::take_resumed`].
    resumed: bool,
    counts: DataCounts,
}

impl Default for DataIntake {
    fn default() -> Self {
        Self {
            reliable: DataBudget::new(RELIABLE_DATA_IN_FLIGHT_BYTES),
            lossy: DataBudget::new(LOSSY_DATA_IN_FLIGHT_BYTES),
            held: false,
            resumed: false,
            counts: DataCounts::default(),
        }
    }
}

impl DataIntake {
    /// Reports whether messages of a channel may be read.
    pub(crate) fn may_read(&mut self, channel: DataChannel) -> bool {
        match channel {
            DataChannel::Lossy | DataChannel::DataTrack => true,
            DataChannel::Reliable | DataChannel::Unlabelled => self.may_read_reliable(),
        }
    }

    fn may_read_reliable(&mut self) -> bool {
        if self.held && self.reliable.is_recovered() {
            self.held = false;
            self.resumed = true;
        } else if !self.held && self.reliable.is_spent() {
            self.held = true;
            self.counts.holds += 1;
        }
        !self.held
    }

    /// Accounts a message, or drops a lossy one that is one too many.
    pub(crate) fn admit(
        &mut self,
        channel: DataChannel,
        payload: Arc<[u8]>,
    ) -> Option<DataMessage> {
        let budget = match channel {
            DataChannel::Reliable | DataChannel::Unlabelled => &self.reliable,
            DataChannel::Lossy | DataChannel::DataTrack if self.lossy.is_spent() => {
                self.counts.dropped_in += 1;
                return None;
            }
            DataChannel::Lossy | DataChannel::DataTrack => &self.lossy,
        };
        let permit = budget.permit(payload.len());
        Some(DataMessage { payload, permit })
    }

    /// Reports whether the peer is held back.
    pub(crate) fn is_held(&self) -> bool {
        self.held
    }

    /// Reports whether the peer was held back and may go on since this was asked last.
    pub(crate) fn take_resumed(&mut self) -> bool {
        std::mem::take(&mut self.resumed)
    }

    /// Returns what was counted of the peer's channels.
    pub(crate) fn counts(&mut self) -> &mut DataCounts {
        &mut self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reliable_messages_are_not_read_until_half_of_the_budget_is_free() {
        let mut intake = DataIntake::default();
        let channel = DataChannel::Reliable;
        let mut admitted = Vec::new();
        while intake.may_read(channel) {
            admitted.extend(intake.admit(channel, vec![0; 60_000].into()));
        }
        assert_eq!(admitted.len(), 18);
        assert!(intake.may_read(DataChannel::Lossy));
        admitted.truncate(9);
        assert!(!intake.may_read(channel));
        admitted.truncate(8);
        assert!(intake.may_read(channel));
        assert_eq!(intake.counts().holds, 1);
    }

    #[test]
    fn lossy_messages_beyond_the_budget_are_dropped_and_counted() {
        let mut intake = DataIntake::default();
        let channel = DataChannel::Lossy;
        let admitted: Vec<_> = (0..1_000)
            .map_while(|_| intake.admit(channel, vec![0; 1_000].into()))
            .collect();
        assert_eq!(admitted.len(), 418);
        assert_eq!(intake.counts().dropped_in, 1);
        drop(admitted);
        assert!(intake.admit(channel, vec![0; 1_000].into()).is_some());
    }
}
