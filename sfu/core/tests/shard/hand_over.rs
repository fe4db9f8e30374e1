//! Shards share a port: the kernel leads each remote address to one of them, whosever it is.

use std::time::Duration;

use sfu_core::{DropReason, ExportBatch};
use sfu_model::{Command, IceCredentials, LinkProtocol, Path, ShardIndex};

use crate::media::{CAMERA, Source, camera, publish};
use crate::world::{HOME, World};

const FAR: ShardIndex = ShardIndex(1);

/// A shard with participants whose datagrams come in at another one.
struct Port {
    /// Where they come in.
    entrance: World,
    /// Where the participants live.
    owner: World,
}

impl Port {
    /// With so many participants, of whom none is connected.
    fn with(participants: usize) -> Self {
        let (entrance, mut owner) = (World::of(HOME, 2), World::of(FAR, 2));
        owner.now = entrance.now;
        for _ in 0..participants {
            let place = owner.join_unconnected();
            // What they send before they are checked is lost. They send it again.
            let client = &mut owner.participants[place].client;
            while client.poll_transmit(entrance.now).is_some() {}
        }
        Self { entrance, owner }
    }

    fn connected() -> Self {
        let mut port = Self::with(1);
        port.connect(0);
        port
    }

    fn connect(&mut self, place: usize) {
        let check = self.owner.check_of(place).bytes();
        self.arrive(place, &check);
        for _ in 0..20 {
            self.exchange();
            if self.owner.participants[place].client.connected {
                break;
            }
            let now = self.owner.now.after(Duration::from_millis(200));
            (self.owner.now, self.entrance.now) = (now, now);
            let client = &mut self.owner.participants[place].client;
            client.handle_timeout(now);
        }
        self.owner.participants[place].begin_media();
        self.exchange();
    }

    /// Has a datagram of a participant come in.
    fn arrive(&mut self, place: usize, datagram: &[u8]) {
        let path = self.owner.participants[place].path;
        let now = self.entrance.now;
        let mut datagram = datagram.to_vec();
        self.entrance
            .shard
            .handle_datagram(now, path, &mut datagram);
        self.exchange();
    }

    fn exchange(&mut self) {
        let mut batch = ExportBatch::default();
        let mut buf = Vec::new();
        loop {
            let (entrance, owner) = (&mut self.entrance, &mut self.owner);
            let mut idle = true;
            while let Some(transmit) = owner.shard.poll_transmit(owner.now, &mut buf) {
                idle = false;
                owner.deliver(transmit, &buf);
            }
            while owner.shard.work(owner.now) {
                idle = false;
            }
            for participant in &mut owner.participants {
                while let Some(mut datagram) = participant.poll_transmit(owner.now) {
                    idle = false;
                    let path = participant.path;
                    entrance
                        .shard
                        .handle_datagram(entrance.now, path, &mut datagram);
                }
            }
            entrance.exchange();
            if entrance.shard.poll_export(FAR, &mut batch) {
                idle = false;
                assert!(owner.shard.handle_export(owner.now, HOME, &mut batch));
            }
            if owner.shard.poll_export(HOME, &mut batch) {
                idle = false;
                assert!(entrance.shard.handle_export(entrance.now, FAR, &mut batch));
            }
            if idle {
                return;
            }
        }
    }

    fn dropped(&self, reason: DropReason) -> [u64; 2] {
        [&self.entrance, &self.owner].map(|world| world.shard.counters().dropped(reason))
    }
}

/// Sends a packet of the participant's camera; tells whether its shard has accepted it.
fn is_accepted(port: &mut Port, source: &mut Source) -> bool {
    let before = port.owner.shard.counters().rtp_in;
    let packet = port.owner.seal_rtp(0, &source.next(true));
    port.arrive(0, &packet);
    port.owner.shard.counters().rtp_in > before
}

#[test]
fn a_peer_connects_and_publishes_through_another_shard() {
    let mut port = Port::connected();
    publish(&mut port.owner, camera());
    let mut source = Source::video(CAMERA);
    assert!(is_accepted(&mut port, &mut source));
    assert_eq!(port.dropped(DropReason::UnknownPath), [0, 0]);
    assert_eq!(port.entrance.shard.counters().peers, 0);
    assert!(port.entrance.shard.counters().handed_over > 0);
}

#[test]
fn what_is_not_authenticated_leads_nowhere() {
    let mut port = Port::with(1);
    let mut forged = port.owner.check_of(0);
    forged.to.pwd = "not-the-password-of-that-peer".to_owned();
    port.arrive(0, &forged.bytes());
    assert_eq!(port.entrance.shard.counters().handed_over, 1);
    // DTLS and RTP by the same path are nobody's.
    port.arrive(0, &[&[22, 0xfe, 0xfd][..], &[0; 30]].concat());
    port.arrive(0, &[&[0x80, 96][..], &[0; 30]].concat());
    assert_eq!(port.dropped(DropReason::UnknownPath), [2, 0]);
    assert_eq!(port.entrance.shard.counters().handed_over, 1);
}

