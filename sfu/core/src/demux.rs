//! Finds the peer that a datagram is from, before any cryptography, and what kind of datagram it is.

use sfu_model::{Now, Path};
use sfu_transport::{DropReason as TransportDrop, PacketKind, StunOutcome, classify, ufrag_of};

use crate::entrance::Entrance;
use crate::keys::PeerKey;
use crate::peer::LinkState;
use crate::{DropReason, Shard};

/// What a datagram of a peer is (RFC 7983).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Check,
    Dtls,
    Rtp,
    Rtcp,
}

impl Shard {
    /// Takes a datagram that came by `path`. It is decrypted in place.
    ///
    /// Whose it is, is known before any cryptography: by the path, once a connectivity check has
    /// validated it; for connectivity checks, by our user name fragment in them.
    pub fn handle_datagram(&mut self, now: Now, path: Path, datagram: &mut [u8]) {
        let counters = &mut self.output.counters;
        counters.datagrams_in += 1;
        counters.bytes_in += datagram.len() as u64;
        match self.owner_of(path, datagram) {
            Ok(owner) => self.take_datagram(now, owner, (path, Entrance::Here), datagram),
            Err(reason) => {
                if !self.hand_over(path, datagram, reason) {
                    self.output.drop(reason);
                }
            }
        }
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
                let ufrag = ufrag_of(datagram).ok_or(DropReason::NotOurs)?;
                let key = self.directory.ufrags.get(ufrag).copied();
                return Ok((key.ok_or(DropReason::UnknownUfrag)?, Kind::Check));
            }
            PacketKind::Dtls => Kind::Dtls,
            PacketKind::Rtp => Kind::Rtp,
            PacketKind::Rtcp => Kind::Rtcp,
            PacketKind::Other => return Err(DropReason::NotOurs),
        };
        let key = self.directory.paths.get(&path).copied();
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
        self.isolated(key, |shard| match kind {
            Kind::Check => shard.handle_check(now, key, (path, entrance), datagram),
            Kind::Dtls => shard.handle_dtls(now, key, path, datagram),
            Kind::Rtp => shard.handle_rtp(now, key, datagram),
            Kind::Rtcp => shard.handle_rtcp(now, key, datagram),
        });
    }

    /// Forgets `path`: its TCP connection has ended.
    pub fn handle_path_closed(&mut self, now: Now, path: Path) {
        self.forget_path(now, path);
    }

    /// Leads `path` to nobody here.
    pub(crate) fn forget_path(&mut self, now: Now, path: Path) {
        let Some(key) = self.directory.paths.remove(&path) else {
            return;
        };
        self.leave_path(key, path);
        self.isolated(key, |shard| {
            if let Some(peer) = shard.peers.get_mut(key) {
                peer.transport.forget_path(path);
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
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let mut outcome = Err(TransportDrop::Closed);
        self.output.send_control(path, |reply| {
            outcome = peer.transport.handle_stun(now, path, message, reply);
            !reply.is_empty()
        });
        match outcome {
            Ok(StunOutcome::Known | StunOutcome::RoleConflict) => {}
            Ok(StunOutcome::Validated { evicted }) => {
                self.bind_path(path, evicted, key);
                self.lead_here(path, entrance);
            }
            Err(reason) => {
                self.output.drop(DropReason::Refused(reason));
                return;
            }
        }
        self.settle(now, key);
    }

    /// Leads `path` to a peer, and `evicted` to nobody.
    fn bind_path(&mut self, path: Path, evicted: Option<Path>, key: PeerKey) {
        if let Some(evicted) = evicted
            && self.directory.paths.get(&evicted) == Some(&key)
        {
            self.directory.paths.remove(&evicted);
            self.leave_path(key, evicted);
            self.lead_nowhere(evicted);
        }
        // A browser that reloads may come by the address of its former self.
        let former = self.directory.paths.insert(path, key);
        if former == Some(key) {
            return;
        }
        if let Some(peer) = self.peers.get_mut(key) {
            peer.paths.push(path);
        }
        if let Some(former) = former
            && let Some(peer) = self.peers.get_mut(former)
        {
            peer.paths.retain(|other| *other != path);
            peer.transport.forget_path(path);
            peer.path = peer.transport.path();
        }
    }

    /// Takes a path from a peer.
    fn leave_path(&mut self, key: PeerKey, path: Path) {
        if let Some(peer) = self.peers.get_mut(key) {
            peer.paths.retain(|other| *other != path);
        }
    }

    fn handle_dtls(&mut self, now: Now, key: PeerKey, path: Path, datagram: &[u8]) {
        let Some(peer) = self.peers.get_mut(key) else {
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
        let silent = |peer: &crate::peer::Peer| peer.link == LinkState::Silent;
        if self.peers.get(key).is_some_and(silent) {
            self.settle(now, key);
        }
    }
}
