use std::sync::Arc;
use std::time::Duration;

use store::{DeadEvent, Journal, StoreError};
use tokio::time::{sleep, timeout};

use super::health::TargetHealth;
use super::sender::Senders;
use crate::events::EventCounts;

/// How often it is looked whether receivers have taken all.
const LOOK: Duration = Duration::from_millis(20);

/// Webhooks as the API and the metrics see them.
#[derive(Clone, Debug)]
pub struct Webhooks {
    senders: Senders,
    journal: Journal,
    counts: Arc<EventCounts>,
}

/// A receiver, and what there is for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Its address.
    pub url: String,
    /// How it fares.
    pub health: TargetHealth,
    /// Events that it has still to take.
    pub waiting: i64,
    /// Events that were given up.
    pub dead: i64,
}

impl Webhooks {
    /// Puts together what there is to see.
    pub fn new(senders: Senders, journal: Journal, counts: Arc<EventCounts>) -> Self {
        Self {
            senders,
            journal,
            counts,
        }
    }

    /// Returns every receiver.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub async fn receivers(&self) -> Result<Vec<Receiver>, StoreError> {
        let mut receivers = Vec::new();
        for (url, health) in self.senders.health().report() {
            receivers.push(Receiver {
                waiting: self.journal.count_deliveries(&url).await?,
                dead: self.journal.count_dead(&url).await?,
                url,
                health,
            });
        }
        Ok(receivers)
    }

    /// Lists what was given up, for one receiver or for all: numbers below `before`, the latest first.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub async fn dead(
        &self,
        url: &str,
        before: i64,
        limit: u32,
    ) -> Result<Vec<DeadEvent>, StoreError> {
        self.journal.dead(url, before, limit).await
    }

    /// Has given-up events told again: one, or all of a receiver. Returns how many.
    ///
    /// # Errors
    ///
    /// The journal cannot be written.
    pub async fn replay(&self, url: &str, sequence: Option<i64>) -> Result<u64, StoreError> {
        let revived = self.journal.revive(url, sequence).await?;
        if revived > 0 {
            self.senders.restart(url);
        }
        Ok(revived)
    }

    /// Returns how many events receivers have still to take, all together; nothing while the journal cannot be read.
    pub(crate) async fn waiting(&self) -> Option<i64> {
        let mut waiting = 0;
        for url in self.senders.health().report().keys() {
            waiting += self.journal.count_deliveries(url).await.ok()?;
        }
        Some(waiting)
    }

    /// Returns how each receiver fares.
    pub(crate) fn health(&self) -> Vec<TargetHealth> {
        self.senders.health().report().into_values().collect()
    }

    /// Returns what was written down.
    pub(crate) fn counts(&self) -> &EventCounts {
        &self.counts
    }

    /// Waits until what has happened up to now is written down, so that it is told whatever becomes of the node.
    pub(crate) async fn settle(&self) {
        self.senders.settle().await;
    }

    /// Waits until receivers that take events have taken all, for a while at most.
    pub async fn drain(&self, patience: Duration) {
        let drained = async {
            while self.has_undelivered().await {
                sleep(LOOK).await;
            }
        };
        timeout(patience, drained).await.ok();
    }

    /// Reports whether a receiver that does not fail has still to take something.
    async fn has_undelivered(&self) -> bool {
        self.settle().await;
        for (url, health) in self.senders.health().report() {
            let is_well = health.failing_since.is_none();
            let waiting = self.journal.count_deliveries(&url).await;
            if is_well && waiting.is_ok_and(|waiting| waiting > 0) {
                return true;
            }
        }
        false
    }

    /// Ends to tell receivers.
    pub fn stop(&self) {
        self.senders.stop();
    }
}
