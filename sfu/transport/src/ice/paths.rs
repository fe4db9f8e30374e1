//! The paths by which a peer's checks came, and where to send.

use std::time::Instant;

use sfu_model::Path;

use super::credentials::Signer;
use super::message::TransactionId;
use super::proof::Proof;
use crate::limits::MAX_PATHS;

#[derive(Debug)]
struct KnownPath {
    path: Path,
    checked_at: Instant,
    /// How many nominations there were up to its latest.
    nominated: Option<u64>,
    proof: Proof,
    /// What our checks are signed by; unknown before the peer's description came.
    signer: Option<Signer>,
}

/// The paths of a peer that authentic checks came by, in the order in which they came first, and the
/// selected one.
#[derive(Debug, Default)]
pub(super) struct Paths {
    paths: Vec<KnownPath>,
    selected: Option<Path>,
    nominations: u64,
}

impl Paths {
    /// Returns where to send: of the paths that are proved the one that was nominated last.
    pub(super) fn selected(&self) -> Option<Path> {
        self.selected
    }

    pub(super) fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    pub(super) fn contains(&self, path: Path) -> bool {
        self.paths.iter().any(|known| known.path == path)
    }

    /// Tells whether media may go by `path`.
    pub(super) fn is_proved(&self, now: Instant, path: Path) -> bool {
        let mut paths = self.paths.iter();
        paths.any(|known| known.path == path && known.proof.holds(now))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Path> + '_ {
        self.paths.iter().map(|known| known.path)
    }

    /// Notes an authentic check. Returns the path that gave way to one that is not known yet.
    pub(super) fn check(
        &mut self,
        now: Instant,
        path: Path,
        nominates: bool,
        signer: Option<Signer>,
    ) -> Option<Path> {
        let mut evicted = None;
        if !self.contains(path) {
            evicted = self.make_room(now);
            self.paths.push(KnownPath {
                path,
                checked_at: now,
                nominated: None,
                proof: Proof::new(path),
                signer: None,
            });
        }
        self.nominations += u64::from(nominates);
        if let Some(known) = self.paths.iter_mut().find(|known| known.path == path) {
            known.checked_at = now;
            known.nominated = nominates.then_some(self.nominations).or(known.nominated);
            known.signer = signer;
            known.proof.on_check(now);
        }
        self.select(now);
        evicted
    }

    /// Has every path proved again that was not lately.
    pub(super) fn check_all(&mut self, now: Instant) {
        let paths = self.paths.iter_mut();
        paths.for_each(|known| known.proof.on_check(now));
    }

    /// Gives what signs checks to the paths that wait for it.
    pub(super) fn sign_by(&mut self, signer: &Signer) {
        let unsigned = self.paths.iter_mut().filter(|known| known.signer.is_none());
        unsigned.for_each(|known| known.signer = Some(signer.clone()));
    }

    /// Returns a check of ours that is due: where it goes, by whose words, and its number.
    pub(super) fn poll_check(
        &mut self,
        now: Instant,
        fresh: impl FnOnce() -> TransactionId,
    ) -> Option<(Path, &Signer, TransactionId)> {
        let is_due = |known: &&mut KnownPath| {
            known.signer.is_some() && known.proof.due().is_some_and(|due| due <= now)
        };
        let known = self.paths.iter_mut().find(is_due)?;
        let is_selected = self.selected == Some(known.path);
        let transaction = known.proof.send(now, is_selected, fresh)?;
        Some((known.path, known.signer.as_ref()?, transaction))
    }

    /// Returns what signs our checks of `path`.
    pub(super) fn signer(&self, path: Path) -> Option<&Signer> {
        let known = self.paths.iter().find(|known| known.path == path)?;
        known.signer.as_ref()
    }

    /// Takes an authentic answer to a check of ours. Returns whether it proves its path.
    pub(super) fn answer(&mut self, now: Instant, path: Path, transaction: TransactionId) -> bool {
        let is_selected = self.selected == Some(path);
        let mut paths = self.paths.iter_mut();
        let known = paths.find(|known| known.path == path);
        let proves =
            known.is_some_and(|known| known.proof.on_answer(now, transaction, is_selected));
        self.select(now);
        proves
    }

    /// Forgets a path that is gone; the next best is selected.
    pub(super) fn forget(&mut self, now: Instant, path: Path) {
        self.paths.retain(|known| known.path != path);
        self.select(now);
    }

    /// Selects again by what is proved at `now`.
    pub(super) fn select(&mut self, now: Instant) {
        // What was nominated last counts, else what came first.
        let rank = |known: &&KnownPath| known.nominated.map_or(0, |nominated| 1 + nominated);
        let proved = |known: &&KnownPath| known.proof.holds(now);
        let best = self.paths.iter().rev().filter(proved).max_by_key(rank);
        let selected = best.map(|known| known.path);
        if selected != self.selected
            && let Some(known) = self
                .paths
                .iter_mut()
                .find(|known| Some(known.path) == selected)
        {
            known.proof.on_selected(now);
        }
        self.selected = selected;
    }

    /// Returns when a check is due, or the selected path ceases to be proved.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let signed = self.paths.iter().filter(|known| known.signer.is_some());
        let due = signed.filter_map(|known| known.proof.due());
        let mut paths = self.paths.iter();
        let selected = paths.find(|known| Some(known.path) == self.selected);
        let expiry = selected.and_then(|known| known.proof.expiry());
        due.chain(expiry).min()
    }

    fn make_room(&mut self, now: Instant) -> Option<Path> {
        if self.paths.len() < MAX_PATHS {
            return None;
        }
        let others = self
            .paths
            .iter()
            .filter(|known| Some(known.path) != self.selected);
        let oldest = others
            .min_by_key(|known| (known.proof.holds(now), known.checked_at))
            .map(|known| known.path)?;
        self.paths.retain(|known| known.path != oldest);
        Some(oldest)
    }
}
