//! Whom each path leads to: a peer of this shard, or one of another.
//!
//! Where all shards share a port, the kernel leads each remote address to one of them, always the same, which need not be
//! the one that the peer lives on. Then the one where a path comes in is told whose it is, and hands its datagrams over.

use sfu_model::{LinkProtocol, Path, ShardIndex};

use crate::entrance::{Claim, Entrance};
use crate::export::{ExportItem, Exports};
use crate::hash::FastMap;
use crate::keys::PeerKey;
use crate::limits::MAX_PATHS_AWAY;

/// Whom each path leads to.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    /// Paths of peers of this shard, which an authenticated check validated; bounded by each transport's paths.
    here: FastMap<Path, PeerKey>,
    /// Paths that come in here and lead to peers of other shards, as those say.
    away: FastMap<Path, ShardIndex>,
    /// Paths that lead to peers of this shard and come in at others, which were told so.
    told: FastMap<Path, (ShardIndex, Claim)>,
    /// Connections that lead to nobody any more.
    left: Vec<Path>,
}

impl Paths {
    /// Returns the peer of this shard that a path leads to.
    #[inline]
    pub(crate) fn peer(&self, path: Path) -> Option<PeerKey> {
        self.here.get(&path).copied()
    }

    /// Returns the other shard that a path leads to, which comes in here.
    pub(crate) fn shard(&self, path: Path) -> Option<ShardIndex> {
        self.away.get(&path).copied()
    }

    /// Leads a path to a peer whose check came by it, unless it leads to another: whoever knows one peer's password
    /// could take another's path from it. Returns whether the path is another one of the peer's.
    pub(crate) fn lead(
        &mut self,
        path: Path,
        entrance: Entrance,
        key: PeerKey,
        exports: &mut Exports,
    ) -> bool {
        if !self.is_free(path) {
            return false;
        }
        self.here.insert(path, key);
        self.claim(path, entrance, Claim::Checked, exports);
        true
    }

    /// Leads a path to a peer that has answered there. A browser that reloads may come by the address of its former
    /// self. Returns whose it was, if anybody's.
    pub(crate) fn lead_proved(
        &mut self,
        path: Path,
        entrance: Entrance,
        key: PeerKey,
        exports: &mut Exports,
    ) -> Option<PeerKey> {
        let former = self.here.insert(path, key);
        self.claim(path, entrance, Claim::Proved, exports);
        former
    }

    /// Leads a path of a peer to nobody, unless it is another's by now. Returns whether it was the peer's.
    pub(crate) fn give_up(&mut self, path: Path, key: PeerKey, exports: &mut Exports) -> bool {
        if self.peer(path) != Some(key) {
            return false;
        }
        self.here.remove(&path);
        if path.protocol == LinkProtocol::Tcp {
            self.left.push(path);
        }
        if let Some((entrance, _)) = self.told.remove(&path) {
            exports.push(entrance, ExportItem::PathLeft(path));
        }
        true
    }

    /// Forgets a path that is no way any more. Returns whose it was.
    pub(crate) fn forget(&mut self, path: Path) -> Option<PeerKey> {
        self.here.remove(&path)
    }

    /// Another shard has a peer at a path that comes in here. Without proof it gets only what leads to nobody. Returns
    /// the peer of this shard that loses the path.
    pub(crate) fn lead_away(
        &mut self,
        path: Path,
        to: ShardIndex,
        claim: Claim,
        exports: &mut Exports,
    ) -> Option<PeerKey> {
        if claim == Claim::Checked && !self.is_free(path) {
            return None;
        }
        let loser = self.here.remove(&path);
        if self.away.len() >= MAX_PATHS_AWAY && !self.away.contains_key(&path) {
            return loser;
        }
        let former = self.away.insert(path, to);
        if let Some(former) = former.filter(|former| *former != to) {
            exports.push(former, ExportItem::PathLost(path));
        }
        loser
    }

    /// Another shard no longer has a peer at a path that comes in here.
    pub(crate) fn end_away(&mut self, path: Path, from: ShardIndex) {
        if self.away.get(&path) == Some(&from) {
            self.away.remove(&path);
        }
    }

    /// A path of a peer of this shard leads to a peer of another by now. Returns whose it was.
    pub(crate) fn lose(&mut self, path: Path) -> Option<PeerKey> {
        self.told.remove(&path);
        self.here.remove(&path)
    }

    /// Returns the next connection that leads to nobody any more.
    pub(crate) fn poll_left(&mut self) -> Option<Path> {
        self.left.pop()
    }

    /// Reports whether a path leads to nobody.
    fn is_free(&self, path: Path) -> bool {
        !self.here.contains_key(&path) && !self.away.contains_key(&path)
    }

    /// Sees to it that the datagrams of a path come here.
    fn claim(&mut self, path: Path, entrance: Entrance, claim: Claim, exports: &mut Exports) {
        if let Some(former) = self.away.remove(&path) {
            exports.push(former, ExportItem::PathLost(path));
        }
        let Entrance::Shard(entrance) = entrance else {
            return;
        };
        let told = (entrance, claim);
        if self.told.insert(path, told) != Some(told) {
            exports.push(entrance, ExportItem::PathTaken(path, claim));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_paths_than_may_be_are_remembered_for_other_shards() {
        let other = ShardIndex(1);
        let (mut paths, mut exports) = (Paths::default(), Exports::new(ShardIndex(0), 2));
        let path = |peer: u32| Path {
            local: ([127, 0, 0, 1], 1).into(),
            remote: (peer.to_be_bytes(), 2).into(),
            protocol: LinkProtocol::Udp,
        };
        let most = u32::try_from(MAX_PATHS_AWAY).unwrap();
        for peer in 0..=most {
            paths.lead_away(path(peer), other, Claim::Proved, &mut exports);
        }
        assert_eq!(paths.shard(path(most - 1)), Some(other));
        assert_eq!(paths.shard(path(most)), None);
        paths.end_away(path(0), other);
        paths.lead_away(path(most), other, Claim::Proved, &mut exports);
        assert_eq!(paths.shard(path(most)), Some(other));
    }
}
