//! Clients with a publisher and a subscriber transport.

use std::time::Duration;

use sfu_model::{Command, DataChannelOpener, DtlsRole, Event, LinkProtocol};
use signaling_protocol::proto;
use signaling_protocol::proto::signal_request::Message as Request;
use signaling_protocol::proto::signal_response::Message as Response;
use signaling_session::{ConnectionId, RoomNotice, RoomRequest};

use crate::support::{World, camera, client, microphone};

fn offers(world: &mut World, connection: ConnectionId) -> Vec<proto::SessionDescription> {
    let inbox = world.take(connection);
    let offer = |message| match message {
        Response::Offer(offer) => Some(offer),
        _ => None,
    };
    inbox.into_iter().filter_map(offer).collect()
}

#[test]
fn the_subscriber_transport_is_offered_at_once() {
    let mut world = World::new();
    let bob = world.join(client("bob").two_transports());
    let Some(Response::Join(join)) = world.member(bob).inbox.first().cloned() else {
        panic!("no join response");
    };
    assert!(join.subscriber_primary);
    assert_eq!(offers(&mut world, bob).len(), 1);
    let server_opens = world.commands.iter().any(|command| {
        matches!(
            command,
            Command::AddPeer {
                data_channels: DataChannelOpener::Server,
                ..
            }
        )
    });
    assert!(server_opens);
}

#[test]
fn a_client_that_answers_as_the_dtls_server_is_called_by_us() {
    let mut world = World::new();
    let bob = world.join(client("bob").two_transports());
    world.member(bob).down.setup = "passive";
    world.answer(bob);
    let mut commands = world.commands.iter().rev();
    let role = commands.find_map(|command| match command {
        Command::SetRemote { role, .. } => Some(*role),
        _ => None,
    });
    assert_eq!(role, Some(DtlsRole::Client));
}

#[test]
fn the_first_offer_carries_what_is_published_already() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let sid = world.publish(alice, microphone("mic"));
    let bob = world.join(client("bob").two_transports());
    assert_eq!(world.received_tracks(bob), [sid]);
}

#[test]
fn an_old_client_gets_tracks_once_it_is_active() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let sid = world.publish(alice, microphone("mic"));
    let bob = world.join(client("bob").two_transports().protocol(7));
    assert!(world.received_tracks(bob).is_empty());
    world.answer(bob);
    world.connect(bob);
    world.negotiate(bob);
    assert_eq!(world.received_tracks(bob), [sid]);
}

#[test]
fn both_ways_of_connecting_meet_in_a_room() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_two(client("bob"));
    let of_alice = world.publish(alice, camera("cam"));
    let of_bob = world.publish(bob, microphone("mic"));
    world.negotiate(alice);
    world.negotiate(bob);
    assert_eq!(world.received_tracks(alice), [of_bob]);
    let inbox = world.member(bob).inbox.clone();
    let offer = inbox.iter().rev().find_map(|message| match message {
        Response::Offer(offer) => Some(offer),
        _ => None,
    });
    let offer = offer.unwrap();
    assert_eq!(offer.mid_to_track_id.get("1"), Some(&of_alice));
    assert_eq!(crate::support::sdp::sent_tracks(&offer.sdp), [of_alice]);
}

#[test]
fn the_session_stands_on_the_subscriber_transport() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join(client("bob").two_transports());
    world.answer(bob);
    world.publish(bob, microphone("mic"));
    let peers = world.peers(bob);
    assert_eq!(peers.len(), 2);
    let protocol = LinkProtocol::Udp;
    let active = |world: &mut World| {
        world.settle();
        world.seen(alice, "bob").unwrap().state() == proto::participant_info::State::Active
    };
    world.media(Event::PeerConnected {
        peer: peers[1],
        protocol,
    });
    assert!(!active(&mut world));
    world.media(Event::PeerConnected {
        peer: peers[0],
        protocol,
    });
    assert!(active(&mut world));
}

