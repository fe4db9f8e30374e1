//! Lost connections, and how sessions survive them.

use std::time::Duration;

use sfu_model::{CloseReason, Command, Event, Forwarding};
use signaling_protocol::Resume;
use signaling_protocol::proto::leave_request::Action;
use signaling_protocol::proto::participant_info::State;
use signaling_protocol::proto::signal_request::Message as Request;
use signaling_protocol::proto::signal_response::Message as Response;
use signaling_protocol::proto::{self, DisconnectReason, ReconnectReason};
use signaling_session::ConnectionId;

use crate::support::{Joining, World, client, microphone};

fn kinds(world: &mut World, connection: ConnectionId) -> Vec<&'static str> {
    let inbox = &world.member(connection).inbox;
    let kind = |message: &Response| match message {
        Response::Reconnect(_) => "reconnect",
        Response::Update(_) => "update",
        Response::RoomUpdate(_) => "room",
        Response::Offer(_) => "offer",
        Response::Leave(_) => "leave",
        _ => "other",
    };
    inbox.iter().map(kind).collect()
}

fn last_leave(world: &mut World, connection: ConnectionId) -> (Action, DisconnectReason) {
    match world.member(connection).inbox.last() {
        Some(Response::Leave(leave)) => (leave.action(), leave.reason()),
        other => panic!("no leave: {other:?}"),
    }
}

#[test]
fn a_resume_is_answered_first_then_everything_is_told_then_ice_restarts() {
    let mut world = World::new();
    world.join_one(client("alice"));
    let bob = world.join_two(client("bob"));
    world.settle();
    world.room.handle_signal_closed(world.now, bob);
    world.take(bob);
    let bob = world.resume(bob, client("bob").two_transports());
    assert_eq!(
        kinds(&mut world, bob),
        ["reconnect", "update", "room", "offer"]
    );
    let Response::Update(update) = &world.member(bob).inbox[1] else {
        panic!("no update");
    };
    let mut identities: Vec<_> = update
        .participants
        .iter()
        .map(|p| p.identity.clone())
        .collect();
    identities.sort();
    assert_eq!(identities, ["alice", "bob"]);
    assert!(
        world
            .commands
            .iter()
            .any(|command| matches!(command, Command::RestartIce { .. }))
    );
    assert_eq!(world.member(bob).tokens.len(), 1);
    world.answer(bob);
    world.pass(Duration::from_secs(60));
    assert!(!world.member(bob).closed);
}

#[test]
fn a_client_with_one_transport_restarts_ice_by_its_own_offer() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let alice = world.resume(alice, client("alice"));
    assert_eq!(kinds(&mut world, alice), ["reconnect", "update", "room"]);
    assert!(
        !world
            .commands
            .iter()
            .any(|command| matches!(command, Command::RestartIce { .. }))
    );
    world.member(alice).up.ufrag = "restarted".to_owned();
    world.offer(alice);
    let restart = world
        .commands
        .iter()
        .rev()
        .find_map(|command| match command {
            Command::RestartIce { local, .. } => Some(local.ufrag.clone()),
            _ => None,
        });
    let answer = world
        .member(alice)
        .inbox
        .iter()
        .rev()
        .find_map(|message| match message {
            Response::Answer(answer) => Some(answer.sdp.clone()),
            _ => None,
        });
    assert!(answer.unwrap().contains(&restart.unwrap()));
}

#[test]
fn the_old_connection_of_a_resumed_session_is_closed() {
    let mut world = World::new();
    let before = world.join_one(client("alice"));
    let after = world.resume(before, client("alice"));
    assert!(world.member(before).closed && !world.member(after).closed);
    world.room.handle_signal_closed(world.now, before);
    world.settle();
    assert_eq!(world.room.info().num_participants, 1);
}

#[test]
fn the_last_message_that_came_is_named_to_a_client_that_resumes() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let packet = proto::DataPacket {
        sequence: 5,
        value: Some(proto::data_packet::Value::User(proto::UserPacket::default())),
        ..proto::DataPacket::default()
    };
    world.send_packet(alice, sfu_model::DataChannel::Reliable, &packet);
    let alice = world.resume(alice, client("alice"));
    let Response::Reconnect(reconnect) = &world.member(alice).inbox[0] else {
        panic!("no reconnect");
    };
    assert_eq!(reconnect.last_message_seq, 5);
    assert_eq!(reconnect.server_info.as_ref().unwrap().version, "1.13.5");
}

