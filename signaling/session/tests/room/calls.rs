//! The calls of the RoomService.

use std::time::Duration;

use sfu_model::DataChannel;
use signaling_protocol::proto;
use signaling_protocol::proto::data_packet::Value;
use signaling_protocol::proto::signal_response::Message as Response;
use signaling_session::{RoomError, RoomReply, RoomRequest, RpcOutcome};

use crate::support::{World, client, microphone};

fn list(world: &mut World) -> Vec<String> {
    match world.call(RoomRequest::ListParticipants) {
        Ok(RoomReply::Participants(participants)) => {
            participants.into_iter().map(|info| info.identity).collect()
        }
        other => panic!("no list: {other:?}"),
    }
}

#[test]
fn participants_are_listed_but_the_hidden_ones() {
    let mut world = World::new();
    world.join_one(client("alice"));
    world.join_one(client("ghost").with(|joining| joining.grant().hidden = true));
    assert_eq!(list(&mut world), ["alice"]);
    let get = |world: &mut World, identity: &str| {
        world.call(RoomRequest::GetParticipant {
            identity: identity.into(),
        })
    };
    assert!(matches!(
        get(&mut world, "alice"),
        Ok(RoomReply::Participant(_))
    ));
    assert_eq!(
        get(&mut world, "nobody"),
        Err(RoomError::ParticipantNotFound)
    );
}

#[test]
fn a_removed_participant_is_told_and_gone_at_once() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let remove = RoomRequest::RemoveParticipant {
        reason: None,
        identity: "alice".into(),
    };
    assert_eq!(world.call(remove.clone()), Ok(RoomReply::Done));
    let Some(Response::Leave(leave)) = world.member(alice).inbox.last() else {
        panic!("no leave");
    };
    assert_eq!(leave.reason(), proto::DisconnectReason::ParticipantRemoved);
    assert!(list(&mut world).is_empty());
    assert_eq!(world.call(remove), Err(RoomError::ParticipantNotFound));
}

#[test]
fn an_administrator_mutes_but_does_not_unmute() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let sid = world.publish(alice, microphone("mic"));
    let mute = |track: &str, muted: bool| RoomRequest::MutePublishedTrack {
        identity: "alice".into(),
        track: track.into(),
        muted,
    };
    let Ok(RoomReply::Track(track)) = world.call(mute(&sid, true)) else {
        panic!("not muted");
    };
    assert!(track.muted);
    let told = world.member(alice).inbox.iter().any(|message| {
        matches!(
            message,
            Response::Mute(mute) if mute.muted && mute.sid == sid
        )
    });
    assert!(told);
    assert_eq!(
        world.call(mute(&sid, false)),
        Err(RoomError::RemoteUnmuteDisabled)
    );
    assert_eq!(
        world.call(mute("TR_x", true)),
        Err(RoomError::TrackNotFound)
    );
}

#[test]
fn an_administrator_unmutes_where_the_node_allows_it() {
    let mut world = World::with(|_, facts| facts.enable_remote_unmute = true);
    let alice = world.join_one(client("alice"));
    let sid = world.publish(alice, microphone("mic"));
    let unmute = RoomRequest::MutePublishedTrack {
        identity: "alice".into(),
        track: sid.as_str().into(),
        muted: false,
    };
    assert!(matches!(world.call(unmute), Ok(RoomReply::Track(_))));
}

#[test]
fn a_participant_is_updated_within_limits() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let update = |metadata: String| {
        RoomRequest::UpdateParticipant(Box::new(proto::UpdateParticipantRequest {
            identity: "alice".to_owned(),
            metadata,
            ..proto::UpdateParticipantRequest::default()
        }))
    };
    let Ok(RoomReply::Participant(info)) = world.call(update("x".to_owned())) else {
        panic!("not updated");
    };
    assert_eq!(info.metadata, "x");
    world.settle();
    assert_eq!(world.member(alice).tokens.last().unwrap().metadata, "x");
    let large = "x".repeat(512 * 1024 + 1);
    assert_eq!(world.call(update(large)), Err(RoomError::MetadataTooLarge));
}