#[test]
fn one_who_may_not_subscribe_stands_on_the_publisher_transport() {
    let mut world = World::new();
    let joining = client("bob").with(|joining| joining.grant().can_subscribe = Some(false));
    let bob = world.join(joining.two_transports());
    let Some(Response::Join(join)) = world.member(bob).inbox.first().cloned() else {
        panic!("no join response");
    };
    assert!(!join.subscriber_primary);
    world.publish(bob, microphone("mic"));
    world.connect(bob);
    let joined = world
        .notices
        .iter()
        .filter(|notice| matches!(notice, RoomNotice::ParticipantJoined { .. }));
    assert_eq!(joined.count(), 1);
}

#[test]
fn one_who_may_only_publish_is_never_offered_anything() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.publish(alice, camera("cam"));
    let joining = client("bob").with(|joining| joining.grant().can_subscribe = Some(false));
    let bob = world.join(joining.two_transports());
    world.publish(bob, microphone("mic"));
    world.connect(bob);
    world.pass(Duration::from_secs(20));
    assert!(offers(&mut world, bob).is_empty());
    assert!(!world.member(bob).closed);
}

#[test]
fn one_who_may_subscribe_later_is_offered_then() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let sid = world.publish(alice, camera("cam"));
    let joining = client("bob").with(|joining| joining.grant().can_subscribe = Some(false));
    let bob = world.join(joining.two_transports());
    world.publish(bob, microphone("mic"));
    world.connect(bob);
    let update = proto::UpdateParticipantRequest {
        identity: "bob".to_owned(),
        permission: Some(proto::ParticipantPermission {
            can_subscribe: true,
            can_publish: true,
            ..proto::ParticipantPermission::default()
        }),
        ..proto::UpdateParticipantRequest::default()
    };
    world
        .call(RoomRequest::UpdateParticipant(Box::new(update)))
        .unwrap();
    world.negotiate(bob);
    assert_eq!(world.received_tracks(bob), [sid]);
}

#[test]
fn changes_while_an_offer_is_outstanding_go_into_the_next() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join(client("bob").two_transports());
    world.publish(alice, microphone("one"));
    world.publish(alice, microphone("two"));
    world.settle();
    assert_eq!(offers_kept(&mut world, bob), 1);
    world.answer(bob);
    world.settle();
    assert_eq!(offers_kept(&mut world, bob), 2);
    assert_eq!(world.received_tracks(bob).len(), 2);
}

fn offers_kept(world: &mut World, connection: ConnectionId) -> usize {
    let inbox = &world.member(connection).inbox;
    inbox
        .iter()
        .filter(|message| matches!(message, Response::Offer(_)))
        .count()
}

#[test]
fn changes_in_quick_succession_share_an_offer() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_two(client("bob"));
    world.pass(Duration::from_secs(1));
    world.take(bob);
    for index in 0..5 {
        world.publish(alice, microphone(&format!("mic{index}")));
        world.pass(Duration::from_millis(1));
    }
    world.settle();
    assert_eq!(offers(&mut world, bob).len(), 1);
}

#[test]
fn a_client_that_does_not_answer_is_asked_to_begin_again() {
    let mut world = World::new();
    let bob = world.join(client("bob").two_transports());
    world.pass(Duration::from_secs(14));
    assert!(!world.member(bob).closed);
    world.pass(Duration::from_secs(2));
    let Some(Response::Leave(leave)) = world.member(bob).inbox.last() else {
        panic!("no leave");
    };
    assert_eq!(leave.action(), proto::leave_request::Action::Reconnect);
    assert_eq!(leave.reason(), proto::DisconnectReason::StateMismatch);
}

#[test]
fn a_stale_answer_is_ignored() {
    let mut world = World::new();
    let bob = world.join(client("bob").two_transports());
    let offer = offers(&mut world, bob).remove(0);
    let sdp = world.member(bob).down.answer(&offer.sdp);
    let answer = |id: u32| {
        Request::Answer(proto::SessionDescription {
            r#type: "answer".to_owned(),
            sdp: sdp.clone(),
            id,
            ..proto::SessionDescription::default()
        })
    };
    world.send(bob, answer(offer.id + 1));
    assert!(world.peers(bob).is_empty());
    world.send(bob, answer(0));
    assert_eq!(world.peers(bob).len(), 1);
}

