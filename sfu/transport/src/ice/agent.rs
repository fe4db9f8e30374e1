use std::collections::VecDeque;
use std::time::Instant;

use sfu_model::{IceCredentials, Path};

use super::credentials::Generation;
use super::message::BindingRequest;
use super::paths::ValidPaths;
use super::replies;
use crate::{DropReason, StunOutcome};

/// How many transaction ids are remembered against replays: those of several check intervals on all paths.
const REMEMBERED_TRANSACTIONS: usize = 16;

/// Our side of ICE: credentials and validated paths.
#[derive(Debug)]
pub(crate) struct IceLite {
    current: Generation,
    /// The credentials before a restart, until a check by the current ones came.
    previous: Option<Generation>,
    paths: ValidPaths,
    transactions: Transactions,
}

impl IceLite {
    pub(crate) fn new(local: IceCredentials) -> Self {
        Self {
            current: Generation::new(local),
            previous: None,
            paths: ValidPaths::default(),
            transactions: Transactions::default(),
        }
    }

    /// Sets the peer's ufrag. Its password is for checks of ours, and we send none.
    pub(crate) fn set_remote(&mut self, remote: IceCredentials) {
        self.current.set_remote(remote.ufrag);
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

    pub(crate) fn path(&self) -> Option<Path> {
        self.paths.selected()
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = Path> + '_ {
        self.paths.iter()
    }

    pub(crate) fn is_validated(&self, path: Path) -> bool {
        self.paths.contains(path)
    }

    pub(crate) fn forget_path(&mut self, path: Path) {
        self.paths.forget(path);
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
        let signer = Some(&self.current)
            .filter(|_| is_current)
            .or_else(|| self.previous.as_ref().filter(|old| old.matches(&request)))
            .ok_or(DropReason::StunWrongUser)?;
        if !signer.authenticates(&request) {
            return Err(DropReason::StunUnauthenticated);
        }
        if request.controlled {
            replies::write_role_conflict(reply, request.transaction, signer);
            return Ok(StunOutcome::RoleConflict);
        }
        if self.transactions.is_replayed(request.transaction, path) {
            return Err(DropReason::StunReplayed);
        }
        self.transactions.remember(request.transaction, path);
        replies::write_success(reply, request.transaction, path.remote, signer);
        if is_current {
            self.previous = None;
        }
        if self.paths.contains(path) {
            self.paths.check(now, path, request.nominates);
            return Ok(StunOutcome::Known);
        }
        let evicted = self.paths.check(now, path, request.nominates);
        Ok(StunOutcome::Validated { evicted })
    }
}

/// Transactions of late, each with the path that it came by. A check that somebody captured and sends
/// again from another address does not validate that address.
#[derive(Debug, Default)]
struct Transactions(VecDeque<([u8; 12], Path)>);

impl Transactions {
    /// Tells whether the transaction came by another path before.
    fn is_replayed(&self, transaction: [u8; 12], path: Path) -> bool {
        let mut known = self.0.iter().filter(|(id, _)| *id == transaction);
        known.any(|(_, first)| *first != path)
    }

    fn remember(&mut self, transaction: [u8; 12], path: Path) {
        if self.0.len() == REMEMBERED_TRANSACTIONS {
            self.0.pop_front();
        }
        self.0.push_back((transaction, path));
    }
}
