use sfu_model::{DataChannelOpener, DtlsRole, LinkProtocol, Path};
use sfu_transport::{DropReason, StunOutcome, ufrag_of};

use crate::check::verify_reply;
use crate::world::{World, credentials, path};

const SUCCESS: u16 = 0x0101;
const ERROR: u16 = 0x0111;

fn client(number: u16) -> Path {
    path(&format!("198.51.100.7:{}", 40_000 + number))
}

#[test]
fn a_check_is_answered_with_the_address_it_came_from() {
    for remote in ["198.51.100.7:40000", "[2001:db8::9]:40000"] {
        let mut world = World::new(DataChannelOpener::Peer);
        let request = world.check().bytes();
        let (outcome, reply) = world.stun(path(remote), &request);
        assert_eq!(outcome, Ok(StunOutcome::Validated { evicted: None }));
        let (kind, address) = verify_reply(&reply, &request, &world.local.pwd);
        assert_eq!(kind, SUCCESS);
        assert_eq!(address, Some(remote.parse().unwrap()));
        assert!(reply.len() <= request.len());
    }
}

#[test]
fn a_mapped_ipv4_address_is_told_as_ipv4() {
    let mut world = World::new(DataChannelOpener::Peer);
    let request = world.check().bytes();
    let (_, reply) = world.stun(path("[::ffff:198.51.100.7]:40000"), &request);
    let (_, address) = verify_reply(&reply, &request, &world.local.pwd);
    assert_eq!(address, Some("198.51.100.7:40000".parse().unwrap()));
}

#[test]
fn a_check_names_its_transport() {
    let world = World::new(DataChannelOpener::Peer);
    let request = world.check().bytes();
    assert_eq!(ufrag_of(&request), Some(world.local.ufrag.as_str()));
}

#[test]
fn a_wrong_password_changes_nothing() {
    let mut world = World::connected(DataChannelOpener::Peer);
    let mut check = world.check();
    check.to.pwd.push('x');
    let (outcome, reply) = world.stun(client(9), &check.bytes());
    assert_eq!(outcome, Err(DropReason::StunUnauthenticated));
    assert_eq!(reply, []);
    assert_eq!(world.server.path(), Some(world.path));
    assert_eq!(world.server.paths().collect::<Vec<_>>(), [world.path]);
}

#[test]
fn no_bit_of_a_check_may_flip() {
    let mut world = World::new(DataChannelOpener::Peer);
    world.describe();
    let request = world.check().bytes();
    for bit in 0..request.len() * 8 {
        let mut flipped = request.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let (outcome, reply) = world.stun(client(1), &flipped);
        assert!(outcome.is_err(), "bit {bit}");
        assert_eq!(reply, []);
    }
    assert_eq!(world.server.path(), None);
}

#[test]
fn a_fingerprint_that_is_made_right_again_does_not_help_a_flipped_bit() {
    let mut world = World::new(DataChannelOpener::Peer);
    world.describe();
    let request = world.check().bytes();
    let integrity_at = request.len() - 8 - 24;
    for bit in 20 * 8..(integrity_at + 24) * 8 {
        let mut flipped = request.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped.truncate(request.len() - 8);
        flipped.extend_from_slice(&fingerprint(&flipped));
        let (outcome, reply) = world.stun(client(1), &flipped);
        assert!(outcome.is_err(), "bit {bit}");
        assert_eq!(reply, []);
    }
}

/// FINGERPRINT of a message whose length counts it already (RFC 8489 section 14.7).
fn fingerprint(message: &[u8]) -> [u8; 8] {
    let mut crc = u32::MAX;
    for byte in message {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let mask = if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
            crc = crc >> 1 ^ mask;
        }
    }
    let [a, b, c, d] = (!crc ^ 0x5354_554E).to_be_bytes();
    [0x80, 0x28, 0, 4, a, b, c, d]
}

#[test]
fn the_peers_ufrag_counts_once_it_is_known() {
    let mut world = World::new(DataChannelOpener::Peer);
    let mut check = world.check();
    check.from_ufrag = "somebody".to_owned();
    let before = world.stun(client(1), &check.bytes()).0;
    assert_eq!(before, Ok(StunOutcome::Validated { evicted: None }));
    world.describe();
    let after = world.stun(client(2), &check.bytes()).0;
    assert_eq!(after, Err(DropReason::StunWrongUser));
}

#[test]
fn a_controlled_client_is_told_to_control_and_nothing_changes() {
    let mut world = World::new(DataChannelOpener::Peer);
    let mut check = world.check();
    check.controlled = true;
    let request = check.bytes();
    let (outcome, reply) = world.stun(client(1), &request);
    assert_eq!(outcome, Ok(StunOutcome::RoleConflict));
    let (kind, _) = verify_reply(&reply, &request, &world.local.pwd);
    assert_eq!(kind, ERROR);
    assert!(reply.len() <= request.len());
    assert_eq!(world.server.path(), None);
}

