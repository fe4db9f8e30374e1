//! Sessions and usage, as they are told.

use std::time::Duration;

use axum::http::StatusCode;
use databases::databases;
use serde_json::{Value, json};
use sfu_model::UnixTime;
use store::{Account, Joined, Left, Published, Record, WrittenEvent};

use super::{NONE, Node};

/// 2026-11-30 23:59 UTC.
const BEGIN: u64 = 20_788 * 86_400_000 - 60_000;

/// Identities that a table must not break on.
const ODD: [&str; 4] = [
    "alice",
    "=cmd|' /C calc'!A0",
    "a,\"b\"\nc",
    "'; DROP TABLE usage_days; --",
];

/// Something that happened so many milliseconds after the begin.
fn event(sequence: i64, after: u64, record: Record) -> WrittenEvent {
    WrittenEvent {
        sequence,
        id: format!("EV_{sequence}"),
        at: UnixTime(Duration::from_millis(BEGIN + after)),
        kind: String::new(),
        room_sid: "RM_1".to_owned(),
        room_sequence: sequence,
        body: String::new(),
        record: Some(record),
    }
}

fn joined(number: usize) -> Record {
    Record::Joined(Box::new(Joined {
        sid: format!("PA_{number}"),
        room: "lobby".to_owned(),
        identity: ODD[number].to_owned(),
        api_key: "devkey".to_owned(),
        ..Joined::default()
    }))
}

fn left(number: usize) -> Record {
    Record::Left(Left {
        sid: format!("PA_{number}"),
        reason: "CLIENT_INITIATED".to_owned(),
        account: Account {
            lasted_ms: 120_000,
            received: 1_000,
            sent: 3_000,
            excellent: 24,
            ..Account::default()
        },
        recovered: false,
    })
}

/// A room where four were for two minutes, the first of whom published something.
async fn history(node: &Node) {
    let room = "lobby".to_owned();
    let mut events = vec![event(1, 0, Record::RoomStarted { room })];
    let published = Record::Published(Published {
        track: "TR_1".to_owned(),
        participant: "PA_0".to_owned(),
        ..Published::default()
    });
    for (sequence, number) in (2..).zip(0..ODD.len()) {
        events.push(event(sequence, 0, joined(number)));
    }
    events.push(event(6, 10, published));
    for (sequence, number) in (7..).zip(0..ODD.len()) {
        events.push(event(sequence, 120_000, left(number)));
    }
    events.push(event(
        11,
        120_000,
        Record::RoomEnded {
            lasted_ms: 120_000,
            reason: "ROOM_END_API_DELETE".to_owned(),
            recovered: false,
        },
    ));
    let projected = node.bans.store().project("journal", &events).await;
    projected.expect("the database answers");
}

