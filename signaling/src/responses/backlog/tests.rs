use std::collections::BTreeMap;

use signaling_protocol::proto;
use signaling_protocol::proto::participant_info::State;
use signaling_protocol::proto::signal_response::Message;

use super::*;
use crate::limits::UPDATE_BYTES;

fn participant(identity: &str, sid: &str, version: u32) -> proto::ParticipantInfo {
    proto::ParticipantInfo {
        identity: identity.to_owned(),
        sid: sid.to_owned(),
        version,
        state: State::Active.into(),
        ..proto::ParticipantInfo::default()
    }
}

fn gone(identity: &str, sid: &str) -> proto::ParticipantInfo {
    proto::ParticipantInfo {
        state: State::Disconnected.into(),
        metadata: "long".repeat(100),
        ..participant(identity, sid, 9)
    }
}

fn update(participants: Vec<proto::ParticipantInfo>) -> Message {
    Message::Update(proto::ParticipantUpdate { participants })
}

fn speakers(levels: &[(&str, f32)]) -> Message {
    let speaker = |(sid, level): &(&str, f32)| proto::SpeakerInfo {
        sid: (*sid).to_owned(),
        level: *level,
        active: *level > 0.0,
    };
    Message::SpeakersChanged(proto::SpeakersChanged {
        speakers: levels.iter().map(speaker).collect(),
    })
}

fn offer(id: u32) -> Message {
    Message::Offer(proto::SessionDescription {
        id,
        ..proto::SessionDescription::default()
    })
}

fn response(id: u32) -> Message {
    Message::RequestResponse(proto::RequestResponse {
        request_id: id,
        ..proto::RequestResponse::default()
    })
}

fn backlog_of(messages: impl IntoIterator<Item = Message>) -> Backlog {
    let mut backlog = Backlog::default();
    for message in messages {
        assert_ne!(backlog.push(SharedResponse::of(message)), Added::Overflow);
    }
    backlog
}

fn told(mut backlog: Backlog) -> Vec<Message> {
    let responses = std::iter::from_fn(|| backlog.pop());
    let told = responses.filter_map(|response| response.message().cloned());
    let told = told.collect();
    assert_eq!((backlog.size.messages, backlog.size.bytes), (0, 0));
    assert_eq!(backlog.answers(), 0);
    told
}

/// What a listener is told that is far behind.
fn gathered(messages: impl IntoIterator<Item = Message>) -> Vec<Message> {
    let mut backlog = backlog_of(messages);
    backlog.gather();
    told(backlog)
}

#[test]
fn who_reads_gets_every_message_as_it_was_made() {
    let made: Vec<_> = (0..BACKLOG_MESSAGES)
        .map(|n| SharedResponse::of(update(vec![participant("a", "PA_1", n as u32)])))
        .collect();
    let mut backlog = Backlog::default();
    for response in &made {
        assert_eq!(backlog.push(Arc::clone(response)), Added::Queued);
    }
    for response in &made {
        assert!(Arc::ptr_eq(&backlog.pop().unwrap(), response));
    }
}

#[test]
fn of_a_thousand_mute_toggles_a_slow_listener_is_told_few() {
    let messages = (0..10_000).map(|n| update(vec![participant("a", "PA_1", n)]));
    let told = told(backlog_of(messages));
    assert!(told.len() <= 2 * BACKLOG_MESSAGES, "{}", told.len());
    let last = update(vec![participant("a", "PA_1", 9_999)]);
    assert_eq!(told.last(), Some(&last));
}

#[test]
fn a_slow_listener_holds_as_much_as_there_is_to_know() {
    let mut backlog = Backlog::default();
    let mut longest = 0;
    for n in 0..100_000_u32 {
        let identity = (n % 100).to_string();
        let message = update(vec![participant(&identity, &identity, n)]);
        backlog.push(SharedResponse::of(message));
        backlog.push(SharedResponse::of(speakers(&[(&identity, 0.5)])));
        longest = longest.max(backlog.size.messages);
    }
    assert!(longest <= 4 * 100 + 2 * BACKLOG_MESSAGES, "{longest}");
}

