//! Our side of ICE.

use std::time::Instant;

use sfu_model::{IceCredentials, Path};

use super::credentials::Generation;
use super::message::{BindingRequest, BindingSuccess, CheckTag};
use super::paths::Paths;
use super::transaction::{Numbers, Transactions};
use super::writer;
use crate::{DropReason, StunOutcome};

/// Our side of ICE: credentials and paths.
#[derive(Debug)]
pub(crate) struct IceLite {
    current: Generation,
    /// The credentials before a restart, until a check by the current ones came.
    previous: Option<Generation>,
    paths: Paths,
    transactions: Transactions,
    numbers: Numbers,
}

impl IceLite {
    pub(crate) fn new(local: IceCredentials, tag: CheckTag, seed: [u8; 32]) -> Self {
        Self {
            current: Generation::new(local),
            previous: None,
            paths: Paths::default(),
            transactions: Transactions::default(),
            numbers: Numbers::new(tag, seed),
        }
    }

    /// Sets the peer's credentials. Paths whose checks overtook them can be proved from here on.
    pub(crate) fn set_remote(&mut self, remote: IceCredentials) {
        self.current.set_remote(remote);
        if let Some(signer) = self.current.latest_signer() {
            self.paths.sign_by(&signer);
        }
    }

    pub(crate) fn restart(&mut self, local: IceCredentials) {
        let restarted = Generation::new(local);
        self.previous = Some(std::mem::replace(&mut self.current, restarted));
    }

    /// Returns our ufrags that are answered.
    pub(crate) fn ufrags(&self) -> impl Iterator<Item = &str> {
        let generations = [Some(&self.current), self.previous.as_ref()];
        generations.into_iter().flatten().map(Generation::ufrag)
    }

    /// Returns where to send: a path that is proved.
    pub(crate) fn path(&self) -> Option<Path> {
        self.paths.selected()
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = Path> + '_ {
        self.paths.iter()
    }

    pub(crate) fn has_paths(&self) -> bool {
        !self.paths.is_empty()
    }

    /// Tells whether an authentic check came by `path`.
    pub(crate) fn knows(&self, path: Path) -> bool {
        self.paths.contains(path)
    }

    /// Tells whether `path` leads to the peer.
    pub(crate) fn is_proved(&self, now: Instant, path: Path) -> bool {
        self.paths.is_proved(now, path)
    }

    pub(crate) fn forget_path(&mut self, now: Instant, path: Path) {
        self.paths.forget(now, path);
    }

    /// Takes a check and writes the reply.
    pub(crate) fn handle_check(
        &mut self,
        now: Instant,
        path: Path,
        message: &[u8],
        reply: &mut Vec<u8>,
    ) -> Result<StunOutcome, DropReason> {
        let request = BindingRequest::parse(message)?;
        let is_current = self.current.matches(&request);
        let generation = Some(&self.current)
            .filter(|_| is_current)
            .or_else(|| self.previous.as_ref().filter(|old| old.matches(&request)))
            .ok_or(DropReason::StunWrongUser)?;
        if !generation.authenticates(&request) {
            return Err(DropReason::StunUnauthenticated);
        }
        if request.controlled {
            writer::write_role_conflict(reply, request.transaction, generation);
            return Ok(StunOutcome::RoleConflict);
        }
        if self.transactions.is_replayed(request.transaction, path) {
            return Err(DropReason::StunReplayed);
        }
        self.transactions.remember(request.transaction, path);
        writer::write_success(reply, request.transaction, path.remote, generation);
        let signer = generation.signer(request.remote_ufrag);
        if is_current {
            self.previous = None;
        }
        let known = self.paths.contains(path);
        let evicted = self.paths.check(now, path, request.nominates, signer);
        Ok(match known {
            true => StunOutcome::Known,
            false => StunOutcome::Validated { evicted },
        })
    }

    /// Takes the answer to a check of ours.
    pub(crate) fn handle_answer(
        &mut self,
        now: Instant,
        path: Path,
        message: &[u8],
    ) -> Result<(), DropReason> {
        let answer = BindingSuccess::parse(message)?;
        let signer = self.paths.signer(path).ok_or(DropReason::UnknownPath)?;
        if !signer.authenticates(&answer) {
            return Err(DropReason::StunUnauthenticated);
        }
        match self.paths.answer(now, path, answer.transaction) {
            true => Ok(()),
            false => Err(DropReason::StunReplayed),
        }
    }

    /// Writes a check of ours that is due, and returns where it goes.
    pub(crate) fn poll_check(&mut self, now: Instant, check: &mut Vec<u8>) -> Option<Path> {
        let numbers = &mut self.numbers;
        let tie_breaker = numbers.tie_breaker;
        let (path, signer, transaction) = self.paths.poll_check(now, || numbers.transaction())?;
        writer::write_check(check, transaction, tie_breaker, signer);
        Some(path)
    }

    /// Has every path proved again that was not lately.
    pub(crate) fn check_all(&mut self, now: Instant) {
        self.paths.check_all(now);
    }

    /// Sees which paths are still proved.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.paths.select(now);
    }

    /// Returns when a check is due, or the selected path ceases to be proved.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.paths.poll_timeout()
    }
}
