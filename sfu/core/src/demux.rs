//! Finds the peer that a datagram is from, before any cryptography, and what kind of datagram it is.

use sfu_model::{MAX_DATAGRAM_BYTES, Now, Path};
use sfu_transport::{
    DropReason as TransportDrop, PacketKind, StunOutcome, check_tag_of, classify, ufrag_of,
};

use crate::entrance::Entrance;
use crate::isolation::AtStake;
use crate::keys::PeerKey;
use crate::peer::LinkState;
use crate::{DropReason, Shard};

/// What a datagram of a peer is (RFC 7983).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Check,
    /// To a check of ours.
    Answer,
    Dtls,
    Rtp,
    Rtcp,
}

impl Shard {
    /// Takes a datagram that came by `path`. It is decrypted in place.
    ///
    /// Whose it is, is known before any cryptography: by the path, once a connectivity check has
    /// validated it; for connectivity checks, by our user name fragment in them; for answers to ours, by
    /// the tag in their number.
    pub fn handle_datagram(&mut self, now: Now, path: Path, datagram: &mut [u8]) {
        let counters = &mut self.output.counters;
        counters.datagrams_in += 1;
        counters.bytes_in += datagram.len() as u64;
        if datagram.len() > MAX_DATAGRAM_BYTES {
            self.output.drop(DropReason::TooLong);
            return;
        }
        match self.owner_of(path, datagram) {
            Ok(owner) => self.take_datagram(now, owner, (path, Entrance::Here), datagram),
            Err(reason) => {
                if !self.hand_over(path, datagram, reason) {
                    self.output.drop(reason);
                }
            }
        }
    }

    /// Counts a frame of an ICE-TCP connection that is longer than any packet: it was not read.
    pub fn note_too_long(&mut self, len: usize) {
        let counters = &mut self.output.counters;
        counters.datagrams_in += 1;
        counters.bytes_in += len as u64;
        self.output.drop(DropReason::TooLong);
    }

    /// Finds the peer of this shard that a datagram is from.
    #[inline]
    pub(crate) fn owner_of(
        &self,
        path: Path,
        datagram: &[u8],
    ) -> Result<(PeerKey, Kind), DropReason> {
        let kind = match classify(datagram) {
            PacketKind::Stun => {
                if let Some(tag) = check_tag_of(datagram) {
                    let key = self.directory.peer_by_check(tag);
                    return Ok((key.ok_or(DropReason::UnknownCheck)?, Kind::Answer));
                }
                let ufrag = ufrag_of(datagram).ok_or(DropReason::NotOurs)?;
                let key = self.directory.peer_by_ufrag(ufrag);
                return Ok((key.ok_or(DropReason::UnknownUfrag)?, Kind::Check));
            }
            PacketKind::Dtls => Kind::Dtls,
            PacketKind::Rtp => Kind::Rtp,
            PacketKind::Rtcp => Kind::Rtcp,
            PacketKind::Other => return Err(DropReason::NotOurs),
        };
        let key = self.paths.peer(path);
        Ok((key.ok_or(DropReason::UnknownPath)?, kind))
    }

    /// Takes a datagram of a peer.
    #[inline]
    pub(crate) fn take_datagram(
        &mut self,
        now: Now,
        (key, kind): (PeerKey, Kind),
        (path, entrance): (Path, Entrance),
        datagram: &mut [u8],
    ) {
        self.isolated(AtStake::Peer(key), |shard| match kind {
            Kind::Check => shard.handle_check(now, key, (path, entrance), datagram),
            Kind::Answer => shard.handle_answer(now, key, (path, entrance), datagram),
            Kind::Dtls => shard.handle_dtls(now, key, path, datagram),
            Kind::Rtp => shard.handle_rtp(now, key, datagram),
            Kind::Rtcp => shard.handle_rtcp(now, key, datagram),
        });
    }

    /// Forgets `path`: its TCP connection has ended.
    pub fn handle_path_closed(&mut self, now: Now, path: Path) {
        let loser = self.paths.forget(path);
        self.take_path(now, loser, path);
    }

