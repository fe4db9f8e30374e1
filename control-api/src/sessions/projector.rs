use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sfu_model::UnixTime;
use store::{Beginning, Day, Journal, Record, Running, Store, StoreError, WrittenEvent};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::clock;
use crate::events::{Order, Orders};

/// Events that are taken in one transaction.
const BATCH: u32 = 500;

/// Sessions whose progress is written in one transaction.
const RUNNING: usize = 500;

/// How often it is written what open sessions have come to. Who asks for one is told what its room knows.
const PROGRESS: Duration = Duration::from_secs(30);

/// How often old sessions are forgotten.
const PRUNE: Duration = Duration::from_secs(600);

/// How long it is waited after the store did not answer.
const AGAIN: Duration = Duration::from_secs(1);

/// How often it is said that the store does not answer.
const COMPLAINT: Duration = Duration::from_secs(60);

/// How long the last events may take when the node stops. What is left is taken after the next start.
const FAREWELL: Duration = Duration::from_secs(3);

/// How long what is old is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Sessions, after their end.
    pub sessions: Duration,
    /// Usage, after its day.
    pub usage: Duration,
}

/// What the projector works with.
#[derive(Debug)]
pub struct ProjectorParts {
    /// What has happened.
    pub journal: Journal,
    /// Where sessions are kept.
    pub store: Store,
    /// Who writes the journal.
    pub orders: Orders,
    /// Tells when something was written there.
    pub written: watch::Receiver<()>,
    /// How long what is old is kept.
    pub retention: Retention,
}

/// Makes sessions of what has happened.
#[derive(Debug)]
pub struct Projector {
    parts: ProjectorParts,
    journal: String,
    /// Up to which event that is done; not known before the store has answered.
    taken: Option<i64>,
    sessions: Sessions,
    complained_at: Option<Instant>,
}

/// How far sessions are made, for others to see.
#[derive(Clone, Debug, Default)]
pub struct Sessions(Arc<AtomicI64>);

impl Sessions {
    /// Returns how many events of the journal wait until sessions are made of them.
    pub fn waiting(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Projector {
    /// Makes one. It does nothing until it runs.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub async fn new(parts: ProjectorParts) -> Result<Self, StoreError> {
        Ok(Self {
            journal: parts.journal.id().await?,
            parts,
            taken: None,
            sessions: Sessions::default(),
            complained_at: None,
        })
    }

    /// Returns how far it is, for others to see.
    pub fn sessions(&self) -> Sessions {
        self.sessions.clone()
    }

    /// Makes sessions of what is written, until it is told to stop, and then of what is left, as far as that is done soon.
    pub async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        let mut progress = ticks(PROGRESS);
        let mut prune = ticks(PRUNE);
        // What the process before this one has left.
        self.parts.written.mark_changed();
        loop {
            let outcome = tokio::select! {
                _ = progress.tick() => self.take_progress().await,
                _ = prune.tick() => self.prune().await,
                changed = self.parts.written.changed() => match changed {
                    Ok(()) => self.take_events().await,
                    // The keeper is gone: nothing more is written.
                    Err(_) => break,
                },
                _ = &mut stop => break,
            };
            if let Err(error) = outcome {
                self.complain(&error);
                self.parts.written.mark_changed();
                tokio::select! {
                    () = sleep(AGAIN) => {}
                    _ = &mut stop => break,
                }
            }
        }
        timeout(FAREWELL, self.take_events()).await.ok();
    }

    /// Takes what the journal holds by now.
    async fn take_events(&mut self) -> Result<(), StoreError> {
        let mut taken = match self.taken {
            Some(taken) => taken,
            None => self.begin().await?,
        };
        loop {
            let events = self.parts.journal.read_after(taken, BATCH).await?;
            let Some(last) = events.last() else {
                break;
            };
            let waiting = self.parts.journal.last_sequence().await? - taken;
            self.sessions.0.store(waiting, Ordering::Relaxed);
            match self.parts.store.project(&self.journal, &events).await {
                Err(StoreError::Refused(_)) => self.take_singly(&events).await?,
                taken => taken?,
            }
            taken = last.sequence;
            self.taken = Some(taken);
            self.parts.orders.give(Order::Projected(taken)).await;
        }
        self.taken = Some(taken);
        self.sessions.0.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// Returns up to which event the journal is taken. One from before what was taken of it is another one: it was put back
    /// from a copy, and what it tells from there on is new.
    async fn begin(&mut self) -> Result<i64, StoreError> {
        let taken = self.parts.store.projected(&self.journal).await?;
        if taken <= self.parts.journal.last_sequence().await? {
            return Ok(taken);
        }
        tracing::warn!(
            "The journal is older than what the database has of it, and is taken for another one"
        );
        self.journal = self.parts.journal.renew().await?;
        Ok(0)
    }

    /// Takes events one after the other, and leaves out what the database does not take: no event holds up all others.
    async fn take_singly(&self, events: &[WrittenEvent]) -> Result<(), StoreError> {
        for event in events {
            let one = std::slice::from_ref(event);
            if let Err(error) = self.parts.store.project(&self.journal, one).await {
                let StoreError::Refused(_) = error else {
                    return Err(error);
                };
                tracing::error!(%error, event = event.id, "An event is left out of sessions and usage");
                let nothing = WrittenEvent {
                    record: None,
                    ..event.clone()
                };
                self.parts.store.project(&self.journal, &[nothing]).await?;
            }
        }
        Ok(())
    }

    /// Takes what open sessions have come to.
    async fn take_progress(&self) -> Result<(), StoreError> {
        let open = self.parts.journal.participants().await?;
        let running: Vec<_> = open.iter().filter_map(running).collect();
        for some in running.chunks(RUNNING) {
            self.parts.store.note_running(some).await?;
        }
        Ok(())
    }

    async fn prune(&self) -> Result<(), StoreError> {
        let before = |kept: Duration| UnixTime(clock::now().0.saturating_sub(kept));
        let Retention { sessions, usage } = self.parts.retention;
        while self.parts.store.prune_sessions(before(sessions)).await? > 0 {}
        let day = Day::of(before(usage).millis());
        self.parts.store.prune_usage(day).await?;
        Ok(())
    }

    /// Says what is wrong, not more often than somebody reads it.
    fn complain(&mut self, error: &StoreError) {
        let now = Instant::now();
        if self.complained_at.is_some_and(|at| now - at < COMPLAINT) {
            return;
        }
        self.complained_at = Some(now);
        tracing::error!(
            %error,
            "Sessions and usage cannot be written to the database: what happens stays in the journal until they can be"
        );
    }
}

/// Returns what an open session has come to, where that was told.
fn running(beginning: &Beginning) -> Option<Running> {
    match &beginning.record {
        Some(Record::Left(left)) => Some(Running {
            sid: left.sid.clone(),
            at: beginning.at,
            account: left.account,
        }),
        _ => None,
    }
}

fn ticks(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
