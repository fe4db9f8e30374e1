//! What is wrong with the story that events of rooms tell.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::text;

/// What has begun in a room, and whether it goes on.
type Begun = BTreeMap<String, bool>;

/// Reads the events of one room in the order in which each came first, and returns how many sessions there were.
///
/// # Panics
///
/// One is missing, comes before its predecessor or is dated before it, ends what has not begun or has ended, or something
/// goes on when the room is over.
pub(crate) fn check(events: &[&Value]) -> usize {
    let (mut sessions, mut tracks) = (Begun::new(), Begun::new());
    let mut latest = 0;
    for (number, event) in (1..).zip(events) {
        let said: i64 = text(event, "/sequence").parse().expect("it is a number");
        assert_eq!(said, number, "{event}");
        let at: i64 = text(event, "/createdAtMs").parse().expect("it is a number");
        assert!(at >= latest, "before {latest}: {event}");
        latest = at;
        match text(event, "/event") {
            "participant_joined" => begin(&mut sessions, event, "/participant/sid"),
            "participant_left" => end(&mut sessions, event, "/participant/sid"),
            "track_published" => begin(&mut tracks, event, "/track/sid"),
            "track_unpublished" => end(&mut tracks, event, "/track/sid"),
            _ => {}
        }
    }
    let last = events.last().map(|event| text(event, "/event"));
    assert_eq!(last, Some("room_finished"));
    for (sid, goes_on) in sessions.iter().chain(&tracks) {
        assert!(!goes_on, "{sid} never ended");
    }
    sessions.len()
}

fn begin(begun: &mut Begun, event: &Value, sid: &str) {
    let before = begun.insert(text(event, sid).to_owned(), true);
    assert_eq!(before, None, "it began twice: {event}");
}

fn end(begun: &mut Begun, event: &Value, sid: &str) {
    let before = begun.insert(text(event, sid).to_owned(), false);
    assert_eq!(before, Some(true), "it ends and does not go on: {event}");
}