#[test]
fn who_left_meanwhile_is_told_to_those_who_resume() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    world.settle();
    world.room.handle_signal_closed(world.now, alice);
    world.send(bob, Request::Leave(proto::LeaveRequest::default()));
    world.pass(Duration::from_secs(2));
    let alice = world.resume(alice, client("alice"));
    assert_eq!(
        world.seen(alice, "bob").unwrap().state(),
        State::Disconnected
    );
}

#[test]
fn a_resume_of_a_session_that_is_gone_is_told_to_begin_again() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.send(alice, Request::Leave(proto::LeaveRequest::default()));
    let again = world.resume(alice, client("alice"));
    assert_eq!(
        last_leave(&mut world, again),
        (Action::Reconnect, DisconnectReason::StateMismatch)
    );
    assert!(world.member(again).closed);
    let old = world.resume(alice, client("alice").protocol(12));
    let Some(Response::Leave(leave)) = world.member(old).inbox.last() else {
        panic!("no leave");
    };
    assert!(leave.can_reconnect);
}

#[test]
fn media_goes_on_without_signalling() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.room.handle_signal_closed(world.now, alice);
    world.pass(Duration::from_secs(600));
    assert_eq!(world.room.info().num_participants, 1);
}

#[test]
fn a_silent_transport_asks_for_a_resume_and_ends_the_session_without_one() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    let peer = world.peers(alice)[0];
    world.media(Event::PeerSilent { peer });
    assert_eq!(
        last_leave(&mut world, alice),
        (Action::Resume, DisconnectReason::ConnectionTimeout)
    );
    assert!(world.member(alice).closed);
    world.pass(Duration::from_millis(4900));
    assert_eq!(world.room.info().num_participants, 2);
    world.pass(Duration::from_millis(200));
    let info = world.seen(bob, "alice").unwrap();
    assert_eq!(info.state(), State::Disconnected);
    assert_eq!(
        info.disconnect_reason(),
        DisconnectReason::ConnectionTimeout
    );
}

#[test]
fn a_resume_in_time_keeps_the_session_and_its_tracks() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    let sid = world.publish(alice, microphone("mic"));
    let peer = world.peers(alice)[0];
    world.media(Event::PeerSilent { peer });
    world.pass(Duration::from_secs(4));
    let alice = world.resume(alice, client("alice"));
    let track = proto::TrackInfo {
        sid: sid.clone(),
        ..proto::TrackInfo::default()
    };
    let state = proto::SyncState {
        publish_tracks: vec![proto::TrackPublishedResponse {
            cid: "mic".to_owned(),
            track: Some(track),
        }],
        ..proto::SyncState::default()
    };
    world.send(alice, Request::SyncState(state));
    world.pass(Duration::from_secs(60));
    assert!(!world.member(alice).closed);
    assert_eq!(world.seen(bob, "alice").unwrap().tracks[0].sid, sid);
}

#[test]
fn a_transport_that_recovers_by_itself_keeps_the_session() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let peer = world.peers(alice)[0];
    world.media(Event::PeerSilent { peer });
    world.media(Event::PeerResumed { peer });
    world.pass(Duration::from_secs(60));
    assert_eq!(world.room.info().num_participants, 1);
}

#[test]
fn a_transport_that_is_over_asks_for_a_fresh_session() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let peer = world.peers(alice)[0];
    let reason = CloseReason::TimedOut;
    world.media(Event::PeerClosed { peer, reason });
    assert_eq!(
        last_leave(&mut world, alice),
        (Action::Reconnect, DisconnectReason::ConnectionTimeout)
    );
    assert!(
        !world
            .commands
            .iter()
            .any(|command| matches!(command, Command::RemovePeer { .. }))
    );
    assert_eq!(world.room.info().num_participants, 0);
}

#[test]
fn a_client_that_closes_its_transport_before_it_says_goodbye_has_left_by_itself() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    let peer = world.peers(alice)[0];
    let reason = CloseReason::ClosedByPeer;
    world.media(Event::PeerClosed { peer, reason });
    assert_eq!(world.room.info().num_participants, 2);
    world.send(
        alice,
        Request::Leave(proto::LeaveRequest {
            reason: DisconnectReason::ClientInitiated.into(),
            ..proto::LeaveRequest::default()
        }),
    );
    world.pass(Duration::from_secs(2));
    assert_eq!(world.room.info().num_participants, 1);
    let gone = world
        .member(bob)
        .inbox
        .iter()
        .find_map(|message| match message {
            Response::Update(update) => update
                .participants
                .iter()
                .find(|p| p.identity == "alice" && p.state() == State::Disconnected)
                .map(proto::ParticipantInfo::disconnect_reason),
            _ => None,
        });
    assert_eq!(gone, Some(DisconnectReason::ClientInitiated));
}