#[test]
fn the_room_changes_and_everybody_is_told() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let metadata = "agenda".to_owned();
    let Ok(RoomReply::Room(room)) = world.call(RoomRequest::UpdateRoomMetadata { metadata }) else {
        panic!("not updated");
    };
    assert_eq!(room.metadata, "agenda");
    let update = proto::CreateRoomRequest {
        max_participants: 2,
        ..proto::CreateRoomRequest::default()
    };
    let Ok(RoomReply::Room(room)) = world.call(RoomRequest::UpdateRoom(Box::new(update))) else {
        panic!("not updated");
    };
    assert_eq!(
        (room.metadata.as_str(), room.max_participants),
        ("agenda", 2)
    );
    let Some(Response::RoomUpdate(told)) = world.member(alice).inbox.last() else {
        panic!("not told");
    };
    assert_eq!(told.room.as_ref().unwrap().max_participants, 2);
}

#[test]
fn counts_are_told_within_five_seconds() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.join_one(client("bob"));
    world.take(alice);
    world.pass(Duration::from_secs(6));
    let told: Vec<_> = world
        .take(alice)
        .into_iter()
        .filter_map(|message| match message {
            Response::RoomUpdate(update) => Some(update.room.unwrap().num_participants),
            _ => None,
        })
        .collect();
    assert_eq!(told, [2]);
    world.pass(Duration::from_secs(20));
    assert!(
        !world
            .take(alice)
            .iter()
            .any(|message| matches!(message, Response::RoomUpdate(_)))
    );
}

#[test]
fn subscriptions_are_chosen_for_a_participant() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let sid = world.publish(alice, microphone("mic"));
    let bob = client("bob").with(|joining| joining.parameters.auto_subscribe = false);
    let bob = world.join_one(bob);
    let update = proto::UpdateSubscriptionsRequest {
        identity: "bob".to_owned(),
        subscribe: true,
        participant_tracks: vec![proto::ParticipantTracks {
            participant_sid: String::new(),
            track_sids: vec![sid.clone()],
        }],
        ..proto::UpdateSubscriptionsRequest::default()
    };
    let update = RoomRequest::UpdateSubscriptions(Box::new(update));
    assert_eq!(world.call(update), Ok(RoomReply::Done));
    world.negotiate(bob);
    assert_eq!(world.received_tracks(bob), [sid]);
}

#[test]
fn data_is_sent_once_per_nonce() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let send = |nonce: Vec<u8>| {
        RoomRequest::SendData(Box::new(proto::SendDataRequest {
            data: b"hi".to_vec(),
            topic: Some("chat".to_owned()),
            nonce,
            ..proto::SendDataRequest::default()
        }))
    };
    for nonce in [
        vec![1; 16],
        vec![1; 16],
        vec![2; 16],
        Vec::new(),
        Vec::new(),
    ] {
        assert_eq!(world.call(send(nonce)), Ok(RoomReply::Done));
    }
    let packets = world.packets(alice);
    assert_eq!(packets.len(), 4);
    let Some(Value::User(user)) = &packets[0].1.value else {
        panic!("another value");
    };
    assert_eq!(
        (
            user.topic.as_deref(),
            packets[0].1.participant_identity.as_str()
        ),
        (Some("chat"), "")
    );
    assert_eq!(world.call(send(vec![1; 5])), Err(RoomError::InvalidNonce));
}

#[test]
fn data_that_would_not_arrive_is_refused() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let send = |len: usize, receivers: usize| {
        RoomRequest::SendData(Box::new(proto::SendDataRequest {
            data: vec![0; len],
            destination_identities: (0..receivers)
                .map(|i| format!("participant-{i:04}"))
                .chain(["alice".to_owned()])
                .collect(),
            ..proto::SendDataRequest::default()
        }))
    };
    for (len, receivers) in [(65_536, 0), (100, 3_000)] {
        assert_eq!(world.call(send(len, receivers)), Ok(RoomReply::Done));
        assert_eq!(world.packets(alice).len(), 1, "{len} bytes to {receivers}");
    }
    for (len, receivers) in [(80_000, 0), (65_536, 3_000)] {
        let refused = Err(RoomError::DataTooLarge);
        assert_eq!(world.call(send(len, receivers)), refused);
    }
}

