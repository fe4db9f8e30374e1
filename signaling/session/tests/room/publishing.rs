//! Publishing tracks.

use std::time::Duration;

use sfu_model::{Codec, Command, Event};
use signaling_protocol::proto::request_response::Reason;
use signaling_protocol::proto::signal_request::Message as Request;
use signaling_protocol::proto::signal_response::Message as Response;
use signaling_protocol::{Client, proto};
use signaling_session::{ConnectionId, RoomNotice};

use crate::support::{World, camera, client, microphone};

fn reasons(world: &mut World, connection: ConnectionId) -> Vec<Reason> {
    let inbox = world.take(connection);
    let reason = |message| match message {
        Response::RequestResponse(response) => Some(response.reason()),
        _ => None,
    };
    inbox.into_iter().filter_map(reason).collect()
}

fn unpublished(world: &mut World, connection: ConnectionId) -> Vec<String> {
    let inbox = &world.member(connection).inbox;
    let sid = |message: &Response| match message {
        Response::TrackUnpublished(unpublished) => Some(unpublished.track_sid.clone()),
        _ => None,
    };
    inbox.iter().filter_map(sid).collect()
}

/// A request to publish a screen in one layer.
fn screen(cid: &str) -> proto::AddTrackRequest {
    let mut request = camera(cid);
    request.source = proto::TrackSource::ScreenShare.into();
    request.layers.drain(..2);
    request
}

#[test]
fn a_request_is_answered_before_its_media_and_others_hear_after() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    world.send(alice, Request::AddTrack(microphone("mic")));
    let info = world.published(alice, "mic");
    assert!(info.sid.starts_with("TR_AM") && info.stream == "camera");
    world.settle();
    assert!(world.seen(bob, "alice").unwrap().tracks.is_empty());
    world.member(alice).up.add_sending(true, "mic");
    world.offer(alice);
    let seen = world.seen(bob, "alice").unwrap();
    assert_eq!(seen.tracks[0].sid, info.sid);
    assert!(seen.is_publisher);
}

#[test]
fn a_published_track_says_where_its_layers_are() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    world.publish(alice, camera("cam"));
    let track = world.seen(bob, "alice").unwrap().tracks[0].clone();
    assert!(track.sid.starts_with("TR_VC") && track.simulcast);
    assert_eq!(track.mime_type, "video/VP8");
    assert_eq!(track.mid, "6");
    let rids: Vec<_> = track
        .layers
        .iter()
        .map(|layer| layer.rid.as_str())
        .collect();
    assert_eq!(rids, ["q", "h", "f"]);
    assert_eq!(track.codecs[0].mime_type, "video/VP8");
    assert!(track.version.is_some());
}

#[test]
fn the_shard_receives_what_was_answered() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.publish(alice, camera("cam"));
    let published = world.commands.iter().find_map(|command| match command {
        Command::Publish { media, .. } => Some(media.clone()),
        _ => None,
    });
    let media = published.unwrap();
    assert_eq!(media.encodings.len(), 3);
    assert_eq!(media.codecs[0].codec, Codec::Vp8);
}

#[test]
fn an_answer_has_the_number_of_its_offer() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let answer = world
        .member(alice)
        .inbox
        .iter()
        .rev()
        .find_map(|message| match message {
            Response::Answer(answer) => Some(answer.clone()),
            _ => None,
        });
    let answer = answer.unwrap();
    assert_eq!((answer.id, answer.r#type.as_str()), (7, "answer"));
}

#[test]
fn a_section_is_matched_by_name_before_by_kind() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    for cid in ["first", "second"] {
        world.send(alice, Request::AddTrack(microphone(cid)));
    }
    let up = &mut world.member(alice).up;
    up.add_sending(true, "renamed by the browser");
    up.add_sending(true, "first");
    world.offer(alice);
    let mids = |world: &mut World, cid: &str| {
        let sid = world.published(alice, cid).sid;
        let tracks = world.seen(alice, "alice").unwrap().tracks;
        tracks
            .into_iter()
            .find(|track| track.sid == sid)
            .unwrap()
            .mid
    };
    assert_eq!(mids(&mut world, "first"), "7");
    assert_eq!(mids(&mut world, "second"), "6");
}

#[test]
fn a_request_that_comes_after_its_media_is_matched_too() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    world.member(alice).up.add_sending(true, "mic");
    world.offer(alice);
    world.send(alice, Request::AddTrack(microphone("mic")));
    assert_eq!(world.seen(bob, "alice").unwrap().tracks.len(), 1);
}

