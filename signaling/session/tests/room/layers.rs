//! Which simulcast layer is which.

use sfu_model::{Command, Event, PictureSize, Rid, Ssrc, Token};
use signaling_protocol::proto;
use signaling_protocol::proto::signal_request::Message as Request;
use signaling_session::{RoomReply, RoomRequest};

use crate::publishing::publication;
use crate::support::{World, camera, client};

#[test]
fn layers_that_are_told_apart_by_rid_have_an_ssrc_once_they_send() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.publish(alice, camera("cam"));
    let publication = publication(&world);
    for (name, ssrc) in [("q", 1000), ("h", 1001), ("f", 1002)] {
        world.media(Event::EncodingStarted {
            publication,
            rid: Some(rid(name)),
            ssrc: Ssrc(ssrc),
        });
    }
    let reply = world.call(RoomRequest::GetParticipant {
        identity: "alice".into(),
    });
    let Ok(RoomReply::Participant(info)) = reply else {
        panic!("no participant: {reply:?}");
    };
    for layers in [&info.tracks[0].layers, &info.tracks[0].codecs[0].layers] {
        let ssrcs: Vec<_> = layers.iter().map(|layer| layer.ssrc).collect();
        assert_eq!(ssrcs, [1000, 1001, 1002]);
    }
}

/// Returns the rids in which the last publication is received, lowest layer first.
fn received_rids(world: &World) -> Vec<String> {
    let mut commands = world.commands.iter().rev();
    let media = commands.find_map(|command| match command {
        Command::Publish { media, .. } => Some(media),
        _ => None,
    });
    let rids = media.unwrap().encodings.iter();
    rids.map(|encoding| encoding.rid.unwrap().0.as_str().to_owned())
        .collect()
}

#[test]
fn the_layers_of_a_request_say_which_rid_is_which_layer() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let mut request = camera("cam");
    for (layer, rid) in request.layers.iter_mut().zip(["b", "c", "a"]) {
        layer.rid = rid.to_owned();
    }
    request.layers.reverse();
    world.send(alice, Request::AddTrack(request));
    world.member(alice).up.add_sending(false, "cam").rids = vec!["a", "b", "c"];
    world.offer(alice);
    assert_eq!(received_rids(&world), ["b", "c", "a"]);
    let layers = world.seen(alice, "alice").unwrap().tracks[0].layers.clone();
    let told: Vec<_> = layers
        .iter()
        .map(|it| (it.height, it.rid.as_str()))
        .collect();
    assert_eq!(told, [(180, "b"), (360, "c"), (720, "a")]);
}

#[test]
fn a_request_that_follows_its_media_says_so_too() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.member(alice).up.add_sending(false, "cam").rids = vec!["a", "b", "c"];
    world.offer(alice);
    let mut request = camera("cam");
    for (layer, rid) in request.layers.iter_mut().zip(["c", "b", "a"]) {
        layer.rid = rid.to_owned();
    }
    world.send(alice, Request::AddTrack(request));
    assert_eq!(received_rids(&world), ["c", "b", "a"]);
}

fn rid(name: &str) -> Rid {
    Rid(Token::new(name.as_bytes()).unwrap())
}

/// Tells how high the pictures of some encodings are, in the order in which they begin.
fn measure(world: &mut World, heights: &[(&str, u32)]) {
    for (name, height) in heights {
        let publication = publication(world);
        world.media(Event::PictureSized {
            publication,
            rid: rid(name),
            size: PictureSize {
                width: height * 16 / 9,
                height: *height,
            },
        });
    }
}

#[test]
fn where_nothing_says_which_rid_is_which_layer_their_pictures_do() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.member(alice).up.add_sending(false, "cam").rids = vec!["a", "b", "c"];
    world.send(alice, Request::AddTrack(camera("cam")));
    world.offer(alice);
    assert_eq!(received_rids(&world), ["a", "b", "c"]);
    measure(&mut world, &[("a", 720), ("c", 180)]);
    assert_eq!(received_rids(&world), ["c", "b", "a"], "so far");
    measure(&mut world, &[("b", 360)]);
    world.settle();
    let layers = world.seen(alice, "alice").unwrap().tracks[0].layers.clone();
    let told: Vec<_> = layers
        .iter()
        .map(|it| (it.height, it.rid.as_str()))
        .collect();
    assert_eq!(told, [(180, "c"), (360, "b"), (720, "a")]);
    let publishes = |world: &World| {
        let commands = world.commands.iter();
        commands
            .filter(|it| matches!(it, Command::Publish { .. }))
            .count()
    };
    let before = publishes(&world);
    measure(&mut world, &[("b", 360), ("a", 540)]);
    assert_eq!(publishes(&world), before, "the order is the same");
    world.member(alice).up.h264 = false;
    world.offer(alice);
    assert_eq!(publishes(&world), before + 1);
    assert_eq!(received_rids(&world), ["c", "b", "a"]);
}

#[test]
fn pictures_change_nothing_where_something_says_which_rid_is_which_layer() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.publish(alice, camera("cam"));
    measure(&mut world, &[("q", 720), ("h", 360), ("f", 180)]);
    assert_eq!(received_rids(&world), ["q", "h", "f"]);
}

#[test]
fn layers_of_one_quality_are_told_apart_by_their_sizes() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let mut request = camera("cam");
    for (layer, name) in request.layers.iter_mut().zip(["b", "c", "a"]) {
        layer.rid = name.to_owned();
        layer.quality = 0;
    }
    request.layers.reverse();
    request.simulcast_codecs[0].layers = request.layers.clone();
    world.member(alice).up.add_sending(false, "cam").rids = vec!["a", "b", "c"];
    world.send(alice, Request::AddTrack(request));
    world.offer(alice);
    assert_eq!(received_rids(&world), ["b", "c", "a"]);
    let layers = world.seen(alice, "alice").unwrap().tracks[0].layers.clone();
    let told: Vec<_> = layers.iter().map(|it| (it.quality, it.height)).collect();
    assert_eq!(told, [(0, 180), (1, 360), (2, 720)]);
}

#[test]
fn an_ssrc_that_was_heard_is_still_known_after_another_negotiation() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.publish(alice, camera("cam"));
    let publication = publication(&world);
    world.media(Event::EncodingStarted {
        publication,
        rid: Some(rid("f")),
        ssrc: Ssrc(7),
    });
    world.member(alice).up.sections[6].h264 = true;
    world.offer(alice);
    let layers = world.seen(alice, "alice").unwrap().tracks[0].layers.clone();
    assert_eq!(layers[2].ssrc, 0, "it is told with the next change");
    let sid = world.seen(alice, "alice").unwrap().tracks[0].sid.clone();
    world.send(
        alice,
        Request::Mute(proto::MuteTrackRequest { sid, muted: true }),
    );
    let layers = world.seen(alice, "alice").unwrap().tracks[0].layers.clone();
    assert_eq!(layers[2].ssrc, 7);
}
