//! A participant goes from one room to another.

use std::time::Duration;

use auth::SluiceGrant;
use sfu_model::{
    CloseReason, Command, Event, PeerId, PeerStatistics, ShardIndex, Statistics, Traffic,
};
use signaling_protocol::proto::signal_response::Message as Response;
use signaling_protocol::proto::{self, DisconnectReason};
use signaling_session::{
    ConnectionId, DuplicateIdentity, JoinRefused, RoomError, RoomNotice, SessionAccount,
};

use crate::support::{Joining, World, camera, client, microphone};

/// Two rooms: alice and bob are in the first, carol in the second. Alice and carol publish.
struct Rooms {
    here: World,
    there: World,
    alice: ConnectionId,
    bob: ConnectionId,
    carol: ConnectionId,
    /// Of alice.
    track: String,
    /// Of bob.
    track_left: String,
    /// Of carol.
    other_track: String,
}

fn elsewhere() -> World {
    World::numbered(2, (1, 50), |options, _| options.name = "elsewhere".into())
}

fn rooms_of(join: impl Fn(&mut World, Joining) -> ConnectionId) -> Rooms {
    let mut here = World::new();
    let mut there = elsewhere();
    let alice = join(&mut here, client("alice"));
    let bob = join(&mut here, client("bob"));
    let carol = join(&mut there, client("carol"));
    let track = here.publish(alice, camera("cam"));
    let track_left = here.publish(bob, microphone("mic"));
    let other_track = there.publish(carol, microphone("mic"));
    here.negotiate(alice);
    here.negotiate(bob);
    there.negotiate(carol);
    here.commands
        .retain(|it| matches!(it, Command::SetRemote { .. }));
    here.notices.clear();
    there.notices.clear();
    Rooms {
        here,
        there,
        alice,
        bob,
        carol,
        track,
        track_left,
        other_track,
    }
}

fn rooms() -> Rooms {
    rooms_of(World::join_one)
}

impl Rooms {
    fn move_alice(&mut self) {
        self.here.take(self.alice);
        self.here.move_to(&mut self.there, self.alice);
    }

    /// Returns what alice is told of where she is.
    fn moved(&mut self) -> proto::RoomMovedResponse {
        let inbox = &self.there.member(self.alice).inbox;
        let mut moved = inbox.iter().filter_map(|message| match message {
            Response::RoomMoved(moved) => Some(moved.clone()),
            _ => None,
        });
        moved.next().expect("room_moved")
    }

    /// Returns what the second room's shard is to call alice's peers.
    fn peers(&self) -> Vec<(PeerId, PeerId)> {
        let commands = self.there.commands.iter();
        let moves = commands.filter_map(|command| match command {
            Command::MovePeer { peer, to, .. } => Some((*peer, *to)),
            _ => None,
        });
        moves.collect()
    }
}

#[test]
fn who_is_moved_is_told_where_it_is() {
    let mut rooms = rooms();
    let before = rooms.here.seen(rooms.bob, "alice").unwrap();
    rooms.move_alice();
    let moved = rooms.moved();
    assert_eq!(moved.room.unwrap().name, "elsewhere");
    let alice = moved.participant.unwrap();
    assert_eq!(alice.identity, "alice");
    assert_ne!(alice.sid, before.sid);
    assert_eq!(alice.tracks[0].sid, rooms.track);
    let others: Vec<_> = moved
        .other_participants
        .iter()
        .map(|it| &*it.identity)
        .collect();
    assert_eq!(others, ["carol"]);
    let token = rooms.there.member(rooms.alice).tokens.last().cloned();
    assert_eq!(token.unwrap().video.unwrap().room, "elsewhere");
}

#[test]
fn whom_it_leaves_see_it_go_and_whom_it_comes_to_see_it_come() {
    let mut rooms = rooms();
    rooms.move_alice();
    let gone = rooms.here.seen(rooms.bob, "alice").unwrap();
    assert_eq!(gone.state(), proto::participant_info::State::Disconnected);
    assert_eq!(gone.disconnect_reason(), DisconnectReason::Migration);
    let come = rooms.there.seen(rooms.carol, "alice").unwrap();
    assert_eq!(come.state(), proto::participant_info::State::Active);
    assert_eq!(come.tracks[0].sid, rooms.track);
    assert!(matches!(
        rooms.here.notices.as_slice(),
        [
            RoomNotice::TrackUnpublished { .. },
            RoomNotice::ParticipantLeft { participant, .. }
        ] if participant.disconnect_reason() == DisconnectReason::Migration
    ));
    assert!(matches!(
        rooms.there.notices.as_slice(),
        [
            RoomNotice::ParticipantJoined { .. },
            RoomNotice::TrackPublished { .. }
        ]
    ));
}

