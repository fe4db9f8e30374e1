use sfu_model::{Now, Path};
use sfu_transport::{DropReason as TransportDrop, PacketKind, StunOutcome, classify, ufrag_of};

use crate::peer::{LinkState, PeerKey};
use crate::{DropReason, Shard};

impl Shard {
    /// Takes a datagram that came by `path`. It is decrypted in place.
    ///
    /// Whose it is, is known before any cryptography: by the path, once a connectivity check has
    /// validated it; for connectivity checks, by our user name fragment in them.
    pub fn handle_datagram(&mut self, now: Now, path: Path, datagram: &mut [u8]) {
        let counters = &mut self.output.counters;
        counters.datagrams_in += 1;
        counters.bytes_in += datagram.len() as u64;
        match classify(datagram) {
            PacketKind::Stun => self.handle_stun(now, path, datagram),
            PacketKind::Dtls => {
                if let Some(key) = self.peer_at(path) {
                    self.isolated(key, |shard| shard.handle_dtls(now, key, path, datagram));
                }
            }
            PacketKind::Rtp => {
                if let Some(key) = self.peer_at(path) {
                    self.isolated(key, |shard| shard.handle_rtp(now, key, datagram));
                }
            }
            PacketKind::Rtcp => {
                if let Some(key) = self.peer_at(path) {
                    self.isolated(key, |shard| shard.handle_rtcp(now, key, datagram));
                }
            }
            PacketKind::Other => self.output.drop(DropReason::NotOurs),
        }
    }

    /// Forgets `path`: its TCP connection has ended.
    pub fn handle_path_closed(&mut self, now: Now, path: Path) {
        let Some(key) = self.directory.paths.remove(&path) else {
            return;
        };
        if let Some(peer) = self.peers.get_mut(key) {
            peer.transport.forget_path(path);
        }
        self.settle(now, key);
    }

    #[inline]
    fn peer_at(&mut self, path: Path) -> Option<PeerKey> {
        let key = self.directory.paths.get(&path).copied();
        if key.is_none() {
            self.output.drop(DropReason::UnknownPath);
        }
        key
    }

    fn handle_stun(&mut self, now: Now, path: Path, message: &[u8]) {
        let Some(ufrag) = ufrag_of(message) else {
            self.output.drop(DropReason::NotOurs);
            return;
        };
        let Some(key) = self.directory.ufrags.get(ufrag).copied() else {
            self.output.drop(DropReason::UnknownUfrag);
            return;
        };
        self.isolated(key, |shard| shard.handle_check(now, key, path, message));
    }

    fn handle_check(&mut self, now: Now, key: PeerKey, path: Path, message: &[u8]) {
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
            Ok(StunOutcome::Validated { evicted }) => self.bind_path(path, evicted, key),
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
        }
        // A browser that reloads may come by the address of its former self.
        let former = self.directory.paths.insert(path, key);
        if let Some(former) = former.filter(|former| *former != key)
            && let Some(peer) = self.peers.get_mut(former)
        {
            peer.transport.forget_path(path);
            peer.path = peer.transport.path();
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