#[test]
fn the_latest_of_each_participant_comes_before_the_offer_that_the_first_came_before() {
    let told = gathered([
        update(vec![participant("a", "PA_1", 1)]),
        offer(1),
        update(vec![
            participant("a", "PA_1", 2),
            participant("b", "PA_2", 1),
        ]),
        response(7),
        update(vec![participant("b", "PA_2", 2)]),
    ]);
    let expected = [
        update(vec![participant("a", "PA_1", 2)]),
        offer(1),
        update(vec![participant("b", "PA_2", 2)]),
        response(7),
    ];
    assert_eq!(told, expected);
}

#[test]
fn of_offers_the_room_the_token_and_a_mute_the_last_stays() {
    let room = |name: &str| {
        Message::RoomUpdate(proto::RoomUpdate {
            room: Some(proto::Room {
                name: name.to_owned(),
                ..proto::Room::default()
            }),
        })
    };
    let token = |token: &str| Message::RefreshToken(token.to_owned());
    let mute = |sid: &str, muted| {
        Message::Mute(proto::MuteTrackRequest {
            sid: sid.to_owned(),
            muted,
        })
    };
    let told = gathered([
        offer(1),
        room("a"),
        token("a"),
        mute("TR_1", true),
        mute("TR_2", true),
        offer(2),
        room("b"),
        token("b"),
        mute("TR_1", false),
    ]);
    let expected = [
        mute("TR_2", true),
        offer(2),
        room("b"),
        token("b"),
        mute("TR_1", false),
    ];
    assert_eq!(told, expected);
}

#[test]
fn what_is_told_of_another_room_comes_after_the_word_that_it_is_another() {
    let moved = || Message::RoomMoved(proto::RoomMovedResponse::default());
    let told = gathered([
        update(vec![participant("bob", "PA_here", 1)]),
        moved(),
        update(vec![participant("bob", "PA_there", 2)]),
    ]);
    let expected = [
        update(vec![participant("bob", "PA_here", 1)]),
        moved(),
        update(vec![participant("bob", "PA_there", 2)]),
    ];
    assert_eq!(told, expected);
}

#[test]
fn speakers_are_told_once_each_and_together() {
    let told = gathered([
        speakers(&[("PA_1", 0.5), ("PA_2", 0.5)]),
        speakers(&[("PA_1", 0.0)]),
        speakers(&[("PA_3", 1.0)]),
    ]);
    let expected = [speakers(&[("PA_2", 0.5), ("PA_1", 0.0), ("PA_3", 1.0)])];
    assert_eq!(told, expected);
}

#[test]
fn answers_all_stay_in_their_order() {
    let mut backlog = backlog_of((0..1000).map(response));
    assert_eq!(backlog.answers(), 1000);
    backlog.gather();
    assert_eq!(backlog.answers(), 1000);
    let expected: Vec<_> = (0..1000).map(response).collect();
    assert_eq!(told(backlog), expected);
}

#[test]
fn a_session_that_came_and_went_meanwhile_is_not_told() {
    let mut shown = gone("a", "PA_1");
    shown.metadata.clear();
    let told = gathered([
        update(vec![gone("a", "PA_1")]),
        update(vec![participant("a", "PA_2", 1)]),
        update(vec![gone("a", "PA_2")]),
        update(vec![participant("a", "PA_3", 1)]),
    ]);
    let expected = [update(vec![shown, participant("a", "PA_3", 1)])];
    assert_eq!(told, expected);
}

