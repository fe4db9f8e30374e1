use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use signaling::{Notice, Notices};
use signaling_session::RoomNotice;
use store::{Journal, JournalEvent, Progress, StoreError, Writes};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::body::RoomDetail;
use super::order::{Order, Orders};
use super::record;
use super::recovery;
use super::rooms::RoomEvents;
use super::tally::{Tally, TallyReport};
use crate::clock;
use crate::webhooks::Targets;

/// Events that wait in memory while the journal cannot be written. Further ones are lost and counted.
pub(crate) const MAX_UNWRITTEN: usize = 100_000;

/// Events and orders that are written together at most.
const BATCH: usize = 1024;

/// Bytes of events that wait in memory: an event may carry the metadata of a room and of a participant, 64 KiB each.
pub(crate) const MAX_UNWRITTEN_BYTES: usize = 256 << 20;

/// How long it is waited after the journal could not be written.
const AGAIN: Duration = Duration::from_secs(1);

/// How often it is written that the node runs: by so much at most a session seems shorter after a crash.
const ALIVE: Duration = Duration::from_secs(5);

/// How often it is said that events are lost.
const COMPLAINT: Duration = Duration::from_secs(60);

/// How long events are kept that everybody has been told of, and those that were given up.
const KEPT: Duration = Duration::from_secs(24 * 3600);
const DEAD_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Events that are forgotten at a time.
const PRUNED: u32 = 10_000;

/// Events that are kept, whoever has still to be told of them: about a gigabyte of the disk.
const MAX_EVENTS: u32 = 1_000_000;

/// How long the last events may take to be written when the node stops.
const FAREWELL: Duration = Duration::from_secs(5);

/// What the keeper works with.
#[derive(Debug)]
pub struct KeeperParts {
    /// Where it writes.
    pub journal: Journal,
    /// What happens in rooms.
    pub notices: Notices,
    /// Who is to be told.
    pub targets: Targets,
    /// How much of a room is told.
    pub detail: RoomDetail,
}

/// Writes down what happens in rooms, and what receivers have taken of it.
#[derive(Debug)]
pub struct EventKeeper {
    journal: Journal,
    notices: Notices,
    rooms: RoomEvents,
    orders: mpsc::Receiver<Order>,
    /// Rooms that ended without telling, once what they told before is written.
    lost: Vec<String>,
    waiting: Writes,
    /// Of the events in `waiting`.
    bytes: usize,
    /// Who wants to know when that is written. What has happened before they asked is among it.
    settling: Vec<oneshot::Sender<()>>,
    written: watch::Sender<()>,
    counts: Arc<EventCounts>,
    /// No writing before this.
    again_at: Instant,
    complained_at: Option<Instant>,
}

/// What the keeper has done.
#[derive(Debug, Default)]
pub struct EventCounts {
    written: AtomicU64,
    lost: AtomicU64,
    waiting: AtomicU64,
    tally: Tally,
}

impl EventCounts {
    /// Returns what has come of notices, added up.
    pub(crate) fn tally(&self) -> TallyReport {
        self.tally.report()
    }

    /// Returns how many events were written.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Returns how many were lost, because the journal could not be written for too long.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Returns how many wait to be written.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }
}

impl EventKeeper {
    /// Takes up the journal: writes the ends of what had begun when the node ended last.
    ///
    /// Returns what gives it orders, and what tells when something was written.
    ///
    /// # Errors
    ///
    /// The journal cannot be used.
    pub async fn start(
        parts: KeeperParts,
    ) -> Result<(Self, Orders, watch::Receiver<()>), StoreError> {
        parts.journal.prepare().await?;
        let known = parts.targets.names();
        let now = clock::now();
        let given_up = parts.journal.give_up_unknown(&known, now).await?;
        if given_up > 0 {
            tracing::warn!(
                events = given_up,
                "Events wait for receivers that are not configured any more, and are given up"
            );
        }
        let rooms = RoomEvents::new(parts.detail, parts.targets);
        let alive_at = parts.journal.alive_at().await?.unwrap_or(now).min(now);
        let ended = recovery::end_all(&parts.journal, &rooms, alive_at, None).await?;
        if ended > 0 {
            tracing::warn!(
                events = ended,
                "The node ended without telling of it; the ends of what had begun are told by now"
            );
        }
        let (orders, received) = Orders::new();
        let (written, tell) = watch::channel(());
        let keeper = Self {
            journal: parts.journal,
            notices: parts.notices,
            rooms,
            orders: received,
            lost: Vec::new(),
            waiting: Writes::default(),
            bytes: 0,
            settling: Vec::new(),
            written,
            counts: Arc::default(),
            again_at: Instant::now(),
            complained_at: None,
        };
        Ok((keeper, orders, tell))
    }

    /// Returns what it has done, for others to see.
    pub fn counts(&self) -> Arc<EventCounts> {
        Arc::clone(&self.counts)
    }

