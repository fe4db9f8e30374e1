//! Hands a datagram that came in at the wrong shard to the one that it is for.

use sfu_model::{LinkProtocol, Now, Path, ShardIndex};

use crate::entrance::{Entrance, named_shard};
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
            self.paths.shard(path)
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
}