    /// Takes a path from the peer that it led to, if there is one.
    pub(crate) fn take_path(&mut self, now: Now, loser: Option<PeerKey>, path: Path) {
        let Some(key) = loser else {
            return;
        };
        self.isolated(AtStake::Peer(key), |shard| {
            if let Some(peer) = shard.tables.peers.get_mut(key) {
                peer.lose_path(now, path);
            }
            shard.settle(now, key);
        });
    }

    fn handle_check(
        &mut self,
        now: Now,
        key: PeerKey,
        (path, entrance): (Path, Entrance),
        message: &[u8],
    ) {
        let Some(peer) = self.tables.peers.get_mut(key) else {
            return;
        };
        let mut outcome = Err(TransportDrop::Closed);
        self.output.send_control(path, |reply| {
            outcome = peer.transport.handle_stun(now, path, message, reply);
            !reply.is_empty()
        });
        match outcome {
            Ok(StunOutcome::RoleConflict) => {}
            Ok(StunOutcome::Known) => self.lead_path(path, entrance, key),
            Ok(StunOutcome::Validated { evicted }) => {
                self.give_path_up(evicted, key);
                self.lead_path(path, entrance, key);
            }
            Err(reason) => {
                self.output.drop(DropReason::Refused(reason));
                return;
            }
        }
        self.settle(now, key);
    }

    fn handle_answer(
        &mut self,
        now: Now,
        key: PeerKey,
        (path, entrance): (Path, Entrance),
        message: &[u8],
    ) {
        let Some(peer) = self.tables.peers.get_mut(key) else {
            return;
        };
        match peer.transport.handle_answer(now, path, message) {
            Ok(()) => self.lead_proved_path(now, path, entrance, key),
            Err(reason) => self.output.drop(DropReason::Refused(reason)),
        }
        self.settle(now, key);
    }

    /// Leads `path` to a peer whose check came by it, unless it leads to another.
    fn lead_path(&mut self, path: Path, entrance: Entrance, key: PeerKey) {
        if self.paths.lead(path, entrance, key, &mut self.exports)
            && let Some(peer) = self.tables.peers.get_mut(key)
        {
            peer.paths.push(path);
        }
    }

    /// Leads `path` to a peer that has answered there.
    fn lead_proved_path(&mut self, now: Now, path: Path, entrance: Entrance, key: PeerKey) {
        let exports = &mut self.exports;
        let former = self.paths.lead_proved(path, entrance, key, exports);
        if former == Some(key) {
            return;
        }
        if let Some(peer) = self.tables.peers.get_mut(key) {
            peer.paths.push(path);
        }
        if let Some(former) = former.and_then(|key| self.tables.peers.get_mut(key)) {
            former.lose_path(now, path);
        }
    }

    /// Leads a path that gave way to nobody.
    fn give_path_up(&mut self, evicted: Option<Path>, key: PeerKey) {
        if let Some(evicted) = evicted
            && self.paths.give_up(evicted, key, &mut self.exports)
            && let Some(peer) = self.tables.peers.get_mut(key)
        {
            peer.paths.retain(|path| *path != evicted);
        }
    }

    fn handle_dtls(&mut self, now: Now, key: PeerKey, path: Path, datagram: &[u8]) {
        let Some(peer) = self.tables.peers.get_mut(key) else {
            return;
        };
        if let Err(reason) = peer.transport.handle_dtls(now, path, datagram) {
            self.output.drop(DropReason::Refused(reason));
        }
        self.settle(now, key);
    }

    /// Lets a silent peer be heard again after an authentic packet.
    #[inline]
    pub(crate) fn note_heard(&mut self, now: Now, key: PeerKey) {
        let silent = |peer: &crate::peer::Peer| peer.link_state() == LinkState::Silent;
        if self.tables.peers.get(key).is_some_and(silent) {
            self.settle(now, key);
        }
    }
}