#[test]
fn a_client_that_closes_its_transport_and_says_nothing_is_gone_after_a_second() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let peer = world.peers(alice)[0];
    let reason = CloseReason::ClosedByPeer;
    world.media(Event::PeerClosed { peer, reason });
    world.pass(Duration::from_millis(900));
    assert_eq!(world.room.info().num_participants, 1);
    world.pass(Duration::from_millis(200));
    assert_eq!(world.room.info().num_participants, 0);
}

#[test]
fn a_client_that_believes_in_an_unknown_track_begins_again() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let alice = world.resume(alice, client("alice"));
    let track = proto::TrackInfo {
        sid: "TR_lost".to_owned(),
        ..proto::TrackInfo::default()
    };
    let state = proto::SyncState {
        publish_tracks: vec![proto::TrackPublishedResponse {
            cid: "mic".to_owned(),
            track: Some(track),
        }],
        ..proto::SyncState::default()
    };
    world.send(alice, Request::SyncState(state));
    assert_eq!(
        last_leave(&mut world, alice),
        (Action::Reconnect, DisconnectReason::StateMismatch)
    );
}

#[test]
fn the_choices_of_a_client_are_restored_by_its_state() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let sid = world.publish(alice, microphone("mic"));
    let bob = world.join_one(client("bob"));
    assert_eq!(world.received_tracks(bob).len(), 1);
    let bob = world.resume(bob, client("bob"));
    let state = proto::SyncState {
        subscription: Some(proto::UpdateSubscription {
            track_sids: vec![sid],
            subscribe: false,
            participant_tracks: Vec::new(),
        }),
        ..proto::SyncState::default()
    };
    world.send(bob, Request::SyncState(state));
    world.negotiate(bob);
    world.offer(bob);
    assert!(world.received_tracks(bob).is_empty());
}

#[test]
fn simulated_faults_do_what_they_say() {
    use proto::simulate_scenario::Scenario;
    let mut world = World::new();
    let simulate = |scenario: Scenario| {
        Request::Simulate(proto::SimulateScenario {
            scenario: Some(scenario),
        })
    };
    let alice = world.join_one(client("alice"));
    world.send(alice, simulate(Scenario::ServerLeave(true)));
    assert_eq!(
        last_leave(&mut world, alice),
        (Action::Disconnect, DisconnectReason::ServerShutdown)
    );
    let alice = world.join_one(client("alice"));
    world.take(alice);
    world.send(alice, simulate(Scenario::NodeFailure(true)));
    assert!(world.member(alice).closed && world.take(alice).is_empty());
    let alice = world.join_one(client("alice"));
    world.send(alice, simulate(Scenario::DisconnectSignalOnResume(true)));
    let alice = world.resume(alice, client("alice"));
    assert!(world.member(alice).closed);
    assert_eq!(kinds(&mut world, alice)[0], "reconnect");
    let alice = world.resume(alice, client("alice"));
    assert!(!world.member(alice).closed);
    world.send(
        alice,
        simulate(Scenario::DisconnectSignalOnResumeNoMessages(true)),
    );
    let alice = world.resume(alice, client("alice"));
    assert!(world.member(alice).closed && world.take(alice).is_empty());
    let alice = world.resume(alice, client("alice"));
    assert!(!world.member(alice).closed);
}

/// Counts the candidates over UDP and over TCP that a client was told of last.
fn candidates(world: &mut World, connection: ConnectionId) -> (usize, usize) {
    let inbox = &world.member(connection).inbox;
    let description = inbox.iter().rev().find_map(|message| match message {
        Response::Answer(description) | Response::Offer(description) => Some(&description.sdp),
        _ => None,
    });
    let count = |protocol| description.unwrap().matches(protocol).count();
    (count(" udp "), count(" tcp "))
}

