//! A participant is shown in another room, too.

use sfu_model::Command;
use signaling_protocol::proto;
use signaling_protocol::proto::participant_info::{KindDetail, State};
use signaling_session::{ConnectionId, JoinRefused, RoomError, RoomNotice, RoomRequest};

use crate::support::{World, camera, client, microphone};

/// Alice publishes in the first room and is shown in the second, where carol is.
struct Rooms {
    here: World,
    there: World,
    alice: ConnectionId,
    carol: ConnectionId,
    track: String,
}

impl Rooms {
    fn new() -> Self {
        let mut here = World::new();
        let mut there = World::numbered(2, (1, 50), |_, _| {});
        let alice = here.join_one(client("alice"));
        let carol = there.join_one(client("carol"));
        let track = here.publish(alice, camera("cam"));
        let mut rooms = Self {
            here,
            there,
            alice,
            carol,
            track,
        };
        rooms.there.notices.clear();
        rooms.show();
        rooms
    }

    fn show(&mut self) {
        let projection = self.here.room.projection(&"alice".into()).unwrap();
        self.there.room.project(self.there.now, projection).unwrap();
        self.there.drain();
    }

    fn seen(&mut self) -> proto::ParticipantInfo {
        self.there.seen(self.carol, "alice").unwrap()
    }
}

#[test]
fn who_is_shown_is_seen_and_received_with_its_own_publications() {
    let mut rooms = Rooms::new();
    let alice = rooms.seen();
    assert_eq!(alice.state(), State::Active);
    assert_eq!(alice.tracks[0].sid, rooms.track);
    assert_eq!(alice.kind_details, [i32::from(KindDetail::Forwarded)]);
    rooms.there.negotiate(rooms.carol);
    assert_eq!(
        rooms.there.received_tracks(rooms.carol),
        [rooms.track.clone()]
    );
    let published = rooms
        .here
        .commands
        .iter()
        .find_map(|command| match command {
            Command::Publish { publication, .. } => Some(*publication),
            _ => None,
        });
    let subscribed = rooms
        .there
        .commands
        .iter()
        .find_map(|command| match command {
            Command::Subscribe { publication, .. } => Some(*publication),
            _ => None,
        });
    assert!(published.is_some());
    assert_eq!(subscribed, published);
    assert!(matches!(
        rooms.there.notices.as_slice(),
        [
            RoomNotice::ParticipantJoined { .. },
            RoomNotice::TrackPublished { .. }
        ]
    ));
}

#[test]
fn what_changes_of_it_is_seen_there() {
    let mut rooms = Rooms::new();
    let microphone = rooms.here.publish(rooms.alice, microphone("mic"));
    let update = proto::UpdateParticipantRequest {
        identity: "alice".to_owned(),
        name: "Alice".to_owned(),
        attributes: [("mood".to_owned(), "good".to_owned())].into(),
        ..proto::UpdateParticipantRequest::default()
    };
    let update = RoomRequest::UpdateParticipant(Box::new(update));
    rooms.here.call(update).unwrap();
    let mute = RoomRequest::MutePublishedTrack {
        identity: "alice".into(),
        track: rooms.track.as_str().into(),
        muted: true,
    };
    rooms.here.call(mute).unwrap();
    rooms.show();
    let alice = rooms.seen();
    assert_eq!(
        (&*alice.name, &*alice.attributes["mood"]),
        ("Alice", "good")
    );
    let tracks: Vec<_> = alice
        .tracks
        .iter()
        .map(|it| (it.sid.clone(), it.muted))
        .collect();
    assert_eq!(tracks, [(rooms.track.clone(), true), (microphone, false)]);
    let projection = rooms.here.room.projection(&"alice".into()).unwrap();
    assert!(projection.shows(&rooms.here.room.projection(&"alice".into()).unwrap()));
}

#[test]
fn who_is_shown_no_more_is_gone_and_its_media_goes_on_where_it_is() {
    for by_removal in [false, true] {
        let mut rooms = Rooms::new();
        rooms.there.negotiate(rooms.carol);
        match by_removal {
            true => {
                let remove = RoomRequest::RemoveParticipant {
                    identity: "alice".into(),
                    reason: None,
                };
                rooms.there.call(remove).unwrap();
            }
            false => {
                rooms
                    .there
                    .room
                    .end_projection(rooms.there.now, &"alice".into());
                rooms.there.drain();
            }
        }
        assert!(!rooms.there.room.has_projection(&"alice".into()));
        assert_eq!(rooms.seen().state(), State::Disconnected);
        let commands = rooms.there.commands.iter();
        let mut ended = commands
            .filter(|it| matches!(it, Command::Unpublish { .. } | Command::RemovePeer { .. }));
        assert!(ended.next().is_none());
    }
}

#[test]
fn who_is_shown_has_a_session_there_that_counts_for_nobody() {
    let mut rooms = Rooms::new();
    let microphone = rooms.here.publish(rooms.alice, microphone("mic"));
    rooms.show();
    let now = rooms.there.now;
    rooms.there.room.end_projection(now, &"alice".into());
    rooms.there.drain();
    let told = rooms.there.notices.iter().map(|notice| match notice {
        RoomNotice::ParticipantJoined { origin, .. } => {
            assert!(origin.is_dependent);
            "joined".to_owned()
        }
        RoomNotice::ParticipantLeft { .. } => "left".to_owned(),
        RoomNotice::TrackPublished { track, .. } => format!("published {}", track.sid),
        RoomNotice::TrackUnpublished { track, .. } => format!("unpublished {}", track.sid),
        other => panic!("{other:?}"),
    });
    let told: Vec<_> = told.collect();
    let tracks = [&rooms.track, &microphone];
    let [published, unpublished] =
        ["published", "unpublished"].map(|what| tracks.map(|sid| format!("{what} {sid}")));
    let expected = [
        &["joined".to_owned()][..],
        &published,
        &unpublished,
        &["left".to_owned()],
    ];
    assert_eq!(told, expected.concat());
}

#[test]
fn all_layers_of_who_is_shown_are_wanted() {
    let mut rooms = Rooms::new();
    let wanted = |rooms: &mut Rooms| {
        rooms.here.take(rooms.alice);
        rooms.here.pass(std::time::Duration::from_secs(20));
        let inbox = rooms.here.take(rooms.alice);
        inbox
            .into_iter()
            .filter_map(|message| match message {
                proto::signal_response::Message::SubscribedQualityUpdate(update) => Some(
                    update
                        .subscribed_qualities
                        .iter()
                        .filter(|it| it.enabled)
                        .count(),
                ),
                _ => None,
            })
            .next_back()
    };
    let now = rooms.here.now;
    rooms.here.room.note_projections(now, &"alice".into(), 1);
    assert_ne!(wanted(&mut rooms), Some(0));
    let now = rooms.here.now;
    rooms.here.room.note_projections(now, &"alice".into(), 0);
    assert_eq!(wanted(&mut rooms), Some(0), "nobody is here");
}

#[test]
fn who_is_there_itself_is_not_replaced_and_replaces_who_is_shown() {
    let mut rooms = Rooms::new();
    let projection = rooms.here.room.projection(&"alice".into()).unwrap();
    assert!(matches!(
        rooms.there.room.projection(&"alice".into()),
        Err(RoomError::ForwardedAlready)
    ));
    rooms.there.join_one(client("alice"));
    assert!(!rooms.there.room.has_projection(&"alice".into()));
    let refused = rooms.there.room.project(rooms.there.now, projection);
    assert_eq!(refused, Err(JoinRefused::IdentityTaken));
}
