use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use signaling::{Concerned, Rooms};
use store::{Audit, Ban, BanFilter, BanTarget, ChangedBan, MAX_CHANGES, Store, StoreError};
use tokio::time::{MissedTickBehavior, interval};

use super::list::BanList;
use super::unsaved::Unsaved;
use crate::clock;

/// How often it is tried again to load, or to write what the store did not take.
const AGAIN: Duration = Duration::from_secs(2);

/// How often it is looked what other nodes have changed.
const LOOK: Duration = Duration::from_millis(500);

/// Bans of other nodes for each of which its rooms are asked. Of more, all rooms are asked once.
const SINGLY: usize = 16;

/// Bans that the store may refuse in a row before it is taken not to answer.
const MAX_FAILURES: usize = 3;

/// Bans as the API sees them: added, lifted, listed.
#[derive(Clone, Debug)]
pub struct Bans {
    list: BanList,
    store: Store,
    rooms: Rooms,
    unsaved: Arc<Mutex<Unsaved>>,
    /// The last change of the store that is known here.
    known: Arc<AtomicI64>,
}

/// What has become of a ban that was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BanAdded {
    /// The ban; if one of its id was there, that one.
    pub ban: Ban,
    /// Sessions that ended for it.
    pub removed: usize,
}

/// How many bans there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BanCounts {
    /// Those that hold.
    pub held: usize,
    /// Those of them that wait for the store.
    pub unsaved: usize,
    /// How often somebody was refused, or removed, because of one.
    pub refusals: u64,
}

/// Why a ban is not added or lifted.
#[derive(Debug, thiserror::Error)]
pub enum BanFailed {
    /// The store does not take it. The ban holds in this process, and is written later.
    #[error("{0}")]
    NotStored(StoreError),
    /// The store does not answer.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// So many bans wait for the store that no more are taken.
    #[error("too many bans wait for the database, which does not answer")]
    TooMany,
}

impl BanFailed {
    /// Writes what the caller is told. The database's own words may name its user and address, and are for the log.
    pub(crate) fn told(&self) -> &'static str {
        match self {
            Self::NotStored(_) => {
                "the database does not answer: the ban holds in this process and is written as soon as it does; repeat the \
                 request to be sure"
            }
            Self::Store(_) => "the database does not answer; try again",
            Self::TooMany => "too many bans wait for the database, which does not answer",
        }
    }
}

impl Bans {
    /// Keeps the bans of a list in a store, and has rooms ask again when there are others.
    pub fn new(list: BanList, store: Store, rooms: Rooms) -> Self {
        Self {
            list,
            store,
            rooms,
            unsaved: Arc::default(),
            known: Arc::default(),
        }
    }

    /// Adds a ban: at once it holds and whoever it concerns is out; it is acknowledged when it is in the store.
    ///
    /// # Errors
    ///
    /// The store does not answer. The ban holds nevertheless for as long as the process lives, and is written later.
    pub async fn add(&self, ban: Ban, audit: Audit) -> Result<BanAdded, BanFailed> {
        if self.unsaved().is_full() {
            return Err(BanFailed::TooMany);
        }
        let bans = self.clone();
        // A caller that goes away leaves no ban half made.
        let added = tokio::spawn(async move { bans.add_whole(ban, audit).await });
        added.await.unwrap_or(Err(BanFailed::TooMany))
    }

    async fn add_whole(&self, ban: Ban, audit: Audit) -> Result<BanAdded, BanFailed> {
        self.list.add(&ban);
        tracing::info!(ban = %ban.id, author = ban.author, "Banned: {}", ban.target);
        let concerned = concerned(&ban.target);
        let cut = self.rooms.readmit(ban.target.room(), &concerned);
        let (removed, stored) = tokio::join!(cut, self.store.add_ban(&ban, &audit));
        match stored {
            Ok((there, is_new)) => {
                if !is_new {
                    // A repetition: what it has added the first time counts.
                    self.list.remove(&ban.id, &ban.target);
                    self.list.add(&there);
                }
                Ok(BanAdded {
                    ban: there,
                    removed,
                })
            }
            Err(error) => {
                tracing::error!(ban = %ban.id, %error, "A ban holds, but the store has not taken it; it is tried again");
                self.unsaved().add(ban, audit);
                Err(BanFailed::NotStored(error))
            }
        }
    }

    /// Returns the ban that says the very same as another and waits for the store, else that other: a request that is repeated
    /// because the database did not answer adds no second one.
    pub(crate) fn waiting_like(&self, ban: Ban) -> Ban {
        let waiting = self.unsaved().like(&ban).cloned();
        waiting.unwrap_or(ban)
    }

    /// Lifts a ban, and returns it as it is then; nothing if there is none.
    ///
    /// # Errors
    ///
    /// The store does not answer: the ban holds as before.
    pub async fn lift(&self, id: &str, audit: &Audit) -> Result<Option<Ban>, BanFailed> {
        let lifted = self.store.lift_ban(id, audit).await?;
        // One that the store never had holds in memory alone.
        let lifted = lifted.or_else(|| self.unsaved().remove(id));
        if let Some(ban) = &lifted {
            self.list.remove(&ban.id, &ban.target);
            tracing::info!(ban = %ban.id, author = audit.author, "Lifted: {}", ban.target);
        }
        Ok(lifted)
    }