#[test]
fn tracks_in_the_join_request_are_published_with_it() {
    let mut world = World::new();
    let bob = world.join_one(client("bob"));
    let joining = client("alice").with(|joining| {
        let mut transport = crate::support::sdp::Transport::new("alice0002");
        transport.add_sending(true, "mic");
        joining.parameters.add_tracks = vec![microphone("mic")];
        joining.parameters.publisher_offer = Some(proto::SessionDescription {
            r#type: "offer".to_owned(),
            sdp: transport.offer(),
            id: 1,
            ..proto::SessionDescription::default()
        });
    });
    let alice = world.join(joining);
    let kinds: Vec<_> = world
        .member(alice)
        .inbox
        .iter()
        .map(|message| match message {
            Response::Join(_) => "join",
            Response::TrackPublished(_) => "published",
            Response::Answer(_) => "answer",
            Response::Update(_) => "update",
            _ => "other",
        })
        .filter(|kind| *kind != "update")
        .collect();
    assert_eq!(kinds, ["join", "published", "answer"]);
    assert_eq!(world.seen(bob, "alice").unwrap().tracks.len(), 1);
}

/// A world that somebody joins by the Go SDK, with an offer in its join request.
fn joined_by_go() -> (World, ConnectionId) {
    let mut world = World::new();
    let alice = world.join(client("alice").with(|joining| {
        joining.parameters.client = Client::from(proto::ClientInfo {
            sdk: proto::client_info::Sdk::Go.into(),
            protocol: 17,
            ..proto::ClientInfo::default()
        });
        let offer = crate::support::sdp::Transport::new("alice0002").offer();
        joining.parameters.publisher_offer = Some(proto::SessionDescription {
            r#type: "offer".to_owned(),
            sdp: offer,
            id: 1,
            ..proto::SessionDescription::default()
        });
    }));
    (world, alice)
}

fn answers(world: &mut World, connection: ConnectionId) -> usize {
    let inbox = world.take(connection).into_iter();
    let is_answer = |message: &Response| matches!(message, Response::Answer(_));
    inbox.filter(is_answer).count()
}

#[test]
fn the_go_sdk_is_answered_once_it_tells_of_a_candidate() {
    let (mut world, alice) = joined_by_go();
    world.pass(Duration::from_millis(500));
    assert_eq!(
        answers(&mut world, alice),
        0,
        "it has not set its offer yet"
    );
    let candidate = proto::TrickleRequest {
        candidate_init: r#"{"candidate":"candidate:1 1 udp 1 192.0.2.1 5000 typ host"}"#.to_owned(),
        ..proto::TrickleRequest::default()
    };
    world.send(alice, Request::Trickle(candidate));
    assert_eq!(answers(&mut world, alice), 1);
    world.pass(Duration::from_secs(2));
    assert_eq!(answers(&mut world, alice), 0, "once");
}

#[test]
fn the_go_sdk_is_answered_although_it_tells_of_no_candidate() {
    let (mut world, alice) = joined_by_go();
    world.pass(Duration::from_millis(999));
    assert_eq!(answers(&mut world, alice), 0);
    world.pass(Duration::from_millis(1));
    assert_eq!(answers(&mut world, alice), 1);
}

#[test]
fn a_section_that_falls_silent_is_unpublished() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    world.publish(alice, microphone("mic"));
    world.negotiate(bob);
    assert_eq!(world.received_tracks(bob).len(), 1);
    world.member(alice).up.sections[6].direction = "inactive";
    world.offer(alice);
    assert!(world.seen(bob, "alice").unwrap().tracks.is_empty());
    world.negotiate(bob);
    assert!(world.received_tracks(bob).is_empty());
    assert!(
        world
            .commands
            .iter()
            .any(|command| matches!(command, Command::Unpublish { .. }))
    );
    assert!(
        world
            .notices
            .iter()
            .any(|notice| matches!(notice, RoomNotice::TrackUnpublished { .. }))
    );
}

#[test]
fn a_section_can_carry_another_track_later() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    let first = world.publish(alice, microphone("one"));
    world.send(alice, Request::AddTrack(microphone("two")));
    world.member(alice).up.sections[6].track = Some("two".to_owned());
    world.offer(alice);
    let second = world.published(alice, "two").sid;
    let tracks = world.seen(bob, "alice").unwrap().tracks;
    assert_eq!(tracks.len(), 1);
    assert_eq!(tracks[0].sid, second);
    assert_ne!(first, second);
}

