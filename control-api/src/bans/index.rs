//! All bans that hold, found by whom they concern.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use sfu_model::UnixTime;
use signaling::Entry;
use store::{Ban, BanTarget};

/// A ban, as far as it matters where somebody is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) id: Box<str>,
    /// Shared by bans with the same reason that were added one after the other.
    pub(crate) reason: Arc<str>,
    expires_at: Option<UnixTime>,
    /// Only tokens from before this.
    issued_before: Option<UnixTime>,
}

impl Held {
    fn concerns(&self, now: UnixTime, issued_at: Option<UnixTime>) -> bool {
        let is_old = |before: UnixTime| issued_at.is_none_or(|at| at < before);
        self.expires_at.is_none_or(|end| now < end) && self.issued_before.is_none_or(is_old)
    }
}

/// Bans of names of one kind.
type ByName = HashMap<Box<str>, Vec<Held>>;

/// Bans by whom they concern.
#[derive(Debug, Default)]
pub(crate) struct BanIndex {
    identities: ByName,
    in_rooms: HashMap<Box<str>, ByName>,
    tokens: ByName,
    keys: ByName,
    networks: HashMap<IpNet, Vec<Held>>,
    /// How many networks have a prefix of each length, by family.
    prefixes: BTreeMap<(bool, u8), usize>,
    /// When those end that end by themselves.
    ends: BTreeMap<(UnixTime, Box<str>), BanTarget>,
    count: usize,
    last_reason: Option<Arc<str>>,
}

impl BanIndex {
    /// Returns how many bans there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Adds a ban, unless it is there. Reports whether it was not.
    pub(crate) fn add(&mut self, ban: &Ban) -> bool {
        let reason = self.shared(&ban.reason);
        let issued_before = match &ban.target {
            BanTarget::Tokens { issued_before, .. } => Some(*issued_before),
            BanTarget::Identity { .. }
            | BanTarget::Address(_)
            | BanTarget::Token(_)
            | BanTarget::Key(_) => None,
        };
        let held = Held {
            id: ban.id.as_str().into(),
            reason,
            expires_at: ban.expires_at,
            issued_before,
        };
        let place = self.place(&ban.target);
        if place.iter().any(|other| other.id == held.id) {
            return false;
        }
        // Hardly anybody has two: a vector that grows by itself has room for four.
        place.reserve_exact(1);
        place.push(held);
        self.count += 1;
        if let Some(end) = ban.expires_at {
            let id = ban.id.as_str().into();
            self.ends.insert((end, id), ban.target.clone());
        }
        true
    }

    /// Removes a ban, if it is there.
    pub(crate) fn remove(&mut self, id: &str, target: &BanTarget) {
        let place = self.place(target);
        if let Some(at) = place.iter().position(|held| &*held.id == id) {
            let held = place.swap_remove(at);
            self.count -= 1;
            if let Some(end) = held.expires_at {
                self.ends.remove(&(end, held.id));
            }
        }
        self.tidy(target);
    }

    /// Forgets bans that have ended, a few at a time: others wait for the index meanwhile.
    pub(crate) fn forget_ended(&mut self, now: UnixTime, at_most: usize) {
        for _ in 0..at_most {
            let Some(first) = self.ends.first_entry() else {
                return;
            };
            if first.key().0 > now {
                return;
            }
            let ((_, id), target) = first.remove_entry();
            self.remove(&id, &target);
        }
    }

    /// Finds a ban that concerns somebody.
    pub(crate) fn find(&self, entry: &Entry<'_>, now: UnixTime) -> Option<&Held> {
        let token = &entry.credential.token;
        let names = [token.subject.as_str(), entry.identity.as_str()];
        let room = self.in_rooms.get(entry.room.as_str());
        let by_name = names.into_iter().flat_map(|name| {
            let here = room.and_then(|room| room.get(name));
            self.identities.get(name).into_iter().chain(here)
        });
        let by_token = match token.id.is_empty() {
            true => None,
            false => self.tokens.get(token.id.as_str()),
        };
        let keys = [&token.key, &token.first_key];
        let by_key = keys
            .into_iter()
            .filter_map(|key| self.keys.get(key.as_str()));
        let by_address = entry.credential.address.into_iter();
        let by_address = by_address.flat_map(|address| self.networks_of(address));
        let found = by_name.chain(by_token).chain(by_key).chain(by_address);
        found
            .flatten()
            .find(|held| held.concerns(now, token.issued_at))
    }

    fn networks_of(&self, address: IpAddr) -> impl Iterator<Item = &Vec<Held>> {
        let address = address.to_canonical();
        let lengths = self.prefixes.keys();
        let lengths = lengths.filter(move |(is_v4, _)| *is_v4 == address.is_ipv4());
        lengths.filter_map(move |(_, length)| {
            let network = IpNet::new(address, *length).ok()?;
            self.networks.get(&network.trunc())
        })
    }

    /// Returns where bans of a target are, which is made if there is none.
    fn place(&mut self, target: &BanTarget) -> &mut Vec<Held> {
        match target {
            BanTarget::Identity { identity, room } | BanTarget::Tokens { identity, room, .. } => {
                let names = match room {
                    Some(room) => self.in_rooms.entry(room.as_str().into()).or_default(),
                    None => &mut self.identities,
                };
                names.entry(identity.as_str().into()).or_default()
            }
            BanTarget::Token(id) => self.tokens.entry(id.as_str().into()).or_default(),
            BanTarget::Key(key) => self.keys.entry(key.as_str().into()).or_default(),
            BanTarget::Address(network) => {
                let network = network.trunc();
                let prefix = (network.addr().is_ipv4(), network.prefix_len());
                self.networks.entry(network).or_insert_with(|| {
                    *self.prefixes.entry(prefix).or_default() += 1;
                    Vec::new()
                })
            }
        }
    }

    /// Forgets the place of a target if nothing is there.
    fn tidy(&mut self, target: &BanTarget) {
        if !self.place(target).is_empty() {
            return;
        }
        match target {
            BanTarget::Identity { identity, room } | BanTarget::Tokens { identity, room, .. } => {
                let Some(room) = room else {
                    self.identities.remove(identity.as_str());
                    return;
                };
                let names = self.in_rooms.entry(room.as_str().into()).or_default();
                names.remove(identity.as_str());
                if names.is_empty() {
                    self.in_rooms.remove(room.as_str());
                }
            }
            BanTarget::Token(id) => drop(self.tokens.remove(id.as_str())),
            BanTarget::Key(key) => drop(self.keys.remove(key.as_str())),
            BanTarget::Address(network) => {
                let network = network.trunc();
                self.networks.remove(&network);
                let prefix = (network.addr().is_ipv4(), network.prefix_len());
                let count = self.prefixes.entry(prefix).or_default();
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.prefixes.remove(&prefix);
                }
            }
        }
    }

    fn shared(&mut self, reason: &str) -> Arc<str> {
        match &self.last_reason {
            Some(last) if **last == *reason => Arc::clone(last),
            Some(_) | None => {
                let reason: Arc<str> = reason.into();
                self.last_reason = Some(Arc::clone(&reason));
                reason
            }
        }
    }
}

#[cfg(test)]
mod tests;
