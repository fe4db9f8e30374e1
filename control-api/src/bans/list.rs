use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use signaling::{Admission, Decision, Entry, NotAdmitted};
use store::{Ban, BanTarget};

use super::index::BanIndex;
use crate::clock;

/// How many ended bans are forgotten at a time.
const FORGOTTEN: usize = 256;

/// What rooms ask who lets people in. Clones are the same list.
///
/// Until bans are loaded nobody is let in: it is not known whom they concern.
#[derive(Clone, Debug, Default)]
pub struct BanList {
    held: Arc<RwLock<Bans>>,
    refusals: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Bans {
    index: BanIndex,
    is_loaded: bool,
}

impl BanList {
    /// Returns how many bans hold.
    pub fn len(&self) -> usize {
        self.read().index.len()
    }

    /// Reports whether no ban holds.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how often somebody was refused.
    pub(crate) fn refusals(&self) -> u64 {
        self.refusals.load(Ordering::Relaxed)
    }

    /// Adds a ban, which holds from now on. Reports whether it did not before.
    pub(crate) fn add(&self, ban: &Ban) -> bool {
        let now = clock::now();
        let mut held = self.write();
        held.index.forget_ended(now, FORGOTTEN);
        ban.holds(now) && held.index.add(ban)
    }

    /// Removes a ban, which holds no longer.
    pub(crate) fn remove(&self, id: &str, target: &BanTarget) {
        self.write().index.remove(id, target);
    }

    /// Says that everything is there that was kept.
    pub(crate) fn finish_loading(&self) {
        self.write().is_loaded = true;
    }

    /// Reports whether everything is there that was kept.
    pub(crate) fn is_loaded(&self) -> bool {
        self.read().is_loaded
    }

    /// Forgets bans that have ended.
    pub(crate) fn forget_ended(&self) {
        let now = clock::now();
        self.write().index.forget_ended(now, FORGOTTEN);
    }

    /// Decides about somebody at once.
    ///
    /// # Errors
    ///
    /// A ban concerns them, or bans are not loaded yet.
    pub(crate) fn decide(&self, entry: &Entry<'_>) -> Result<(), NotAdmitted> {
        let now = clock::now();
        let held = self.read();
        if let Some(ban) = held.index.find(entry, now) {
            tracing::info!(room = %entry.room, identity = %entry.identity, ban = %ban.id, occasion = ?entry.occasion, "Refused, because of a ban");
            self.refusals.fetch_add(1, Ordering::Relaxed);
            let reason = told(&ban.reason);
            return Err(NotAdmitted::Forbidden { reason });
        }
        match held.is_loaded {
            true => Ok(()),
            false => Err(NotAdmitted::NoAnswer),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Bans> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Bans> {
        self.held.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what somebody reads who is refused.
fn told(reason: &str) -> String {
    match reason.is_empty() {
        true => "banned".to_owned(),
        false => format!("banned: {reason}"),
    }
}

impl Admission for BanList {
    fn ask<'a>(&'a self, entry: Entry<'a>) -> Decision<'a> {
        Box::pin(std::future::ready(self.decide(&entry)))
    }

    fn is_ready(&self) -> bool {
        self.is_loaded()
    }
}