#[test]
fn the_same_client_track_waits_until_the_one_before_has_ended() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.publish(alice, microphone("mic"));
    world.take(alice);
    world.send(alice, Request::AddTrack(microphone("mic")));
    assert_eq!(reasons(&mut world, alice), [Reason::Queued]);
    world.member(alice).up.sections[6].direction = "inactive";
    world.offer(alice);
    assert!(world.published(alice, "mic").sid.starts_with("TR_AM"));
}

#[test]
fn requests_without_media_are_limited() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.take(alice);
    for index in 0..21 {
        world.send(alice, Request::AddTrack(microphone(&format!("mic{index}"))));
    }
    assert_eq!(reasons(&mut world, alice), [Reason::LimitExceeded]);
    for _ in 0..3 {
        world.send(alice, Request::AddTrack(microphone("mic0")));
    }
    let queued = [Reason::Queued, Reason::Queued, Reason::LimitExceeded];
    assert_eq!(reasons(&mut world, alice), queued);
}

#[test]
fn a_request_without_media_is_given_up_after_half_a_minute_and_makes_room() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.take(alice);
    for index in 0..20 {
        world.send(alice, Request::AddTrack(microphone(&format!("mic{index}"))));
    }
    let given_up = world.published(alice, "mic0").sid;
    world.pass(Duration::from_secs(29));
    assert!(unpublished(&mut world, alice).is_empty());
    world.pass(Duration::from_secs(1));
    let told = unpublished(&mut world, alice);
    assert_eq!((told.len(), told.first()), (20, Some(&given_up)));
    world.send(alice, Request::AddTrack(microphone("one more")));
    assert!(reasons(&mut world, alice).is_empty());
}

#[test]
fn media_of_a_request_that_was_given_up_does_not_take_anothers_name() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.send(alice, Request::AddTrack(microphone("given-up")));
    world.pass(Duration::from_secs(30));
    world.send(alice, Request::AddTrack(microphone("mic")));
    world.member(alice).up.add_sending(true, "given-up");
    world.offer(alice);
    let tracks = |world: &mut World| world.seen(alice, "alice").map_or(0, |it| it.tracks.len());
    assert_eq!(tracks(&mut world), 0);
    world.send(alice, Request::AddTrack(microphone("given-up")));
    assert_eq!(tracks(&mut world), 1, "asking again makes it known again");
}

#[test]
fn beyond_its_bound_the_oldest_given_up_request_is_forgotten() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    for round in 0..2 {
        for index in 0..20 {
            let cid = format!("given-up-{round}-{index}");
            world.send(alice, Request::AddTrack(microphone(&cid)));
        }
        world.pass(Duration::from_secs(30));
    }
    world.send(alice, Request::AddTrack(microphone("mic")));
    world.member(alice).up.add_sending(true, "given-up-1-19");
    world.offer(alice);
    let tracks = |world: &mut World| world.seen(alice, "alice").map_or(0, |it| it.tracks.len());
    assert_eq!(tracks(&mut world), 0);
    world.member(alice).up.add_sending(true, "given-up-0-0");
    world.offer(alice);
    assert_eq!(tracks(&mut world), 1);
}

#[test]
fn a_stale_request_for_a_camera_does_not_describe_a_screen_share() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.send(alice, Request::AddTrack(camera("camera")));
    world.send(alice, Request::AddTrack(screen("screen")));
    let screen = world.published(alice, "screen").sid;
    world.member(alice).up.add_sending(false, "another-name");
    world.offer(alice);
    assert_eq!(world.seen(alice, "alice").unwrap().tracks[0].sid, screen);
}

#[test]
fn of_requests_that_fit_alike_one_that_was_made_lately_comes_first() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.send(alice, Request::AddTrack(microphone("stale")));
    world.pass(Duration::from_secs(10));
    world.send(alice, Request::AddTrack(microphone("mic")));
    let sid = world.published(alice, "mic").sid;
    world.member(alice).up.add_sending(true, "another-name");
    world.offer(alice);
    assert_eq!(world.seen(alice, "alice").unwrap().tracks[0].sid, sid);
}

