//! The same happens to many participants at once.

use auth::TrackSource;
use sfu_model::MediaKind;
use signaling_protocol::proto;
use signaling_protocol::proto::signal_response::Message as Response;
use signaling_session::{
    Change, ConnectionId, Done, Outcome, ParticipantChange, PermissionChange, RoomError, RoomReply,
    RoomRequest, Selection, TrackFilter,
};

use crate::support::{World, camera, client, microphone};

fn everybody() -> Selection {
    Selection::Everybody { except: [].into() }
}

fn these(identities: &[&str]) -> Selection {
    Selection::These(identities.iter().map(|it| (*it).into()).collect())
}

fn mute(kind: Option<MediaKind>, sources: &[TrackSource]) -> Change {
    Change::Mute {
        muted: true,
        tracks: TrackFilter {
            kind,
            sources: sources.to_vec(),
        },
    }
}

fn change(world: &mut World, selection: Selection, change: Change) -> Vec<Outcome> {
    let request = RoomRequest::ChangeMany { selection, change };
    match world.call(request) {
        Ok(RoomReply::Outcomes(outcomes)) => outcomes,
        reply => panic!("{reply:?}"),
    }
}

/// Returns how many tracks of whom were muted.
fn muted(outcomes: &[Outcome]) -> Vec<(&str, usize)> {
    let muted = outcomes.iter().map(|outcome| match &outcome.result {
        Ok(Done::Muted(tracks)) => (outcome.identity.as_str(), tracks.len()),
        result => panic!("{result:?}"),
    });
    muted.collect()
}

fn told_to_mute(world: &mut World, connection: ConnectionId) -> usize {
    let inbox = world.take(connection);
    let mutes = inbox.iter().filter(|it| matches!(it, Response::Mute(_)));
    mutes.count()
}

/// Alice and bob publish both, carol nothing.
fn world() -> (World, [ConnectionId; 3]) {
    let mut world = World::new();
    let all = ["alice", "bob", "carol"].map(|identity| world.join_one(client(identity)));
    for publisher in &all[..2] {
        world.publish(*publisher, camera("cam"));
        world.publish(*publisher, microphone("mic"));
    }
    (world, all)
}

#[test]
fn everybody_but_the_host_is_muted() {
    let (mut world, [alice, bob, _]) = world();
    world.take(alice);
    world.take(bob);
    let selection = Selection::Everybody {
        except: ["alice".into()].into(),
    };
    let outcomes = change(&mut world, selection, mute(None, &[]));
    assert_eq!(muted(&outcomes), [("bob", 2), ("carol", 0)]);
    assert_eq!(told_to_mute(&mut world, bob), 2);
    assert_eq!(told_to_mute(&mut world, alice), 0);
    let again = change(&mut world, these(&["bob"]), mute(None, &[]));
    assert_eq!(muted(&again), [("bob", 0)]);
}

#[test]
fn some_tracks_are_muted_and_others_not() {
    let (mut world, _) = world();
    let sound = mute(Some(MediaKind::Audio), &[]);
    let outcomes = change(&mut world, everybody(), sound);
    assert_eq!(muted(&outcomes), [("alice", 1), ("bob", 1), ("carol", 0)]);
    let screens = mute(None, &[TrackSource::ScreenShare]);
    let outcomes = change(&mut world, everybody(), screens);
    assert_eq!(muted(&outcomes), [("alice", 0), ("bob", 0), ("carol", 0)]);
    let cameras = mute(None, &[TrackSource::Camera]);
    let outcomes = change(&mut world, these(&["bob"]), cameras);
    assert_eq!(muted(&outcomes), [("bob", 1)]);
}

#[test]
fn whom_it_does_not_find_it_names_and_the_others_are_changed() {
    let (mut world, [_, bob, _]) = world();
    let remove = Change::Remove {
        reason: Some("closing time".to_owned()),
    };
    let outcomes = change(&mut world, these(&["nobody", "bob", "bob"]), remove);
    let results: Vec<_> = outcomes.into_iter().map(|outcome| outcome.result).collect();
    assert_eq!(
        results,
        [Err(RoomError::ParticipantNotFound), Ok(Done::Removed)]
    );
    assert!(world.member(bob).closed);
    assert_eq!(world.room.present().count(), 2);
}

#[test]
fn everybody_loses_the_right_to_publish_and_keeps_the_others() {
    let (mut world, [alice, ..]) = world();
    let update = ParticipantChange {
        permission: PermissionChange {
            can_publish: Some(false),
            ..PermissionChange::default()
        },
        ..ParticipantChange::default()
    };
    let outcomes = change(&mut world, everybody(), Change::Update(Box::new(update)));
    assert_eq!(outcomes.len(), 3);
    for outcome in outcomes {
        let Ok(Done::Updated(info)) = outcome.result else {
            panic!("{outcome:?}");
        };
        let permission = info.permission.unwrap();
        assert!(!permission.can_publish && permission.can_subscribe && permission.can_publish_data);
        assert!(info.tracks.is_empty());
    }
    let inbox = world.take(alice);
    let ended = inbox
        .iter()
        .filter(|it| matches!(it, Response::TrackUnpublished(_)));
    assert_eq!(ended.count(), 2);
}

#[test]
fn who_may_publish_some_sources_alone_keeps_those() {
    let (mut world, _) = world();
    let update = ParticipantChange {
        permission: PermissionChange {
            can_publish_sources: Some(vec![TrackSource::Microphone]),
            ..PermissionChange::default()
        },
        attributes: [("stage".to_owned(), "no".to_owned())].into(),
        ..ParticipantChange::default()
    };
    let outcomes = change(
        &mut world,
        these(&["alice"]),
        Change::Update(Box::new(update)),
    );
    let Ok(Done::Updated(info)) = &outcomes[0].result else {
        panic!("{outcomes:?}");
    };
    assert_eq!(info.attributes["stage"], "no");
    let kinds: Vec<_> = info.tracks.iter().map(proto::TrackInfo::source).collect();
    assert_eq!(kinds, [proto::TrackSource::Microphone]);
}

#[test]
fn agents_recorders_and_hidden_participants_are_not_everybody() {
    let mut world = World::new();
    world.join_one(client("agent").with(|it| it.grant().agent = true));
    world.join_one(client("recorder").with(|it| it.grant().recorder = true));
    world.join_one(client("ghost").with(|it| it.grant().hidden = true));
    world.join_one(client("alice"));
    let remove = || Change::Remove { reason: None };
    let outcomes = change(&mut world, everybody(), remove());
    let removed: Vec<_> = outcomes.iter().map(|it| it.identity.as_str()).collect();
    assert_eq!(removed, ["alice"]);
    let outcomes = change(&mut world, these(&["ghost", "agent"]), remove());
    assert!(outcomes.iter().all(|it| it.result == Ok(Done::Removed)));
}

#[test]
fn nobody_is_unmuted_where_only_they_themselves_may() {
    for enabled in [false, true] {
        let mut world = World::with(|_, facts| facts.enable_remote_unmute = enabled);
        world.join_one(client("alice"));
        let unmute = Change::Mute {
            muted: false,
            tracks: TrackFilter::default(),
        };
        let request = RoomRequest::ChangeMany {
            selection: everybody(),
            change: unmute,
        };
        let reply = world.call(request);
        assert_eq!(reply.is_ok(), enabled, "{reply:?}");
    }
}