    /// Lists bans, the latest first.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn list(&self, filter: &BanFilter) -> Result<Vec<Ban>, StoreError> {
        self.store.bans(filter).await
    }

    /// Finds a ban.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn find(&self, id: &str) -> Result<Option<Ban>, StoreError> {
        self.store.ban(id).await
    }

    /// Returns where all is kept.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Returns how many there are.
    pub fn counts(&self) -> BanCounts {
        BanCounts {
            held: self.list.len(),
            unsaved: self.unsaved().len(),
            refusals: self.list.refusals(),
        }
    }

    /// Brings the store to this program's version and loads what it has.
    ///
    /// # Errors
    ///
    /// The store does not answer, or does not fit.
    pub async fn load(&self) -> Result<(), StoreError> {
        self.store.prepare().await?;
        // What changes meanwhile is read once more.
        let known = self.store.last_ban_change().await?;
        let list = &self.list;
        let add = |ban| {
            list.add(&ban);
        };
        self.store.load_bans(clock::now(), add).await?;
        self.known.store(known, Ordering::Relaxed);
        self.list.finish_loading();
        tracing::info!(bans = self.list.len(), "Bans are loaded");
        // Who came in before is asked again.
        self.rooms.readmit(None, &Concerned::Anybody).await;
        Ok(())
    }

    /// Loads bans until that succeeds, then hears of those of other nodes, writes what the store did not take and forgets what
    /// has ended, for as long as the node lives.
    pub async fn keep(self) {
        let (mut again, mut look) = (interval(AGAIN), interval(LOOK));
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_deaf = false;
        loop {
            tokio::select! {
                _ = again.tick() => self.tend().await,
                _ = look.tick(), if self.list.is_loaded() => {
                    let followed = self.follow().await;
                    if let Err(error) = &followed && !is_deaf {
                        tracing::error!(%error, "Bans of other nodes are not heard of while the database does not answer");
                    }
                    is_deaf = followed.is_err();
                }
            }
        }
    }

    async fn tend(&self) {
        if !self.list.is_loaded() {
            if let Err(error) = self.load().await {
                tracing::error!(%error, "Nobody is let in: bans cannot be loaded; it is tried again");
            }
            return;
        }
        self.list.forget_ended();
        self.save().await;
    }

    /// Takes over what other nodes with the same store have added and lifted since it was last looked.
    pub(crate) async fn follow(&self) -> Result<(), StoreError> {
        loop {
            let known = self.known.load(Ordering::Relaxed);
            let changed = self.store.bans_changed_after(known).await?;
            let (count, last) = (changed.len(), changed.last().map(|changed| changed.change));
            let Some(last) = last else {
                return Ok(());
            };
            let begun = changed.into_iter().filter_map(|changed| self.take(changed));
            self.cut(&begun.collect::<Vec<_>>()).await;
            self.known.store(last, Ordering::Relaxed);
            if count < MAX_CHANGES {
                return Ok(());
            }
        }
    }

    /// Takes over a change; returns whom it concerns if a ban has begun by it.
    fn take(&self, changed: ChangedBan) -> Option<BanTarget> {
        let ban = match changed.ban {
            Ok(ban) => ban,
            Err(error) => {
                tracing::error!(%error, "A ban of another node does not hold here");
                return None;
            }
        };
        if !ban.holds(clock::now()) {
            self.list.remove(&ban.id, &ban.target);
            return None;
        }
        let has_begun = self.list.add(&ban);
        if has_begun {
            tracing::info!(ban = %ban.id, author = ban.author, "Banned by another node: {}", ban.target);
        }
        has_begun.then_some(ban.target)
    }

    /// Has rooms ask again of everybody whom bans may concern.
    async fn cut(&self, targets: &[BanTarget]) {
        if targets.len() > SINGLY {
            self.rooms.readmit(None, &Concerned::Anybody).await;
            return;
        }
        for target in targets {
            self.rooms.readmit(target.room(), &concerned(target)).await;
        }
    }

    /// Writes what the store did not take, as far as it takes it now. One that it never takes is not in the way of others.
    async fn save(&self) {
        let mut failures = 0;
        let waiting = self.unsaved().len();
        for _ in 0..waiting {
            let next = self.unsaved().rotate();
            let Some((ban, audit)) = next else {
                return;
            };
            if self.store.add_ban(&ban, &audit).await.is_err() {
                failures += 1;
                if failures == MAX_FAILURES {
                    return;
                }
                continue;
            }
            let was_waiting = self.unsaved().remove(&ban.id);
            match was_waiting {
                Some(_) => tracing::info!(ban = %ban.id, "The store has taken the ban"),
                // It was lifted meanwhile.
                None => drop(self.store.lift_ban(&ban.id, &audit).await),
            }
        }
    }

    fn unsaved(&self) -> MutexGuard<'_, Unsaved> {
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whom a ban may concern.
fn concerned(target: &BanTarget) -> Concerned {
    match target {
        BanTarget::Identity { identity, .. } | BanTarget::Tokens { identity, .. } => {
            Concerned::Identity(identity.clone())
        }
        BanTarget::Address(_) | BanTarget::Token(_) | BanTarget::Key(_) => Concerned::Anybody,
    }
}