#[test]
fn a_section_that_waits_for_its_own_client_id_takes_no_other_request() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let first = world.publish(alice, microphone("mic"));
    world.send(alice, Request::AddTrack(microphone("mic")));
    world.send(alice, Request::AddTrack(microphone("other")));
    world.member(alice).up.add_sending(true, "mic");
    world.offer(alice);
    let tracks = world.seen(alice, "alice").unwrap().tracks;
    let sids: Vec<_> = tracks.iter().map(|track| track.sid.as_str()).collect();
    assert_eq!(sids, [first]);
}

#[test]
fn a_source_that_the_token_does_not_allow_is_refused() {
    let mut world = World::new();
    let joining = client("alice").with(|joining| {
        let sources = [auth::TrackSource::Microphone];
        joining.grant().can_publish_sources = sources.into_iter().collect();
    });
    let alice = world.join_one(joining);
    world.take(alice);
    world.send(alice, Request::AddTrack(camera("cam")));
    world.send(alice, Request::AddTrack(microphone("mic")));
    assert_eq!(reasons(&mut world, alice), [Reason::NotAllowed]);
}

#[test]
fn a_track_that_is_neither_audio_nor_video_is_refused() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.take(alice);
    let data = proto::AddTrackRequest {
        r#type: proto::TrackType::Data.into(),
        ..microphone("data")
    };
    world.send(alice, Request::AddTrack(data));
    assert_eq!(reasons(&mut world, alice), [Reason::UnsupportedType]);
}

#[test]
fn a_codec_that_the_room_does_not_enable_is_replaced() {
    let mut world = World::with(|options, _| {
        options.codecs.retain(|enabled| enabled.codec != Codec::Av1);
    });
    let alice = world.join_one(client("alice"));
    let mut request = camera("cam");
    request.simulcast_codecs[0].codec = "av1".to_owned();
    world.send(alice, Request::AddTrack(request));
    let info = world.published(alice, "cam");
    assert_eq!(info.codecs[0].mime_type, "video/VP8");
}

#[test]
fn an_svc_codec_carries_all_layers_in_one_stream() {
    use proto::video_layer::Mode;
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let mut request = camera("cam");
    request.simulcast_codecs[0].codec = "vp9".to_owned();
    world.send(alice, Request::AddTrack(request));
    let info = world.published(alice, "cam");
    assert_eq!(info.codecs[0].mime_type, "video/VP9");
    let mode = info.codecs[0].video_layer_mode();
    assert_eq!(mode, Mode::MultipleSpatialLayersPerStream);
    assert!(!info.simulcast);
}

#[test]
fn everybody_hears_of_a_mute_the_publisher_too() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    let sid = world.publish(alice, microphone("mic"));
    world.take(alice);
    let mute = |muted: bool| {
        let sid = sid.clone();
        Request::Mute(proto::MuteTrackRequest { sid, muted })
    };
    world.send(alice, mute(true));
    assert!(world.seen(bob, "alice").unwrap().tracks[0].muted);
    assert!(world.seen(alice, "alice").unwrap().tracks[0].muted);
    world.take(bob);
    world.send(alice, mute(true));
    assert!(world.take(bob).is_empty());
}

#[test]
fn a_requested_track_can_be_muted_before_its_media() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    world.send(alice, Request::AddTrack(microphone("mic")));
    let sid = world.published(alice, "mic").sid;
    let muted = true;
    world.send(alice, Request::Mute(proto::MuteTrackRequest { sid, muted }));
    world.member(alice).up.add_sending(true, "mic");
    world.offer(alice);
    assert!(world.seen(bob, "alice").unwrap().tracks[0].muted);
}

#[test]
fn muting_an_unknown_track_is_refused() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    world.take(alice);
    let sid = "TR_nobody".to_owned();
    let muted = true;
    world.send(alice, Request::Mute(proto::MuteTrackRequest { sid, muted }));
    assert_eq!(reasons(&mut world, alice), [Reason::NotFound]);
}

#[test]
fn features_and_size_of_a_track_can_change() {
    use proto::AudioTrackFeature;
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    let mic = world.publish(alice, microphone("mic"));
    let cam = world.publish(alice, camera("cam"));
    let features = vec![AudioTrackFeature::TfStereo.into()];
    let track_sid = mic;
    world.send(
        alice,
        Request::UpdateAudioTrack(proto::UpdateLocalAudioTrack {
            track_sid,
            features,
        }),
    );
    let (track_sid, width, height) = (cam, 640, 360);
    world.send(
        alice,
        Request::UpdateVideoTrack(proto::UpdateLocalVideoTrack {
            track_sid,
            width,
            height,
        }),
    );
    let tracks = world.seen(bob, "alice").unwrap().tracks;
    assert!(tracks[0].stereo);
    assert_eq!((tracks[1].width, tracks[1].height), (640, 360));
}