#[tokio::test]
async fn a_room_session_is_told_with_what_it_came_to() {
    for database in databases().await {
        let node = Node::start(database).await;
        history(&node).await;
        let (_, page) = node.call("GET", "/api/v1/sessions?room=lobby", &NONE).await;
        let expected = json!({
            "sid": "RM_1", "room": "lobby", "started_at_ms": BEGIN, "ended_at_ms": BEGIN + 120_000,
            "duration_ms": 120_000, "end_reason": "ROOM_END_API_DELETE", "recovered": false,
            "participants": 4, "present": 0, "peak_participants": 4, "peak_viewers": 3,
            "participant_minutes": 8.0, "bytes_received": 4_000, "bytes_sent": 12_000, "tracks": 1,
        });
        assert_eq!(page, json!({"sessions": [expected]}));
        let (_, detail) = node.call("GET", "/api/v1/sessions/RM_1", &NONE).await;
        assert_eq!(detail["session"], expected);
        assert_eq!(detail["tracks"][0]["participant_sid"], "PA_0");
        let (status, _) = node.call("GET", "/api/v1/sessions/RM_2", &NONE).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn sessions_are_found_by_when_they_were_open() {
    let node = Node::start(databases::sqlite()).await;
    history(&node).await;
    let found = async |query: String| {
        let (_, page) = node.call("GET", &format!("/api/v1/{query}"), &NONE).await;
        let list = page["sessions"]
            .as_array()
            .or_else(|| page["participants"].as_array());
        list.map(Vec::len)
    };
    let end = BEGIN + 120_000;
    for (query, count) in [
        (format!("sessions?from_ms={end}"), 1),
        (format!("sessions?from_ms={}", end + 1), 0),
        (format!("sessions?to_ms={BEGIN}"), 0),
        (format!("sessions?to_ms={}", BEGIN + 1), 1),
        ("sessions?open=true".to_owned(), 0),
        ("participants?session=RM_1&identity=alice".to_owned(), 1),
        ("participants?session=RM_1&limit=3".to_owned(), 3),
        ("participants?api_key=nobody".to_owned(), 0),
        (format!("participants?to_ms={BEGIN}"), 0),
    ] {
        assert_eq!(found(query.clone()).await, Some(count), "{query}");
    }
}

#[tokio::test]
async fn usage_is_told_by_day_key_and_room_and_pages_hold_all_of_it_once() {
    for database in databases().await {
        let node = Node::start(database).await;
        history(&node).await;
        let all = "/api/v1/usage?from=2026-11-01&to=2026-12-31&by=key,room";
        let (_, page) = node.call("GET", all, &NONE).await;
        let rows = page["usage"].as_array().expect("there are rows");
        let minutes: Vec<_> = rows
            .iter()
            .map(|row| (&row["day"], &row["participant_minutes"]))
            .collect();
        assert_eq!(
            minutes,
            [
                (&json!("2026-11-30"), &json!(4.0)),
                (&json!("2026-12-01"), &json!(4.0))
            ]
        );
        assert_eq!(
            (&rows[0]["api_key"], &rows[0]["room"]),
            (&json!("devkey"), &json!("lobby"))
        );
        let (_, first) = node.call("GET", &format!("{all}&limit=1"), &NONE).await;
        let next = first["next"]
            .as_str()
            .expect("there is more")
            .replace('"', "%22");
        let (_, second) = node
            .call("GET", &format!("{all}&limit=1&after={next}"), &NONE)
            .await;
        assert_eq!(
            [&first["usage"][0], &second["usage"][0]],
            [&rows[0], &rows[1]]
        );
        let (_, by_day) = node
            .call(
                "GET",
                "/api/v1/usage?from=2026-12-01&to=2026-12-01&by=",
                &NONE,
            )
            .await;
        assert_eq!(by_day["usage"][0]["api_key"], Value::Null);
    }
}

#[tokio::test]
async fn a_table_has_all_rows_and_no_formula() {
    let node = Node::start(databases::sqlite()).await;
    history(&node).await;
    let text = node.table("/api/v1/participants?format=csv&limit=1").await;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.headers().expect("there is a line of names").clone();
    let place = names
        .iter()
        .position(|name| name == "identity")
        .expect("it is named");
    let rows = reader
        .records()
        .map(|row| row.expect("all rows have all columns"));
    let mut identities: Vec<_> = rows.map(|row| row[place].to_owned()).collect();
    identities.sort();
    let mut expected = ODD.map(|odd| odd.replacen('=', "'=", 1));
    expected.sort();
    assert_eq!(identities, expected);
}

#[tokio::test]
async fn every_column_of_a_table_is_a_field_of_its_rows() {
    let node = Node::start(databases::sqlite()).await;
    history(&node).await;
    for (path, list) in [
        ("sessions?", "sessions"),
        ("participants?", "participants"),
        ("usage?from=2026-11-01&to=2026-12-31&by=key,room", "usage"),
    ] {
        let (_, page) = node.call("GET", &format!("/api/v1/{path}"), &NONE).await;
        let row = page[list][0].as_object().expect("there is a row");
        let table = node.table(&format!("/api/v1/{path}&format=csv")).await;
        let mut columns: Vec<_> = table
            .lines()
            .next()
            .unwrap_or_default()
            .split(',')
            .collect();
        columns.sort_unstable();
        let mut fields: Vec<_> = row.keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(columns, fields, "{path}");
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_what_is_listed_is_said_with_its_field() {
    let node = Node::start(databases::sqlite()).await;
    let long = "x".repeat(2_000);
    for (query, field) in [
        ("usage?from=yesterday".to_owned(), "from"),
        ("usage?to=2026-02-30".to_owned(), "to"),
        ("usage?by=colour".to_owned(), "by"),
        ("usage?after=x".to_owned(), "after"),
        ("usage?limit=0".to_owned(), "limit"),
        (format!("usage?room={long}"), "room"),
        ("sessions?limit=1001".to_owned(), "limit"),
        (format!("sessions?from_ms={}", u64::MAX), "from_ms"),
        ("sessions?after=1".to_owned(), "after"),
        (format!("participants?identity={long}"), "identity"),
        (
            "participants?to_ms=18446744073709551615".to_owned(),
            "to_ms",
        ),
    ] {
        let (status, error) = node.call("GET", &format!("/api/v1/{query}"), &NONE).await;
        assert_eq!(
            (status, &error["field"]),
            (StatusCode::BAD_REQUEST, &json!(field)),
            "{query}"
        );
    }
    for query in [
        "sessions?colour=red",
        "sessions?open=maybe",
        "usage?format=xml",
        "participants?from_ms=-1",
    ] {
        let (status, error) = node.call("GET", &format!("/api/v1/{query}"), &NONE).await;
        assert_eq!(
            (status, &error["code"]),
            (StatusCode::BAD_REQUEST, &json!("invalid_argument")),
            "{query}"
        );
    }
}
