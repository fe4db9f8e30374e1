//! Hands a datagram that came in at the wrong shard to the one that it is for.

use sfu_model::{LinkProtocol, Now, Path, ShardIndex};

use crate::entrance::{Claim, Entrance, HandOver, named_shard};
use crate::export::ExportItem;
use crate::shard::Arrivals;
use crate::{DropReason, Shard};

/// Datagrams on a shared port, from the shard that got them to the one that they are for: checks by
/// the shard that their user name names, answers by the one that their number names, all else by what
/// that shard has said after a valid check.
///
/// Invariant: nothing is remembered of a datagram that its peer's shard has not authenticated.
impl Shard {
    /// Hands a datagram over that is for nobody here, if it is known whose it is. Returns whether it
    /// was handed over or dropped.
    pub(crate) fn hand_over(&mut self, path: Path, datagram: &[u8], unknown: DropReason) -> bool {
        if self.config.arrivals == Arrivals::AtOwner || path.protocol == LinkProtocol::Tcp {
            return false;
        }
        let is_named = matches!(unknown, DropReason::UnknownUfrag | DropReason::UnknownCheck);
        let owner = if is_named {
            named_shard(datagram).filter(|shard| self.exports.is_other(*shard))
        } else if unknown == DropReason::UnknownPath {
            self.hand_over.away.get(&path).copied()
        } else {
            None
        };
        let Some(owner) = owner else {
            return false;
        };
        match self.exports.push_datagram(owner.into(), path, datagram) {
            Ok(()) => self.output.counters.handed_over += 1,
            Err(reason) => self.output.drop(reason),
        }
        true
    }

    /// Takes a datagram that came in at shard `from`.
    pub(crate) fn handle_handed_over(
        &mut self,
        now: Now,
        from: ShardIndex,
        path: Path,
        datagram: &mut [u8],
    ) {
        match self.owner_of(path, datagram) {
            Ok(owner) => self.take_datagram(now, owner, (path, Entrance::Shard(from)), datagram),
            Err(reason) => self.output.drop(reason),
        }
    }

    /// Reports whether `path` comes in here and leads to a peer of another shard.
    pub(crate) fn is_led_away(&self, path: Path) -> bool {
        self.hand_over.away.contains_key(&path)
    }

    /// `path` is bound to a peer of this shard: sees to it that its datagrams come.
    pub(crate) fn lead_here(&mut self, path: Path, entrance: Entrance, claim: Claim) {
        if let Some(former) = self.hand_over.away.remove(&path) {
            self.exports.push(former, ExportItem::PathLost(path));
        }
        let Entrance::Shard(entrance) = entrance else {
            return;
        };
        let told = (entrance, claim);
        if self.hand_over.told.insert(path, told) != Some(told) {
            self.exports
                .push(entrance, ExportItem::PathTaken(path, claim));
        }
    }

    /// `path` leads to no peer of this shard any more.
    pub(crate) fn lead_nowhere(&mut self, path: Path) {
        if path.protocol == LinkProtocol::Tcp {
            self.output.left_paths.push(path);
        }
        if let Some((entrance, _)) = self.hand_over.told.remove(&path) {
            self.exports.push(entrance, ExportItem::PathLeft(path));
        }
    }

    /// Shard `from` has a peer at a path that comes in here. Without proof it gets only what leads to
    /// nobody.
    pub(crate) fn on_path_taken(&mut self, now: Now, from: ShardIndex, path: Path, claim: Claim) {
        let is_free = !self.directory.paths.contains_key(&path) && !self.is_led_away(path);
        if claim == Claim::Checked && !is_free {
            return;
        }
        self.forget_path(now, path);
        let away = &mut self.hand_over.away;
        if away.len() >= HandOver::MAX_AWAY && !away.contains_key(&path) {
            return;
        }
        let former = away.insert(path, from);
        if let Some(former) = former.filter(|former| *former != from) {
            self.exports.push(former, ExportItem::PathLost(path));
        }
    }

    /// Shard `from` no longer has a peer at a path that comes in here.
    pub(crate) fn on_path_left(&mut self, from: ShardIndex, path: Path) {
        if self.hand_over.away.get(&path) == Some(&from) {
            self.hand_over.away.remove(&path);
        }
    }

    /// A path of a peer of this shard leads to a peer of another by now.
    pub(crate) fn on_path_lost(&mut self, now: Now, path: Path) {
        self.hand_over.told.remove(&path);
        self.forget_path(now, path);
    }
}