#[test]
fn its_media_is_neither_ended_nor_begun_anew() {
    let mut rooms = rooms();
    let peers = rooms.here.peers(rooms.alice);
    rooms.move_alice();
    let ended = rooms.here.commands.iter();
    let mut ended = ended.filter(|command| {
        matches!(
            command,
            Command::RemovePeer { .. } | Command::Unpublish { .. }
        )
    });
    assert!(ended.next().is_none());
    let named: Vec<_> = rooms.peers().iter().map(|(before, _)| *before).collect();
    assert_eq!(named, peers);
    let publications = rooms
        .there
        .commands
        .iter()
        .find_map(|command| match command {
            Command::MovePeer { publications, .. } => Some(publications.clone()),
            _ => None,
        });
    let publications = publications.unwrap();
    assert_eq!(publications.len(), 1);
    assert_eq!(publications[0].1.room, rooms.there.room.index());
}

#[test]
fn tracks_are_received_where_their_publisher_is() {
    let join: [fn(&mut World, Joining) -> ConnectionId; 2] = [World::join_one, World::join_two];
    for join in join {
        let mut rooms = rooms_of(join);
        assert_eq!(rooms.here.received_tracks(rooms.bob), [rooms.track.clone()]);
        assert_eq!(
            rooms.here.received_tracks(rooms.alice),
            [rooms.track_left.clone()]
        );
        rooms.move_alice();
        rooms.there.negotiate(rooms.alice);
        rooms.there.negotiate(rooms.carol);
        rooms.here.negotiate(rooms.bob);
        assert_eq!(
            rooms.there.received_tracks(rooms.carol),
            [rooms.track.clone()]
        );
        assert_eq!(
            rooms.there.received_tracks(rooms.alice),
            [rooms.other_track.clone()]
        );
        assert_eq!(rooms.here.received_tracks(rooms.bob), Vec::<String>::new());
        let to = rooms.peers().last().unwrap().1;
        let sent = rooms.there.commands.iter();
        let mut sent =
            sent.filter(|it| matches!(it, Command::Subscribe { peer, .. } if *peer == to));
        assert!(sent.next().is_some());
    }
}

#[test]
fn what_a_shard_says_by_the_names_of_the_room_before_is_understood() {
    let mut rooms = rooms();
    rooms.move_alice();
    let (before, _) = rooms.peers()[0];
    let closed = Event::PeerClosed {
        peer: before,
        reason: CloseReason::TimedOut,
    };
    let now = rooms.there.now;
    rooms.there.room.handle_late_media(now, closed);
    let gone = rooms.there.seen(rooms.carol, "alice").unwrap();
    assert_eq!(gone.state(), proto::participant_info::State::Disconnected);
}

#[test]
fn who_leaves_where_it_was_moved_to_leaves_nothing_behind() {
    let mut rooms = rooms();
    rooms.move_alice();
    let leave = proto::signal_request::Message::Leave(proto::LeaveRequest::default());
    rooms.there.send(rooms.alice, leave);
    for (_, to) in rooms.peers() {
        let commands = rooms.there.commands.iter();
        let mut removed =
            commands.filter(|it| matches!(it, Command::RemovePeer { peer } if *peer == to));
        assert!(removed.next().is_some());
    }
    rooms.here.settle();
    assert_eq!(rooms.here.room.info().num_participants, 1);
    assert_eq!(rooms.there.room.info().num_participants, 1);
}

/// A shard tells what a peer has had.
fn count(world: &mut World, peer: PeerId, received: u64) {
    let peer = PeerStatistics {
        peer,
        silence: Duration::ZERO,
        round_trip: None,
        traffic: Traffic { received, sent: 0 },
        link: None,
    };
    let streams = Statistics {
        peers: vec![peer],
        ..Statistics::default()
    };
    world.media(Event::Statistics {
        room: world.room.index(),
        shard: ShardIndex(0),
        part: 0,
        streams: Box::new(streams),
    });
}

/// Returns what the last session that ended came to.
fn account(world: &World) -> SessionAccount {
    let mut ended = world.notices.iter().filter_map(|notice| match notice {
        RoomNotice::ParticipantLeft { account, .. } => Some(*account),
        _ => None,
    });
    ended.next_back().expect("a session has ended")
}