#[test]
fn a_client_that_asks_for_tcp_is_told_of_nothing_else() {
    use proto::simulate_scenario::Scenario;
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    assert_eq!(candidates(&mut world, alice), (1, 1));
    let scenario = Some(Scenario::SwitchCandidateProtocol(1));
    world.send(
        alice,
        Request::Simulate(proto::SimulateScenario { scenario }),
    );
    world.offer(alice);
    assert_eq!(candidates(&mut world, alice), (0, 1));
}

#[test]
fn a_client_whose_media_fails_soon_comes_back_over_tcp_for_a_while() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.pass(Duration::from_secs(80));
    let failed = ReconnectReason::RrPublisherFailed;
    let alice = world.resume_after(alice, client("alice"), failed);
    world.offer(alice);
    assert_eq!(candidates(&mut world, alice), (0, 1));
    let alice = world.join_one(client("alice"));
    assert_eq!(candidates(&mut world, alice), (0, 1));
    world.pass(Duration::from_secs(300));
    let alice = world.join_one(client("alice"));
    assert_eq!(candidates(&mut world, alice), (1, 1));
}

#[test]
fn a_client_with_two_transports_is_offered_tcp_when_the_subscriber_transport_fails_soon() {
    let mut world = World::new();
    let alice = world.join_two(client("alice"));
    let failed = ReconnectReason::RrSubscriberFailed;
    let alice = world.resume_after(alice, client("alice").two_transports(), failed);
    assert_eq!(candidates(&mut world, alice), (0, 1));
}

#[test]
fn media_that_falls_silent_soon_speaks_against_udp_whatever_the_client_says() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let peer = world.peers(alice)[0];
    world.media(Event::PeerSilent { peer });
    let unknown = ReconnectReason::RrUnknown;
    let alice = world.resume_after(alice, client("alice"), unknown);
    world.offer(alice);
    assert_eq!(candidates(&mut world, alice), (0, 1));
}

#[test]
fn udp_is_kept_where_it_lasted_and_where_only_signalling_was_lost() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let alice = world.resume(alice, client("alice"));
    world.offer(alice);
    assert_eq!(candidates(&mut world, alice), (1, 1));
    world.pass(Duration::from_secs(100));
    let failed = ReconnectReason::RrPublisherFailed;
    let alice = world.resume_after(alice, client("alice"), failed);
    world.offer(alice);
    assert_eq!(candidates(&mut world, alice), (1, 1));
}

#[test]
fn udp_is_kept_where_the_operator_wants_no_fallback() {
    let mut world = World::with(|_, facts| facts.allow_tcp_fallback = false);
    let alice = world.join_one(client("alice"));
    let failed = ReconnectReason::RrPublisherFailed;
    let alice = world.resume_after(alice, client("alice"), failed);
    world.offer(alice);
    assert_eq!(candidates(&mut world, alice), (1, 1));
}

#[test]
fn an_ended_session_does_not_end_the_one_that_follows_it() {
    let mut world = World::new();
    let before = world.join_one(client("alice"));
    let after = world.join_one(client("alice"));
    world.room.handle_signal_closed(world.now, before);
    world.send(before, Request::Leave(proto::LeaveRequest::default()));
    assert!(!world.member(after).closed);
}

#[test]
fn an_offer_that_was_lost_with_the_connection_is_made_again() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_two(client("bob"));
    let sid = world.publish(alice, microphone("mic"));
    world.settle();
    // The offer is on its way when the connection breaks: it is never answered.
    world.close_signal(bob);
    world.pass(Duration::from_secs(20));
    assert_eq!(world.room.info().num_participants, 2);
    let bob = world.resume(bob, client("bob").two_transports());
    assert_eq!(world.received_tracks(bob), [sid]);
    world.answer(bob);
    let subscribed = world
        .commands
        .iter()
        .any(|command| matches!(command, Command::Subscribe { .. }));
    assert!(subscribed);
    world.pass(Duration::from_secs(60));
    assert!(!world.member(bob).closed);
}

#[test]
fn the_answer_to_an_offer_before_a_resume_is_stale() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_two(client("bob"));
    world.publish(alice, microphone("mic"));
    world.settle();
    let offer = world
        .member(bob)
        .inbox
        .iter()
        .rev()
        .find_map(|message| match message {
            Response::Offer(offer) => Some(offer.clone()),
            _ => None,
        });
    let offer = offer.unwrap();
    let bob = world.resume(bob, client("bob").two_transports());
    let sdp = world.member(bob).down.answer(&offer.sdp);
    let answer = proto::SessionDescription { sdp, ..offer };
    world.send(bob, Request::Answer(answer));
    let subscribed = |world: &World| {
        world
            .commands
            .iter()
            .any(|command| matches!(command, Command::Subscribe { .. }))
    };
    assert!(!subscribed(&world));
    world.answer(bob);
    assert!(subscribed(&world));
}