#[test]
fn an_offer_that_cannot_be_read_leads_to_a_fresh_session() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let description = proto::SessionDescription {
        r#type: "offer".to_owned(),
        sdp: "v=0\r\nnonsense".to_owned(),
        ..proto::SessionDescription::default()
    };
    world.send(alice, Request::Offer(description));
    let Some(Response::Leave(leave)) = world.member(alice).inbox.last() else {
        panic!("no leave");
    };
    assert_eq!(leave.action(), proto::leave_request::Action::Reconnect);
    assert_eq!(leave.reason(), proto::DisconnectReason::StateMismatch);
    world.pass(Duration::from_secs(1));
}

/// Returns the publication of the last track.
pub(crate) fn publication(world: &World) -> sfu_model::PublicationId {
    let mut commands = world.commands.iter().rev();
    let publication = commands.find_map(|command| match command {
        Command::Publish { publication, .. } => Some(*publication),
        _ => None,
    });
    publication.expect("a publication")
}

/// Returns in which codecs a client was last asked to be sent something.
fn sent_codecs(world: &World) -> Vec<Codec> {
    let mut commands = world.commands.iter().rev();
    let media = commands.find_map(|command| match command {
        Command::Subscribe { media, .. } => Some(media),
        _ => None,
    });
    media.map_or(Vec::new(), |media| {
        media.codecs.iter().map(|binding| binding.codec).collect()
    })
}

#[test]
fn what_arrives_is_what_a_track_is_said_to_be() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    let carol = world.join_two(client("carol"));
    for cid in ["first", "second"] {
        world.publish(alice, camera(cid));
    }
    world.negotiate(bob);
    world.negotiate(carol);
    assert_eq!(sent_codecs(&world)[0], Codec::Vp8);
    world
        .commands
        .retain(|command| !matches!(command, Command::Subscribe { .. }));
    let publication = publication(&world);
    let codec = Codec::H264;
    world.media(Event::CodecChanged { publication, codec });
    world.negotiate(bob);
    assert_eq!(sent_codecs(&world)[0], Codec::H264, "one transport");
    world
        .commands
        .retain(|command| !matches!(command, Command::Subscribe { .. }));
    world.negotiate(carol);
    assert_eq!(sent_codecs(&world)[0], Codec::H264, "two transports");
    for watcher in [bob, carol] {
        let track = world.seen(watcher, "alice").unwrap().tracks[1].clone();
        assert_eq!(track.mime_type, "video/H264");
        assert_eq!(track.codecs[0].mime_type, "video/H264");
    }
}

#[test]
fn who_accepts_what_arrives_receives_it_though_not_what_was_announced() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join(client("bob"));
    world.member(bob).up.h264 = false;
    world.member(bob).up.add_receiving(3, false);
    world.offer(bob);
    world.connect(bob);
    let mut request = camera("cam");
    request.simulcast_codecs[0].codec = "h264".to_owned();
    let sid = world.publish(alice, request);
    world.negotiate(bob);
    assert!(world.received_tracks(bob).is_empty());
    let publication = publication(&world);
    let codec = Codec::Vp8;
    world.media(Event::CodecChanged { publication, codec });
    world.negotiate(bob);
    assert_eq!(world.received_tracks(bob), [sid]);
}

#[test]
fn a_publisher_that_alternates_has_nobody_negotiate_each_time() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_two(client("bob"));
    world.publish(alice, camera("cam"));
    world.negotiate(bob);
    let publication = publication(&world);
    for _ in 0..10 {
        for codec in [Codec::H264, Codec::Vp8] {
            world.media(Event::CodecChanged { publication, codec });
            world.negotiate(bob);
        }
    }
    let inbox = world.take(bob);
    let offers = inbox.iter().filter(|it| matches!(it, Response::Offer(_)));
    assert!(offers.count() <= 4);
}

#[test]
fn sections_that_nothing_explains_are_remembered_in_bounds() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    for index in 0..64 {
        let up = &mut world.member(alice).up;
        up.add_sending(true, &format!("mic{index}"));
    }
    world.member(alice).up.add_sending(false, "cam");
    world.offer(alice);
    for request in [microphone("mic63"), camera("cam")] {
        world.send(alice, Request::AddTrack(request));
        assert_eq!(world.seen(alice, "alice").unwrap().tracks.len(), 1);
    }
}