#[test]
fn the_first_validated_path_is_used_until_one_is_nominated() {
    let mut world = World::new(DataChannelOpener::Peer);
    world.describe();
    let mut check = world.check();
    check.nominates = false;
    for number in [1, 2] {
        world.stun(client(number), &check.bytes()).0.unwrap();
    }
    assert_eq!(world.server.path(), Some(client(1)));
    world.nominate(client(2)).unwrap();
    assert_eq!(world.server.path(), Some(client(2)));
    world.stun(client(1), &check.bytes()).0.unwrap();
    assert_eq!(world.server.path(), Some(client(2)));
}

#[test]
fn the_last_nomination_wins() {
    let mut world = World::new(DataChannelOpener::Peer);
    world.describe();
    for number in [1, 2, 1] {
        world.nominate(client(number)).unwrap();
        assert_eq!(world.server.path(), Some(client(number)));
    }
}

#[test]
fn too_many_paths_drop_the_oldest_that_is_not_selected() {
    let mut world = World::new(DataChannelOpener::Peer);
    world.describe();
    world.nominate(client(0)).unwrap();
    let mut check = world.check();
    check.nominates = false;
    for number in 1..16 {
        world.pass(std::time::Duration::from_millis(1));
        let outcome = world.stun(client(number), &check.bytes()).0;
        assert_eq!(outcome, Ok(StunOutcome::Validated { evicted: None }));
    }
    let outcome = world.stun(client(16), &check.bytes()).0;
    let evicted = Some(client(1));
    assert_eq!(outcome, Ok(StunOutcome::Validated { evicted }));
    assert_eq!(world.server.paths().count(), 16);
    assert_eq!(world.server.path(), Some(client(0)));
}

#[test]
fn a_path_whose_connection_closed_gives_way_to_the_one_nominated_before() {
    let mut world = World::new(DataChannelOpener::Peer);
    world.describe();
    for number in [1, 2, 3] {
        world.pass(std::time::Duration::from_millis(1));
        world.nominate(client(number)).unwrap();
    }
    world.server.forget_path(world.now, client(3));
    assert_eq!(world.server.path(), Some(client(2)));
    let dropped = world.server.handle_dtls(world.now, client(3), &[22; 40]);
    assert_eq!(dropped, Err(DropReason::UnknownPath));
}

#[test]
fn two_transports_of_a_path_are_told_apart_by_protocol() {
    let mut world = World::new(DataChannelOpener::Peer);
    world.nominate(client(1)).unwrap();
    let tcp = Path {
        protocol: LinkProtocol::Tcp,
        ..client(1)
    };
    let dropped = world.server.handle_dtls(world.now, tcp, &[22; 40]);
    assert_eq!(dropped, Err(DropReason::UnknownPath));
}

#[test]
fn old_credentials_are_answered_until_a_check_by_the_new_ones() {
    let mut world = World::connected(DataChannelOpener::Peer);
    let old = world.check();
    let (local, remote) = (credentials(50), credentials(150));
    world.server.restart_ice(world.now, local.clone());
    assert_eq!(
        world.server.ufrags().collect::<Vec<_>>(),
        [local.ufrag.as_str(), world.local.ufrag.as_str()]
    );
    let known = world.stun(world.path, &old.bytes()).0;
    assert_eq!(known, Ok(StunOutcome::Known));
    (world.local, world.remote) = (local, remote);
    let fingerprint = world.client.fingerprint;
    world.server.set_remote(
        world.now,
        world.remote.clone(),
        fingerprint,
        DtlsRole::Server,
    );
    let known = world.stun(world.path, &old.bytes()).0;
    assert_eq!(known, Ok(StunOutcome::Known));
    world.path = client(5);
    world.nominate(world.path).unwrap();
    let dropped = world.stun(world.path, &old.bytes()).0;
    assert_eq!(dropped, Err(DropReason::StunWrongUser));
    assert_eq!(world.server.ufrags().count(), 1);
    assert!(world.server.is_connected());
}

#[test]
fn a_captured_check_does_not_validate_another_address() {
    let mut world = World::connected(DataChannelOpener::Peer);
    let request = world.check().bytes();
    let known = world.stun(world.path, &request).0;
    assert_eq!(known, Ok(StunOutcome::Known));
    let (outcome, reply) = world.stun(client(66), &request);
    assert_eq!(outcome, Err(DropReason::StunReplayed));
    assert_eq!(reply, []);
    assert_eq!(world.server.path(), Some(world.path));
    let again = world.stun(world.path, &request).0;
    assert_eq!(again, Ok(StunOutcome::Known));
}