#[test]
fn data_for_a_room_that_does_not_take_it_is_refused_until_it_does() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let send = || {
        RoomRequest::SendData(Box::new(proto::SendDataRequest {
            data: vec![0; 60_000],
            ..proto::SendDataRequest::default()
        }))
    };
    // What is not taken out of the commands has not left.
    let sent = (0..100).take_while(|_| world.call(send()) == Ok(RoomReply::Done));
    assert_eq!(sent.count(), 18);
    assert_eq!(world.call(send()), Err(RoomError::TooMuchDataWaits));
    assert_eq!(world.packets(alice).len(), 18);
    assert_eq!(world.call(send()), Ok(RoomReply::Done));
}

fn call_alice(world: &mut World) -> signaling_session::RpcId {
    let request = proto::PerformRpcRequest {
        destination_identity: "alice".to_owned(),
        method: "greet".to_owned(),
        payload: "hi".to_owned(),
        ..proto::PerformRpcRequest::default()
    };
    match world.call(RoomRequest::PerformRpc(Box::new(request))) {
        Ok(RoomReply::RpcStarted { rpc, timeout }) => {
            assert_eq!(timeout, Duration::from_secs(15));
            rpc
        }
        other => panic!("not started: {other:?}"),
    }
}

fn code(outcome: &RpcOutcome) -> u32 {
    match outcome {
        RpcOutcome::Error(error) => error.code,
        RpcOutcome::Payload(_) => 0,
    }
}

#[test]
fn a_participant_answers_a_call() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    let rpc = call_alice(&mut world);
    let (_, packet) = world.packets(alice).remove(0);
    let Some(Value::RpcRequest(request)) = packet.value else {
        panic!("no request");
    };
    assert_eq!((request.method.as_str(), request.version), ("greet", 1));
    let packet = |value: Value| proto::DataPacket {
        value: Some(value),
        ..proto::DataPacket::default()
    };
    let ack = Value::RpcAck(proto::RpcAck {
        request_id: request.id.clone(),
    });
    world.send_packet(alice, DataChannel::Reliable, &packet(ack));
    world.pass(Duration::from_secs(5));
    let response = Value::RpcResponse(proto::RpcResponse {
        request_id: request.id,
        value: Some(proto::rpc_response::Value::Payload("hello".to_owned())),
    });
    world.send_packet(alice, DataChannel::Reliable, &packet(response));
    assert_eq!(world.rpcs, [(rpc, RpcOutcome::Payload("hello".to_owned()))]);
    assert!(world.packets(bob).is_empty());
}

#[test]
fn a_call_that_is_not_answered_ends_with_the_reason() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    call_alice(&mut world);
    world.pass(Duration::from_secs(8));
    assert_eq!(code(&world.rpcs.pop().unwrap().1), 1501);
    call_alice(&mut world);
    world.send(
        alice,
        proto::signal_request::Message::Leave(proto::LeaveRequest::default()),
    );
    assert_eq!(code(&world.rpcs.pop().unwrap().1), 1503);
}

#[test]
fn a_ping_is_answered() {
    use proto::signal_request::Message as Request;
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.take(alice);
    world.send(alice, Request::Ping(1));
    world.send(
        alice,
        Request::PingReq(proto::Ping {
            timestamp: 9,
            rtt: 0,
        }),
    );
    let inbox = world.take(alice);
    assert_eq!(inbox[0], Response::Pong(1_700_000_000_000));
    let Response::PongResp(pong) = &inbox[1] else {
        panic!("no pong");
    };
    assert_eq!(pong.last_ping_timestamp, 9);
}