#[test]
fn who_was_known_and_has_left_is_told_to_have_left() {
    let told = gathered([
        update(vec![participant("a", "PA_1", 3)]),
        update(vec![participant("b", "PA_2", 3)]),
        update(vec![gone("a", "PA_1")]),
    ]);
    let [Message::Update(update)] = told.as_slice() else {
        panic!("{told:?}");
    };
    let told: Vec<_> = update.participants.iter().map(|p| p.sid.as_str()).collect();
    assert_eq!(told, ["PA_2", "PA_1"]);
}

#[test]
fn a_room_is_told_in_messages_of_a_bounded_size() {
    let infos = (0..100).map(|n| proto::ParticipantInfo {
        metadata: "x".repeat(UPDATE_BYTES / 10),
        ..participant(&n.to_string(), &n.to_string(), 1)
    });
    let told = gathered(infos.map(|info| update(vec![info])));
    assert!((10..=13).contains(&told.len()), "{}", told.len());
}

#[test]
fn more_state_than_may_wait_for_one_listener_is_said_to_be_too_much() {
    let mut backlog = Backlog::default();
    let size = MAX_BACKLOG_BYTES / 8;
    let added = (0..20).map(|n| {
        let info = proto::ParticipantInfo {
            metadata: "x".repeat(size),
            ..participant(&n.to_string(), &n.to_string(), 1)
        };
        backlog.push(SharedResponse::of(update(vec![info])))
    });
    assert!(added.into_iter().any(|added| added == Added::Overflow));
}

/// What a client knows after the messages that it was told.
#[derive(Clone, Debug, Default, PartialEq)]
struct Known {
    /// Sid and version of each participant, by identity.
    participants: BTreeMap<String, (String, u32)>,
    /// Whether each speaker is active.
    speakers: BTreeMap<String, bool>,
}

impl Known {
    fn hear(&mut self, messages: &[Message]) {
        for message in messages {
            if let Message::Update(update) = message {
                for info in &update.participants {
                    self.hear_of(info);
                }
            } else if let Message::SpeakersChanged(changed) = message {
                let speakers = changed.speakers.iter();
                let speakers = speakers.map(|speaker| (speaker.sid.clone(), speaker.active));
                self.speakers.extend(speakers);
            }
        }
    }

    fn hear_of(&mut self, info: &proto::ParticipantInfo) {
        let identity = info.identity.clone();
        match info.state() == State::Disconnected {
            true => self.participants.remove(&identity),
            false => self
                .participants
                .insert(identity, (info.sid.clone(), info.version)),
        };
    }
}

/// What happens in a room of eight identities that come, change, speak, are replaced and go.
fn life_of_a_room(seed: u64) -> Vec<Message> {
    let mut state = seed;
    let mut random = move |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut here: BTreeMap<u64, (u32, u32)> = BTreeMap::new();
    let mut sessions = 0;
    let life = (0..200).map(|_| {
        let who = random(8);
        let name = who.to_string();
        match (here.get(&who).copied(), random(5)) {
            (Some((session, _)), 0) => {
                here.remove(&who);
                update(vec![gone(&name, &session.to_string())])
            }
            (Some((session, _)), 1) => speakers(&[(&session.to_string(), random(2) as f32)]),
            (Some((session, version)), 2 | 3) => {
                here.insert(who, (session, version + 1));
                update(vec![participant(&name, &session.to_string(), version + 1)])
            }
            // Comes, or comes again in place of its session before.
            _ => {
                sessions += 1;
                here.insert(who, (sessions, 1));
                update(vec![participant(&name, &sessions.to_string(), 1)])
            }
        }
    });
    life.collect()
}

#[test]
fn who_is_told_the_latest_state_knows_the_same_as_who_is_told_everything() {
    for seed in 0..200 {
        let life = life_of_a_room(seed);
        let (before, behind) = life.split_at((seed % 150) as usize);
        let mut everything = Known::default();
        everything.hear(before);
        let mut latest = everything.clone();
        everything.hear(behind);
        latest.hear(&gathered(behind.iter().cloned()));
        assert_eq!(latest, everything, "seed {seed}");
    }
}
