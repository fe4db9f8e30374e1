use std::time::Duration;

use auth::TokenMark;
use sfu_model::{ParticipantIdentity, RoomName};
use signaling::{Credential, Occasion};

use super::*;

fn at(seconds: u64) -> UnixTime {
    UnixTime(Duration::from_secs(seconds))
}

fn ban(id: &str, target: BanTarget) -> Ban {
    Ban {
        id: id.to_owned(),
        target,
        reason: "spam".to_owned(),
        author: "ops".to_owned(),
        created_at: at(1000),
        expires_at: None,
        lifted: None,
    }
}

fn identity(name: &str, room: Option<&str>) -> BanTarget {
    BanTarget::Identity {
        identity: name.into(),
        room: room.map(RoomName::from),
    }
}

/// Somebody at a door.
#[derive(Clone)]
struct Comer {
    room: RoomName,
    identity: ParticipantIdentity,
    credential: Credential,
}

impl Comer {
    fn new(room: &str, identity: &str) -> Self {
        Self {
            room: room.into(),
            identity: identity.into(),
            credential: Credential {
                token: TokenMark::of("key".into(), identity.into()),
                expires_at: at(9000),
                address: None,
            },
        }
    }

    fn from(mut self, address: &str) -> Self {
        self.credential.address = Some(address.parse().unwrap());
        self
    }

    fn is_banned(&self, bans: &BanIndex, now: UnixTime) -> bool {
        let entry = Entry {
            occasion: Occasion::Join,
            room: &self.room,
            identity: &self.identity,
            credential: &self.credential,
        };
        bans.find(&entry, now).is_some()
    }
}

fn index(targets: impl IntoIterator<Item = BanTarget>) -> BanIndex {
    let mut bans = BanIndex::default();
    for (number, target) in targets.into_iter().enumerate() {
        bans.add(&ban(&format!("BN_{number}"), target));
    }
    bans
}

#[test]
fn an_identity_is_banned_everywhere_or_in_one_room() {
    let bans = index([identity("mallory", None), identity("bob", Some("lobby"))]);
    assert!(Comer::new("lobby", "mallory").is_banned(&bans, at(1)));
    assert!(Comer::new("hall", "mallory").is_banned(&bans, at(1)));
    assert!(Comer::new("lobby", "bob").is_banned(&bans, at(1)));
    assert!(!Comer::new("hall", "bob").is_banned(&bans, at(1)));
    assert!(!Comer::new("lobby", "alice").is_banned(&bans, at(1)));
}

#[test]
fn a_second_connection_of_a_banned_token_is_banned_by_whom_it_was_issued_for() {
    let bans = index([identity("mallory", None)]);
    let mut camera = Comer::new("lobby", "mallory#camera");
    assert!(!camera.is_banned(&bans, at(1)));
    camera.credential.token.subject = "mallory".into();
    assert!(camera.is_banned(&bans, at(1)));
}

#[test]
fn old_tokens_are_banned_and_those_without_a_time() {
    let bans = index([BanTarget::Tokens {
        identity: "mallory".into(),
        room: None,
        issued_before: at(500),
    }]);
    let mut mallory = Comer::new("lobby", "mallory");
    assert!(mallory.is_banned(&bans, at(1)));
    mallory.credential.token.issued_at = Some(at(499));
    assert!(mallory.is_banned(&bans, at(1)));
    mallory.credential.token.issued_at = Some(at(500));
    assert!(!mallory.is_banned(&bans, at(1)));
}

#[test]
fn a_token_or_a_key_is_banned_with_all_that_replaces_it() {
    let bans = index([
        BanTarget::Token("T1".to_owned()),
        BanTarget::Key("old".into()),
    ]);
    let mut bob = Comer::new("lobby", "bob");
    assert!(!bob.is_banned(&bans, at(1)));
    bob.credential.token.id = "T1".to_owned();
    assert!(bob.is_banned(&bans, at(1)));
    let mut eve = Comer::new("lobby", "eve");
    eve.credential.token.first_key = "old".into();
    assert!(eve.is_banned(&bans, at(1)));
    // Whoever holds the banned key cannot say that its token goes back to another.
    eve.credential.token.first_key = "key".into();
    eve.credential.token.key = "old".into();
    assert!(eve.is_banned(&bans, at(1)));
}

#[test]
fn a_network_is_banned_in_all_spellings_of_its_addresses() {
    let network = |text: &str| BanTarget::Address(text.parse().unwrap());
    let bans = index([
        network("192.0.2.0/24"),
        network("2001:db8:7::/48"),
        network("198.51.100.7/32"),
    ]);
    let banned = |address: &str| {
        Comer::new("lobby", "bob")
            .from(address)
            .is_banned(&bans, at(1))
    };
    for address in [
        "192.0.2.1",
        "192.0.2.255",
        "::ffff:192.0.2.9",
        "2001:db8:7:ffff::1",
        "198.51.100.7",
    ] {
        assert!(banned(address), "{address}");
    }
    for address in ["192.0.3.1", "2001:db8:8::1", "198.51.100.8", "::1"] {
        assert!(!banned(address), "{address}");
    }
}

#[test]
fn a_ban_ends_by_itself_and_is_forgotten() {
    let mut bans = BanIndex::default();
    let mut short = ban("BN_1", identity("mallory", None));
    short.expires_at = Some(at(100));
    bans.add(&short);
    let mallory = Comer::new("lobby", "mallory");
    assert!(mallory.is_banned(&bans, at(99)));
    assert!(!mallory.is_banned(&bans, at(100)));
    bans.forget_ended(at(99), 10);
    assert_eq!(bans.len(), 1);
    bans.forget_ended(at(100), 10);
    assert_eq!(bans.len(), 0);
    assert!(bans.ends.is_empty() && bans.identities.is_empty());
}

#[test]
fn two_bans_of_one_target_are_lifted_one_by_one_and_leave_nothing() {
    let targets = [
        identity("mallory", None),
        identity("bob", Some("lobby")),
        BanTarget::Token("T1".to_owned()),
        BanTarget::Key("old".into()),
        BanTarget::Address("192.0.2.0/24".parse().unwrap()),
    ];
    let mut bans = BanIndex::default();
    for target in &targets {
        for id in ["BN_1", "BN_2", "BN_2"] {
            bans.add(&ban(id, target.clone()));
        }
    }
    assert_eq!(bans.len(), 2 * targets.len());
    bans.remove("BN_1", &targets[0]);
    assert!(Comer::new("lobby", "mallory").is_banned(&bans, at(1)));
    for target in &targets {
        bans.remove("BN_1", target);
        bans.remove("BN_2", target);
        bans.remove("BN_3", target);
    }
    assert_eq!(bans.len(), 0);
    assert!(bans.identities.is_empty() && bans.in_rooms.is_empty() && bans.tokens.is_empty());
    assert!(bans.keys.is_empty() && bans.networks.is_empty() && bans.prefixes.is_empty());
}