#[test]
fn an_ended_subscription_is_negotiated_away_and_its_section_used_again() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_two(client("bob"));
    world.publish(alice, microphone("one"));
    world.negotiate(bob);
    world.member(alice).up.sections[6].direction = "inactive";
    world.offer(alice);
    world.negotiate(bob);
    assert!(world.received_tracks(bob).is_empty());
    world.take(bob);
    let second = world.publish(alice, microphone("two"));
    world.settle();
    let offer = offers(&mut world, bob).remove(0);
    let audio = offer.sdp.matches("m=audio").count();
    assert_eq!(
        (audio, crate::support::sdp::sent_tracks(&offer.sdp)),
        (1, vec![second])
    );
}

#[test]
fn what_a_participant_publishes_together_is_one_stream_where_the_room_says_so() {
    let streams = |sync: bool, protocol: i32| {
        let mut world = World::with(|options, _| options.sync_streams = sync);
        let alice = world.join_one(client("alice"));
        world.publish(alice, microphone("mic"));
        world.publish(alice, camera("cam"));
        let mut presentation = camera("screen");
        presentation.source = proto::TrackSource::ScreenShare.into();
        world.publish(alice, presentation);
        let bob = world.join(client("bob").two_transports().protocol(protocol));
        world.answer(bob);
        world.connect(bob);
        world.negotiate(bob);
        let mut commands = world.commands.iter();
        let mut streams: Vec<String> = commands
            .by_ref()
            .filter_map(|command| match command {
                Command::Subscribe { media, .. } => Some(media.cname.clone()),
                _ => None,
            })
            .map(|cname| cname.split('|').nth(1).unwrap().to_owned())
            .collect();
        streams.sort();
        streams.dedup();
        streams
    };
    assert_eq!(streams(true, 16), ["camera", "screenshare"]);
    for alone in [streams(false, 16), streams(true, 9)] {
        assert_eq!(alone.len(), 3);
        assert!(alone.iter().all(|stream| stream.starts_with("TR_")));
    }
}

/// Returns the names of what is told of somebody and its tracks, in order.
fn told(world: &World, identity: &str) -> Vec<&'static str> {
    let of = |participant: &proto::ParticipantInfo| participant.identity == identity;
    let told = world.notices.iter().filter_map(|notice| match notice {
        RoomNotice::ParticipantJoined { participant, .. } => {
            of(participant).then_some("participant_joined")
        }
        RoomNotice::ParticipantLeft { participant, .. } => {
            of(participant).then_some("participant_left")
        }
        RoomNotice::ParticipantAborted { participant, .. } => {
            of(participant).then_some("participant_connection_aborted")
        }
        RoomNotice::TrackPublished { participant, .. } => {
            of(participant).then_some("track_published")
        }
        RoomNotice::TrackUnpublished { participant, .. } => {
            of(participant).then_some("track_unpublished")
        }
        RoomNotice::RoomStarted { .. }
        | RoomNotice::RoomFinished { .. }
        | RoomNotice::Accounts { .. }
        | RoomNotice::RoomLost { .. } => None,
    });
    told.collect()
}

#[test]
fn whoever_keeps_records_hears_of_a_participant_before_its_tracks() {
    let mut world = World::new();
    let bob = world.join(client("bob").two_transports());
    world.publish(bob, microphone("mic"));
    world.publish(bob, camera("cam"));
    assert!(told(&world, "bob").is_empty());
    world.answer(bob);
    world.connect(bob);
    world.send(bob, Request::Leave(proto::LeaveRequest::default()));
    world.settle();
    let expected = [
        "participant_joined",
        "track_published",
        "track_published",
        "track_unpublished",
        "track_unpublished",
        "participant_left",
    ];
    assert_eq!(told(&world, "bob"), expected);
}

#[test]
fn of_one_who_never_connects_no_track_is_told() {
    let mut world = World::new();
    let bob = world.join(client("bob").two_transports());
    world.publish(bob, microphone("mic"));
    world.send(bob, Request::Leave(proto::LeaveRequest::default()));
    world.settle();
    assert_eq!(told(&world, "bob"), ["participant_connection_aborted"]);
}