/// Resumes the session that a client believes to have, by its sid.
fn resume_by_sid(
    world: &mut World,
    before: ConnectionId,
    joining: Joining,
    sid: &str,
) -> ConnectionId {
    let joining = joining.with(|joining| {
        joining.parameters.resume = Some(Resume {
            reason: ReconnectReason::RrSignalDisconnected,
            participant_sid: Some(sid.into()),
            sync_state: None,
        });
    });
    world.resume(before, joining)
}

fn own_sid(world: &mut World, connection: ConnectionId) -> String {
    let Some(Response::Join(join)) = world.member(connection).inbox.first() else {
        panic!("no join");
    };
    join.participant.clone().unwrap().sid
}

#[test]
fn a_stale_tab_is_told_to_leave_and_its_successor_notices_nothing() {
    for generation in [client, |identity: &str| client(identity).two_transports()] {
        let mut world = World::new();
        let first = world.join(generation("alice"));
        let stale = own_sid(&mut world, first);
        let second = world.join(generation("alice"));
        let current = own_sid(&mut world, second);
        world.settle();
        world.take(second);
        let again = resume_by_sid(&mut world, first, generation("alice"), &stale);
        assert_eq!(
            last_leave(&mut world, again),
            (Action::Disconnect, DisconnectReason::DuplicateIdentity)
        );
        assert!(world.member(again).closed);
        world.settle();
        assert!(!world.member(second).closed && world.take(second).is_empty());
        let resumed = resume_by_sid(&mut world, second, generation("alice"), &current);
        assert_eq!(kinds(&mut world, resumed)[0], "reconnect");
    }
}

#[test]
fn a_state_that_rides_in_the_join_of_a_resume_does_what_the_message_does() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    let sid = world.publish(alice, microphone("mic"));
    world.negotiate(bob);
    world.close_signal(bob);
    let sender = own_sid(&mut world, alice);
    let packet = proto::DataPacket {
        sequence: 5,
        value: Some(proto::data_packet::Value::User(proto::UserPacket::default())),
        ..proto::DataPacket::default()
    };
    world.send_packet(alice, sfu_model::DataChannel::Reliable, &packet);
    world.commands.clear();
    let state = proto::SyncState {
        track_sids_disabled: vec![sid],
        datachannel_receive_states: vec![proto::DataChannelReceiveState {
            publisher_sid: sender,
            last_seq: 4,
        }],
        ..proto::SyncState::default()
    };
    let joining = client("bob").with(|joining| {
        joining.parameters.resume = Some(Resume {
            reason: ReconnectReason::RrSignalDisconnected,
            participant_sid: None,
            sync_state: Some(Box::new(state)),
        });
    });
    let bob = world.resume(bob, joining);
    assert_eq!(kinds(&mut world, bob)[0], "reconnect");
    let paused = |command: &Command| match command {
        Command::SetForwarding { forwarding, .. } => *forwarding == Forwarding::Paused,
        _ => false,
    };
    assert!(world.commands.iter().any(paused));
    let replayed = |command: &Command| matches!(command, Command::SendData { .. });
    assert!(world.commands.iter().any(replayed));
}

#[test]
fn an_empty_room_remembers_nobody_who_has_left() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.send(alice, Request::Leave(proto::LeaveRequest::default()));
    let bob = world.join_one(client("bob"));
    world.close_signal(bob);
    let bob = world.resume(bob, client("bob"));
    assert!(world.seen(bob, "alice").is_none());
}

#[test]
fn a_departure_is_told_after_a_resume_without_what_the_app_set() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = client("bob").with(|joining| joining.claims.metadata = "m".repeat(100_000));
    let bob = world.join_one(bob);
    world.close_signal(alice);
    world.send(bob, Request::Leave(proto::LeaveRequest::default()));
    world.settle();
    let alice = world.resume(alice, client("alice"));
    let gone = world.seen(alice, "bob").unwrap();
    assert_eq!(gone.state(), State::Disconnected);
    assert!(gone.metadata.is_empty());
}