    /// Writes until it is told to stop, and then what is left, as far as that can be written soon.
    pub async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        let mut alive = interval(ALIVE);
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(notice) = self.notices.next() => self.take(&notice),
                Some(order) = self.orders.recv() => self.obey(order),
                _ = alive.tick() => {
                    self.waiting.alive_at = Some(clock::now());
                    self.prune().await;
                }
                () = tokio::time::sleep_until(self.again_at), if self.must_write() => {}
                _ = &mut stop => break,
            }
            self.take_more();
            if Instant::now() >= self.again_at {
                self.write().await;
            }
        }
        self.waiting.alive_at = Some(clock::now());
        if timeout(FAREWELL, self.finish()).await.is_err() {
            tracing::error!("The last events could not be written");
        }
        self.journal.close().await;
    }

    async fn finish(&mut self) {
        loop {
            self.take_more();
            if !self.must_write() {
                return;
            }
            self.write().await;
            if self.must_write() {
                tokio::time::sleep_until(self.again_at).await;
            }
        }
    }

    fn must_write(&self) -> bool {
        !self.waiting.is_empty() || !self.lost.is_empty()
    }

    /// Takes what else is there, to be written together.
    fn take_more(&mut self) {
        for _ in 0..BATCH {
            match self.orders.try_recv() {
                Ok(order) => self.obey(order),
                Err(_) => break,
            }
        }
        // After the orders: who asks to settle has caused what is here by now.
        let at_most = match self.settling.is_empty() {
            true => BATCH,
            false => usize::MAX,
        };
        for _ in 0..at_most {
            match self.notices.try_next() {
                Some(notice) => self.take(&notice),
                None => break,
            }
        }
    }

    fn take(&mut self, notice: &Notice) {
        self.counts.tally.note(&notice.what);
        if let RoomNotice::RoomLost { sid } = &notice.what {
            self.lost.push(sid.as_str().to_owned());
            self.rooms.forget(sid.as_str());
            return;
        }
        if let RoomNotice::Accounts {
            sid,
            lasted,
            accounts,
        } = &notice.what
        {
            self.note(record::progress(notice.at, sid, *lasted, accounts));
            return;
        }
        if self.is_full() {
            self.lose(notice);
            return;
        }
        let event = self.rooms.write(notice.at, &notice.what);
        self.bytes += event.as_ref().map_or(0, size);
        self.waiting.events.extend(event);
    }

    /// Takes what sessions have come to so far. While the journal cannot be written, what is said again soon is not kept.
    fn note(&mut self, progress: Vec<Progress>) {
        if self.waiting.progress.len() >= MAX_UNWRITTEN {
            self.waiting.progress.clear();
        }
        self.waiting.progress.extend(progress);
    }

    fn is_full(&self) -> bool {
        self.waiting.events.len() >= MAX_UNWRITTEN || self.bytes >= MAX_UNWRITTEN_BYTES
    }

    /// Takes note of what is not told. Its number is missing, by which receivers see that; the end of a room is told when
    /// there is room again.
    fn lose(&mut self, notice: &Notice) {
        self.counts.lost.fetch_add(1, Ordering::Relaxed);
        if let Some(ended) = self.rooms.skip(&notice.what) {
            self.lost.push(ended);
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Taken { target, sequence } => self.waiting.taken.push((target, sequence)),
            Order::GiveUp(given) => self.waiting.given_up.push(given),
            Order::Projected(sequence) => self.waiting.projected = Some(sequence),
            Order::Settle(reply) => self.settling.push(reply),
        }
    }

    async fn write(&mut self) {
        let waiting = self.waiting.events.len();
        self.counts.waiting.store(waiting as u64, Ordering::Relaxed);
        if !self.waiting.is_empty() {
            self.waiting.alive_at = Some(clock::now());
            if let Err(error) = self.journal.write(&self.waiting).await {
                self.again_at = Instant::now() + AGAIN;
                self.complain(&error);
                // Who has given up waiting is not remembered for as long as the disk is full.
                self.settling.retain(|reply| !reply.is_closed());
                return;
            }
            self.counts
                .written
                .fetch_add(waiting as u64, Ordering::Relaxed);
            self.counts.waiting.store(0, Ordering::Relaxed);
            self.waiting = Writes::default();
            self.bytes = 0;
            if waiting > 0 {
                self.written.send_replace(());
            }
        }
        for reply in self.settling.drain(..) {
            reply.send(()).ok();
        }
        while let Some(room) = self.lost.pop() {
            let ended =
                recovery::end_all(&self.journal, &self.rooms, clock::now(), Some(&room)).await;
            if let Err(error) = ended {
                self.lost.push(room);
                self.again_at = Instant::now() + AGAIN;
                self.complain(&error);
                return;
            }
            self.written.send_replace(());
        }
    }

    /// Says what is wrong, not more often than somebody reads it.
    fn complain(&mut self, error: &StoreError) {
        let now = Instant::now();
        if self.complained_at.is_some_and(|at| now - at < COMPLAINT) {
            return;
        }
        self.complained_at = Some(now);
        tracing::error!(
            %error, waiting = self.waiting.events.len(), lost = self.counts.lost(),
            "The journal cannot be written: webhooks wait, calls go on. Is the disk of `data_dir` full?"
        );
    }

    /// Forgets what is old and of no use to anybody.
    async fn prune(&self) {
        let before = |kept: Duration| sfu_model::UnixTime(clock::now().0.saturating_sub(kept));
        match self.journal.prune_beyond(MAX_EVENTS).await {
            Ok(0) | Err(_) => {}
            Ok(untold) => tracing::error!(
                untold,
                "The journal is full: the oldest events are forgotten, though receivers of webhooks have not taken them"
            ),
        }
        let pruned = self.journal.prune(before(KEPT), PRUNED).await;
        let dead = self.journal.prune_dead(before(DEAD_KEPT)).await;
        if let Err(error) = pruned.and(dead) {
            tracing::debug!(%error, "Old events could not be forgotten");
        }
    }
}

/// Returns about how much memory an event takes.
fn size(event: &JournalEvent) -> usize {
    let begins = event.begins.as_ref();
    event.body.len() + begins.map_or(0, |begins| begins.body.len())
}