#[test]
fn what_its_media_had_in_each_room_is_of_its_session_there() {
    let mut rooms = rooms();
    let peer = rooms.here.peers(rooms.alice)[0];
    count(&mut rooms.here, peer, 700);
    rooms.move_alice();
    assert_eq!(account(&rooms.here).traffic.received, 700);
    let (_, peer) = rooms.peers()[0];
    count(&mut rooms.there, peer, 1_000);
    rooms.there.pass(Duration::from_secs(3));
    let leave = proto::signal_request::Message::Leave(proto::LeaveRequest::default());
    rooms.there.send(rooms.alice, leave);
    let there = account(&rooms.there);
    assert_eq!(there.traffic.received, 300);
    assert_eq!(there.lasted, Duration::from_secs(3));
}

#[test]
fn who_is_moved_has_no_more_time_than_before() {
    let limited = |joining: Joining| {
        joining.with(|joining| {
            joining.claims.sluice = Some(SluiceGrant {
                max_session_seconds: Some(60),
                ..SluiceGrant::default()
            });
        })
    };
    let mut rooms = rooms_of(|world, joining| world.join_one(limited(joining)));
    rooms.here.pass(Duration::from_secs(40));
    rooms.there.now = rooms.here.now;
    rooms.move_alice();
    rooms.there.pass(Duration::from_secs(20));
    let gone = rooms.there.notices.iter().any(|notice| {
        matches!(notice, RoomNotice::ParticipantLeft { participant, .. } if participant.identity == "alice")
    });
    assert!(gone);
}

#[test]
fn who_was_moved_resumes_where_it_is() {
    let mut rooms = rooms();
    rooms.move_alice();
    let sid = rooms.moved().participant.unwrap().sid;
    rooms.there.close_signal(rooms.alice);
    let resuming = client("alice").with(|joining| {
        joining.parameters.resume = Some(signaling_protocol::Resume {
            reason: proto::ReconnectReason::RrSignalDisconnected,
            participant_sid: Some(sid.as_str().into()),
            sync_state: None,
        });
    });
    let again = rooms.there.resume(rooms.alice, resuming);
    let inbox = rooms.there.take(again);
    assert!(matches!(inbox[0], Response::Reconnect(_)), "{inbox:?}");
}

#[test]
fn a_session_of_its_identity_is_replaced_or_keeps_it_out() {
    for policy in [DuplicateIdentity::Replace, DuplicateIdentity::Refuse] {
        let mut here = World::new();
        let mut there = World::numbered(2, (1, 50), |options, _| options.duplicates = policy);
        let moved = here.join_one(client("alice"));
        let before = there.join_one(client("alice"));
        let visitor = here.room.visitor(&"alice".into()).unwrap();
        let may_come = there.room.check_visitor(&visitor);
        match policy {
            DuplicateIdentity::Refuse => assert_eq!(may_come, Err(JoinRefused::IdentityTaken)),
            DuplicateIdentity::Replace => {
                here.move_to(&mut there, moved);
                assert!(there.member(before).closed);
                assert!(!there.member(moved).closed);
            }
        }
    }
}

#[test]
fn a_full_room_takes_nobody_in() {
    let mut here = World::new();
    let mut there = World::numbered(2, (1, 50), |options, _| options.max_participants = 1);
    here.join_one(client("alice"));
    there.join_one(client("carol"));
    let visitor = here.room.visitor(&"alice".into()).unwrap();
    let may_come = there.room.check_visitor(&visitor);
    assert_eq!(may_come, Err(JoinRefused::MaxParticipants));
}

#[test]
fn who_cannot_be_moved_stays() {
    let mut world = World::new();
    world.join_one(client("old").protocol(15));
    world.join_one(client("agent").with(|it| it.grant().agent = true));
    world.join(client("connecting"));
    let cut = world.join_one(client("cut"));
    world.close_signal(cut);
    let refused = ["old", "agent", "connecting", "cut", "nobody"]
        .map(|identity| world.room.release(world.now, &identity.into()).unwrap_err());
    assert_eq!(
        refused,
        [
            RoomError::ClientCannotMove,
            RoomError::KindCannotMove("AGENT"),
            RoomError::NotConnected,
            RoomError::NotConnected,
            RoomError::ParticipantNotFound,
        ]
    );
    assert_eq!(world.room.present().count(), 4);
}
