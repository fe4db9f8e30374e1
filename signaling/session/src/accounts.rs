//! What each participant's session has come to.

use std::collections::BTreeMap;
use std::time::Instant;

use sfu_model::{ParticipantSid, PeerId, Statistics, Traffic};

use crate::participant_key::ParticipantKey;
use crate::proto::ConnectionQuality;
use crate::roster::Roster;
use crate::{QualityCounts, SessionAccount};

/// What the sessions of those come to who are connected.
#[derive(Debug, Default)]
pub(crate) struct Accounts(BTreeMap<ParticipantKey, Account>);

#[derive(Debug)]
struct Account {
    began: Instant,
    /// What its peers had before it began.
    before: BTreeMap<PeerId, Traffic>,
    /// What each of its peers has had, which are two at most.
    traffic: BTreeMap<PeerId, Traffic>,
    quality: QualityCounts,
}

impl Accounts {
    /// Begins a session, of peers that had so much before.
    pub(crate) fn open(
        &mut self,
        now: Instant,
        key: ParticipantKey,
        before: BTreeMap<PeerId, Traffic>,
    ) {
        self.0.entry(key).or_insert_with(|| Account {
            began: now,
            traffic: before.clone(),
            before,
            quality: QualityCounts::default(),
        });
    }

    /// Ends a session, and returns what it came to; nothing of one that never began.
    pub(crate) fn close(&mut self, now: Instant, key: ParticipantKey) -> Option<SessionAccount> {
        self.0.remove(&key).map(|account| account.read(now))
    }

    /// Returns what each peer of a session has had.
    pub(crate) fn traffic(&self, key: ParticipantKey) -> BTreeMap<PeerId, Traffic> {
        let account = self.0.get(&key);
        account.map(|it| it.traffic.clone()).unwrap_or_default()
    }

    /// Takes what a shard has counted.
    pub(crate) fn handle_statistics(&mut self, streams: &Statistics, roster: &Roster) {
        for peer in &streams.peers {
            let key = roster.by_peer(peer.peer);
            if let Some(account) = key.and_then(|key| self.0.get_mut(&key)) {
                account.traffic.insert(peer.peer, peer.traffic);
            }
        }
    }

    /// Counts how well those are connected at the end of a window who are.
    pub(crate) fn note_qualities(
        &mut self,
        qualities: impl Iterator<Item = (ParticipantKey, ConnectionQuality)>,
    ) {
        for (key, quality) in qualities {
            if let Some(account) = self.0.get_mut(&key) {
                account.quality.note(quality);
            }
        }
    }

    /// Returns what each session has come to.
    pub(crate) fn read(
        &self,
        now: Instant,
        roster: &Roster,
    ) -> Vec<(ParticipantSid, SessionAccount)> {
        let read = |(key, account): (&ParticipantKey, &Account)| {
            Some((roster.get(*key)?.sid.clone(), account.read(now)))
        };
        self.0.iter().filter_map(read).collect()
    }
}

impl Account {
    fn read(&self, now: Instant) -> SessionAccount {
        let mut traffic = Traffic::default();
        for (peer, by_now) in &self.traffic {
            let before = self.before.get(peer).copied().unwrap_or_default();
            traffic.add(by_now.since(before));
        }
        SessionAccount {
            lasted: now.saturating_duration_since(self.began),
            traffic,
            quality: self.quality,
        }
    }
}
