use std::collections::HashMap;

use serde_json::{Map, Value, json};
use sfu_model::UnixTime;
use signaling::random;
use signaling_protocol::{proto, sid};
use signaling_session::RoomNotice;
use store::{Beginning, JournalEvent, Record};

use super::body::{self, Begins, RoomDetail, Told};
use super::record;
use crate::webhooks::Targets;

/// Numbers the events of each room, and writes them as they are sent.
#[derive(Debug)]
pub(crate) struct RoomEvents {
    detail: RoomDetail,
    targets: Targets,
    /// The number of the last event of each room that is open.
    last: HashMap<String, i64>,
}

impl RoomEvents {
    pub(crate) fn new(detail: RoomDetail, targets: Targets) -> Self {
        Self {
            detail,
            targets,
            last: HashMap::new(),
        }
    }

    /// Writes an event of what happened at a time.
    pub(crate) fn write(&mut self, at: UnixTime, notice: &RoomNotice) -> Option<JournalEvent> {
        let told = body::told(notice, self.detail)?;
        let number = self.next(&told.room_sid);
        if told.kind == "room_finished" {
            self.last.remove(&told.room_sid);
        }
        let record = record::record(notice);
        let mut event = self.event(at, told, number, record);
        if let Some(beginning) = &mut event.begins {
            beginning.record = record::end_of(notice);
        }
        Some(event)
    }

    /// Numbers an event that cannot be written. Returns the room that is over with it.
    pub(crate) fn skip(&mut self, notice: &RoomNotice) -> Option<String> {
        let told = body::told(notice, self.detail)?;
        self.next(&told.room_sid);
        (told.kind == "room_finished").then(|| {
            self.last.remove(&told.room_sid);
            told.room_sid
        })
    }

    fn next(&mut self, room_sid: &str) -> i64 {
        let last = self.last.entry(room_sid.to_owned()).or_default();
        *last += 1;
        *last
    }

    fn event(&self, at: UnixTime, told: Told, number: i64, record: Option<Record>) -> JournalEvent {
        let id = sid("EV_", random());
        let mut object = body::json(&told.message);
        stamp(&mut object, &id, at, number);
        account(&mut object, record.as_ref());
        if body::is_takeover(&told.message) {
            object.insert("replaced".to_owned(), Value::Bool(true));
        }
        JournalEvent {
            id,
            at,
            kind: told.kind.to_owned(),
            room_sequence: number,
            body: Value::Object(object).to_string(),
            record,
            begins: told
                .begins
                .map(|begins| beginning(at, &told.room_sid, &begins)),
            ends: told.ends,
            targets: self.targets.of(told.kind),
            room_sid: told.room_sid,
        }
    }

    /// Writes the end of what the node could not tell of, as event number `number` of its room.
    pub(crate) fn end(&self, at: UnixTime, beginning: &Beginning, number: i64) -> JournalEvent {
        let id = sid("EV_", random());
        let mut body: Map<_, _> = serde_json::from_str(&beginning.body).unwrap_or_default();
        stamp(&mut body, &id, at, number);
        body.insert("recovered".to_owned(), Value::Bool(true));
        let record = beginning.record.clone();
        let later = at.millis().saturating_sub(beginning.at.millis());
        let record = record.map(|record| record.recovered(later));
        account(&mut body, record.as_ref());
        JournalEvent {
            id,
            at,
            kind: beginning.kind.clone(),
            room_sid: beginning.room_sid.clone(),
            room_sequence: number,
            body: Value::Object(body).to_string(),
            record,
            begins: None,
            ends: Some(beginning.sid.clone()),
            targets: self.targets.of(&beginning.kind),
        }
    }

    /// Forgets a room that is over.
    pub(crate) fn forget(&mut self, room_sid: &str) {
        self.last.remove(room_sid);
    }
}

/// Writes into an event what tells it from others.
fn stamp(body: &mut Map<String, Value>, id: &str, at: UnixTime, number: i64) {
    body.insert("id".to_owned(), json!(id));
    body.insert("createdAt".to_owned(), json!(at.seconds().to_string()));
    body.insert("createdAtMs".to_owned(), json!(at.millis().to_string()));
    body.insert("sequence".to_owned(), json!(number.to_string()));
}

/// Writes into the event of an end what that came to which is over.
fn account(body: &mut Map<String, Value>, record: Option<&Record>) {
    let mut insert = |name: &str, number: i64| {
        // As LiveKit writes 64 bits.
        body.insert(name.to_owned(), json!(number.to_string()));
    };
    match record {
        Some(Record::RoomEnded { lasted_ms, .. }) => insert("durationMs", *lasted_ms),
        Some(Record::Left(left)) => {
            insert("durationMs", left.account.lasted_ms);
            insert("bytesReceived", left.account.received);
            insert("bytesSent", left.account.sent);
        }
        _ => {}
    }
}

fn beginning(at: UnixTime, room_sid: &str, begins: &Begins) -> Beginning {
    let message: &proto::WebhookEvent = &begins.message;
    Beginning {
        room_sid: room_sid.to_owned(),
        sid: begins.sid.clone(),
        rank: begins.rank,
        kind: begins.kind.to_owned(),
        body: Value::Object(body::json(message)).to_string(),
        record: None,
        at,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use signaling_protocol::DisconnectCause;

    use super::*;

    #[test]
    fn what_cannot_be_written_leaves_a_gap_in_the_numbers_of_its_room() {
        let mut rooms = RoomEvents::new(RoomDetail::Short, Targets::default());
        let room = Box::new(proto::Room {
            sid: "RM_1".to_owned(),
            ..proto::Room::default()
        });
        let started = RoomNotice::RoomStarted { room: room.clone() };
        let cause = DisconnectCause::RoomDeleted;
        let finished = RoomNotice::RoomFinished {
            room,
            cause,
            lasted: Duration::ZERO,
        };
        let number = |event: Option<JournalEvent>| event.map(|it| it.room_sequence);
        assert_eq!(number(rooms.write(UnixTime::default(), &started)), Some(1));
        assert_eq!(rooms.skip(&started), None);
        assert_eq!(number(rooms.write(UnixTime::default(), &started)), Some(3));
        assert_eq!(rooms.skip(&finished).as_deref(), Some("RM_1"));
        assert!(rooms.last.is_empty());
    }
}
