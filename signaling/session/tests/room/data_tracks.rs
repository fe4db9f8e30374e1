//! Data tracks.

use sfu_model::{Command, DataChannel, Event};
use signaling_protocol::proto;
use signaling_protocol::proto::request_response::Reason;
use signaling_protocol::proto::signal_request::Message as Request;
use signaling_protocol::proto::signal_response::Message as Response;
use signaling_session::ConnectionId;

use crate::support::{Joining, World, client};

fn subscriber(identity: &str) -> Joining {
    client(identity).with(|joining| joining.parameters.auto_subscribe_data_track = Some(true))
}

fn publish(world: &mut World, connection: ConnectionId, handle: u32, name: &str) {
    let request = proto::PublishDataTrackRequest {
        pub_handle: handle,
        name: name.to_owned(),
        ..proto::PublishDataTrackRequest::default()
    };
    world.send(connection, Request::PublishDataTrackRequest(request));
}

fn published(world: &mut World, connection: ConnectionId) -> proto::DataTrackInfo {
    let inbox = &world.member(connection).inbox;
    let response = inbox.iter().rev().find_map(|message| match message {
        Response::PublishDataTrackResponse(response) => response.info.clone(),
        _ => None,
    });
    response.expect("a response")
}

fn reason(world: &mut World, connection: ConnectionId) -> Reason {
    match world.member(connection).inbox.last() {
        Some(Response::RequestResponse(response)) => response.reason(),
        other => panic!("no response: {other:?}"),
    }
}

/// Returns which track each handle stands for, as last told when everything that waits is told.
fn handles(world: &mut World, connection: ConnectionId) -> Vec<(u32, String)> {
    world.settle();
    let inbox = &world.member(connection).inbox;
    let last = inbox.iter().rev().find_map(|message| match message {
        Response::DataTrackSubscriberHandles(handles) => Some(handles.sub_handles.clone()),
        _ => None,
    });
    let mut handles: Vec<_> = last
        .unwrap_or_default()
        .into_iter()
        .map(|(handle, track)| (handle, track.track_sid))
        .collect();
    handles.sort();
    handles
}

fn packet(handle: u16) -> Vec<u8> {
    let mut packet = vec![0x18, 0];
    packet.extend(handle.to_be_bytes());
    packet.extend([0, 1, 0, 1, 0, 0, 0, 9]);
    packet.extend(b"frame");
    packet
}

#[test]
fn a_data_track_is_announced_and_its_packets_reach_subscribers() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(subscriber("bob"));
    let carol = world.join_one(client("carol"));
    publish(&mut world, alice, 77, "imu");
    let info = published(&mut world, alice);
    assert!(info.sid.starts_with("DTR_"));
    let seen = world.seen(carol, "alice").unwrap().data_tracks;
    assert_eq!(seen.first(), Some(&info));
    let told = handles(&mut world, bob);
    assert_eq!(told[0].1, info.sid);
    assert!(handles(&mut world, carol).is_empty());
    let peer = world.peers(alice)[0];
    let payload = packet(77);
    world.media(Event::DataReceived {
        peer,
        channel: DataChannel::DataTrack,
        message: payload.into(),
    });
    let Some(Command::SendData {
        peers,
        channel,
        message,
    }) = world.commands.last()
    else {
        panic!("nothing is sent");
    };
    assert_eq!((**peers).to_vec(), world.peers(bob));
    assert_eq!(*channel, DataChannel::DataTrack);
    let handle = u16::try_from(told[0].0).unwrap();
    assert_eq!(**message, packet(handle));
}

#[test]
fn a_late_joiner_gets_the_tracks_and_loses_them_with_their_publisher() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    publish(&mut world, alice, 1, "one");
    publish(&mut world, alice, 2, "two");
    let bob = world.join_one(subscriber("bob"));
    assert_eq!(handles(&mut world, bob).len(), 2);
    world.send(alice, Request::Leave(proto::LeaveRequest::default()));
    assert!(handles(&mut world, bob).is_empty());
}

#[test]
fn a_data_track_can_be_chosen_and_left() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    publish(&mut world, alice, 1, "one");
    let track_sid = published(&mut world, alice).sid;
    let choose = |subscribe: bool| {
        let update = proto::update_data_subscription::Update {
            track_sid: track_sid.clone(),
            subscribe,
            options: None,
        };
        Request::UpdateDataSubscription(proto::UpdateDataSubscription {
            updates: vec![update],
        })
    };
    world.send(bob, choose(true));
    assert_eq!(handles(&mut world, bob).len(), 1);
    world.send(bob, choose(false));
    assert!(handles(&mut world, bob).is_empty());
}

#[test]
fn an_unpublished_data_track_ends() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(subscriber("bob"));
    publish(&mut world, alice, 1, "one");
    let pub_handle = 1;
    let unpublish =
        Request::UnpublishDataTrackRequest(proto::UnpublishDataTrackRequest { pub_handle });
    world.send(alice, unpublish.clone());
    assert!(handles(&mut world, bob).is_empty());
    assert!(world.seen(bob, "alice").unwrap().data_tracks.is_empty());
    world.send(alice, unpublish);
    assert_eq!(reason(&mut world, alice), Reason::NotFound);
}

#[test]
fn what_is_wrong_with_a_data_track_is_told() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let refused = |world: &mut World, handle: u32, name: &str| {
        publish(world, alice, handle, name);
        reason(world, alice)
    };
    assert_eq!(refused(&mut world, 0, "a"), Reason::InvalidHandle);
    assert_eq!(refused(&mut world, 65_536, "a"), Reason::InvalidHandle);
    assert_eq!(refused(&mut world, 1, ""), Reason::InvalidName);
    publish(&mut world, alice, 1, "a");
    assert_eq!(refused(&mut world, 1, "b"), Reason::DuplicateHandle);
    assert_eq!(refused(&mut world, 2, "a"), Reason::DuplicateName);
    let bob = client("bob").with(|joining| joining.grant().can_publish_data = Some(false));
    let bob = world.join_one(bob);
    publish(&mut world, bob, 1, "a");
    assert_eq!(reason(&mut world, bob), Reason::NotAllowed);
}

#[test]
fn junk_on_the_channel_of_data_tracks_goes_nowhere() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.join_one(subscriber("bob"));
    publish(&mut world, alice, 1, "one");
    let peer = world.peers(alice)[0];
    for payload in [vec![], vec![0; 3], packet(2)] {
        let channel = DataChannel::DataTrack;
        world.media(Event::DataReceived {
            peer,
            channel,
            message: payload.into(),
        });
    }
    assert!(
        !world
            .commands
            .iter()
            .any(|command| matches!(command, Command::SendData { .. }))
    );
}