#[test]
fn checks_for_nobody_are_dropped_by_the_shard_that_they_name_or_at_once() {
    let mut port = Port::with(1);
    let mut check = port.owner.check_of(0);
    check.to = IceCredentials::generate(FAR, [99; 34]);
    port.arrive(0, &check.bytes());
    assert_eq!(port.dropped(DropReason::UnknownUfrag), [0, 1]);
    check.to = IceCredentials::generate(ShardIndex(2), [99; 34]);
    port.arrive(0, &check.bytes());
    assert_eq!(port.dropped(DropReason::UnknownUfrag), [1, 1]);
}

#[test]
fn a_datagram_is_handed_over_once_at_most() {
    let mut port = Port::connected();
    let mut source = Source::video(CAMERA);
    // The owner forgets the path and does not tell: its word has not come yet.
    let peer = port.owner.participants[0].id;
    port.owner.command(Command::RemovePeer { peer });
    let packet = port.owner.seal_rtp(0, &source.next(true));
    let path = port.owner.participants[0].path;
    let now = port.entrance.now;
    let mut datagram = packet;
    port.entrance
        .shard
        .handle_datagram(now, path, &mut datagram);
    port.exchange();
    let [_, at_owner] = port.dropped(DropReason::UnknownPath);
    assert!(at_owner > 0);
    assert_eq!(port.owner.shard.counters().handed_over, 0);
}

#[test]
fn a_removed_peer_is_forgotten_where_its_datagrams_come_in() {
    let mut port = Port::connected();
    let peer = port.owner.participants[0].id;
    port.owner.command(Command::RemovePeer { peer });
    port.exchange();
    let before = port.entrance.shard.counters().handed_over;
    let packet = port.owner.seal_rtp(0, &Source::video(CAMERA).next(true));
    port.arrive(0, &packet);
    assert_eq!(port.entrance.shard.counters().handed_over, before);
    assert_eq!(port.dropped(DropReason::UnknownPath)[0], 1);
}

#[test]
fn a_peer_that_moves_is_found_by_its_next_check() {
    let mut port = Port::connected();
    publish(&mut port.owner, camera());
    let mut source = Source::video(CAMERA);
    port.owner.participants[0].path.remote = ([203, 0, 113, 5], 9_999).into();
    assert!(!is_accepted(&mut port, &mut source));
    let check = port.owner.check_of(0).bytes();
    port.arrive(0, &check);
    assert!(is_accepted(&mut port, &mut source));
}

#[test]
fn a_path_that_a_peer_of_the_entrance_takes_over_leads_there() {
    let mut port = Port::connected();
    publish(&mut port.owner, camera());
    let mut source = Source::video(CAMERA);
    assert!(is_accepted(&mut port, &mut source));
    let place = port.entrance.join_unconnected();
    port.entrance.participants[place].path = port.owner.participants[0].path;
    port.entrance.check(place);
    port.exchange();
    // The report about the picture is due, and nobody is there to get it.
    let before = port.owner.shard.counters().datagrams_out;
    assert!(!is_accepted(&mut port, &mut source));
    port.owner.pass(Duration::from_secs(2));
    assert_eq!(port.owner.shard.counters().datagrams_out, before);
}

#[test]
fn a_path_that_a_peer_of_the_owner_takes_over_from_one_of_the_entrance_leads_to_the_owner() {
    let mut port = Port::with(1);
    let place = port.entrance.join_unconnected();
    port.entrance.participants[place].path = port.owner.participants[0].path;
    port.entrance.check(place);
    port.connect(0);
    publish(&mut port.owner, camera());
    assert!(is_accepted(&mut port, &mut Source::video(CAMERA)));
}

#[test]
fn strangers_take_no_more_than_half_of_the_way_between_shards() {
    let mut port = Port::with(1);
    let check = port.owner.check_of(0).bytes();
    let path = port.owner.participants[0].path;
    let now = port.entrance.now;
    for _ in 0..10_000 {
        let mut check = check.clone();
        port.entrance.shard.handle_datagram(now, path, &mut check);
    }
    let handed_over = port.entrance.shard.counters().handed_over;
    assert!(handed_over < 5_000, "{handed_over}");
    assert_eq!(
        port.dropped(DropReason::HandOverFull),
        [10_000 - handed_over, 0]
    );
}

#[test]
fn tcp_connections_are_handed_over_by_nobody() {
    let mut port = Port::with(1);
    port.owner.participants[0].path = Path {
        protocol: LinkProtocol::Tcp,
        ..port.owner.participants[0].path
    };
    let check = port.owner.check_of(0).bytes();
    port.arrive(0, &check);
    assert_eq!(port.dropped(DropReason::UnknownUfrag), [1, 0]);
}

#[test]
fn a_check_alone_takes_no_address_from_a_peer_of_another_shard() {
    let mut port = Port::connected();
    publish(&mut port.owner, camera());
    let mut source = Source::video(CAMERA);
    assert!(is_accepted(&mut port, &mut source));
    // A peer of the shard at which datagrams come in claims the address.
    let thief = port.entrance.join_unconnected();
    let path = port.owner.participants[0].path;
    port.entrance.participants[thief].path = path;
    port.entrance.participants[thief].deaf = true;
    port.entrance.check(thief);
    port.exchange();
    assert!(is_accepted(&mut port, &mut source));
    port.entrance.participants[thief].deaf = false;
    port.entrance.pass(Duration::from_millis(500));
    port.exchange();
    assert!(
        !is_accepted(&mut port, &mut source),
        "it proves to be there"
    );
}
