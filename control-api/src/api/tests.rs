//! The REST API in memory, with each kind of database.

mod sessions;

use std::sync::Arc;

use auth::{ApiKey, Claims, SluiceGrant, TokenMark, VideoGrant};
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use databases::{Database, databases};
use serde_json::{Value, json};
use sfu_model::{ParticipantIdentity, RoomName, UnixTime};
use signaling::{Admission, Credential, Entry, NotAdmitted, Occasion};
use store::{Ban, BanTarget, Store};

use super::*;
use crate::bans::{BanList, Bans};
use crate::drain::Drain;
use crate::quotas::KeyQuotas;
use crate::test_node::TestNode;
use crate::test_webhooks::{DEAF, webhooks};
use crate::webhooks::Webhooks;

mod description;
mod drain;
mod hostile;
mod nodes;
mod shape;

struct Node {
    node: TestNode,
    list: BanList,
    bans: Bans,
    drain: Drain,
    webhooks: Webhooks,
    answers: Answers,
    database: Database,
    _files: Database,
}

impl Node {
    async fn start(database: Database) -> Self {
        let store = Store::open(&database.url).unwrap();
        let node = Self::with_store(store, database).await;
        node.bans.load().await.unwrap();
        node
    }

    /// Starts one whose bans are not loaded.
    async fn with_store(store: Store, database: Database) -> Self {
        let list = BanList::default();
        let node = TestNode::with_admission(Arc::new(list.clone()));
        let bans = Bans::new(list.clone(), store, node.rooms.clone());
        let (webhooks, files) = webhooks(&node).await;
        Self {
            drain: Drain::new(node.rooms.clone()),
            node,
            list,
            bans,
            webhooks,
            answers: Answers::default(),
            database,
            _files: files,
        }
    }

    /// Another process with the same database.
    async fn restart(self) -> Self {
        self.bans.store().close().await;
        Self::start(self.database).await
    }

    fn token(&self) -> String {
        let mut claims = Claims::of("root".into());
        claims.sluice = Some(SluiceGrant {
            admin: true,
            ..SluiceGrant::default()
        });
        self.node.sign(&claims)
    }

    async fn send(
        &self,
        token: Option<&str>,
        method: &str,
        path: &str,
        body: &str,
    ) -> (StatusCode, Value) {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(key) = path.split_once("#once=") {
            request = request.uri(key.0).header("idempotency-key", key.1);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let (status, headers, body) = self.node.answer(self.routes(), request).await;
        assert_eq!(headers["content-type"], "application/json", "{path}");
        (status, serde_json::from_slice(&body).unwrap())
    }

    fn routes(&self) -> Router {
        api_routes(Api {
            rooms: self.node.rooms.clone(),
            keys: self.node.keys.clone(),
            bans: self.bans.clone(),
            quotas: KeyQuotas::default(),
            webhooks: self.webhooks.clone(),
            answers: self.answers.clone(),
            drain: self.drain.clone(),
        })
    }

    /// Asks for a table as CSV.
    async fn table(&self, path: &str) -> String {
        let token = format!("Bearer {}", self.token());
        let request = Request::builder().uri(path).header("authorization", token);
        let request = request.body(Body::empty()).unwrap();
        let (status, headers, body) = self.node.answer(self.routes(), request).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(headers["content-type"], "text/csv; charset=utf-8");
        String::from_utf8(body.to_vec()).unwrap()
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.send(Some(&self.token()), method, path, &body).await
    }

    async fn ban(&self, body: Value) -> Value {
        let (status, answer) = self.call("POST", "/api/v1/bans", &body).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        answer["ban"].clone()
    }

    async fn create(&self, room: &str) {
        let request = signaling_protocol::proto::CreateRoomRequest {
            name: room.to_owned(),
            ..Default::default()
        };
        self.node.rooms.create(request).await.unwrap();
    }

    /// Asks for somebody who comes by an ordinary token.
    async fn refusal(&self, room: &str, identity: &str) -> Option<String> {
        let identity = ParticipantIdentity::from(identity);
        let credential = Credential {
            token: TokenMark::of("devkey".into(), identity.clone()),
            expires_at: UnixTime::default(),
            address: None,
        };
        let entry = Entry {
            occasion: Occasion::Join,
            room: &RoomName::from(room),
            identity: &identity,
            credential: &credential,
        };
        match self.list.ask(entry).await {
            Ok(()) => None,
            Err(NotAdmitted::Forbidden { reason } | NotAdmitted::QuotaExceeded { reason }) => {
                Some(reason)
            }
            Err(NotAdmitted::NoAnswer) => Some("no answer".to_owned()),
        }
    }
}

const NONE: Value = Value::Null;

/// All calls but that which describes them.
const CALLS: [(&str, &str); 20] = [
    ("GET", "/api/v1/audit"),
    ("GET", "/api/v1/bans"),
    ("POST", "/api/v1/bans"),
    ("GET", "/api/v1/bans/{id}"),
    ("DELETE", "/api/v1/bans/{id}"),
    ("GET", "/api/v1/drain"),
    ("POST", "/api/v1/drain"),
    ("DELETE", "/api/v1/drain"),
    ("GET", "/api/v1/participants"),
    ("GET", "/api/v1/quotas"),
    ("POST", "/api/v1/rooms/{room}/mute"),
    ("POST", "/api/v1/rooms/{room}/remove"),
    ("POST", "/api/v1/rooms/{room}/update"),
    ("GET", "/api/v1/sessions"),
    ("GET", "/api/v1/sessions/{sid}"),
    ("POST", "/api/v1/tokens"),
    ("GET", "/api/v1/usage"),
    ("GET", "/api/v1/webhooks"),
    ("GET", "/api/v1/webhooks/dead"),
    ("POST", "/api/v1/webhooks/replay"),
];

/// Fills in the parameters of a path.
fn filled(path: &str) -> String {
    path.replace("{id}", "BN_1")
        .replace("{sid}", "RM_1")
        .replace("{room}", "lobby")
}

#[tokio::test]
async fn what_a_receiver_did_not_take_is_listed_and_told_again() {
    let node = Node::start(databases::sqlite()).await;
    let (_, answer) = node.call("GET", "/api/v1/webhooks", &NONE).await;
    let receiver = &answer["receivers"][0];
    assert_eq!(
        (&receiver["url"], &receiver["dead"], &receiver["waiting"]),
        (&json!(DEAF), &json!(1), &json!(0))
    );
    let (_, dead) = node.call("GET", "/api/v1/webhooks/dead", &NONE).await;
    let event = &dead["events"][0];
    assert_eq!(
        (&event["id"], &event["reason"]),
        (&json!("EV_1"), &json!("it answered 500"))
    );
    assert_eq!(event["body"]["event"], "room_started");
    let (_, none) = node
        .call("GET", "/api/v1/webhooks/dead?url=elsewhere", &NONE)
        .await;
    assert_eq!(none, json!({"events": []}));

    let replay = async |body: Value| node.call("POST", "/api/v1/webhooks/replay", &body).await.1;
    assert_eq!(
        replay(json!({"url": "elsewhere"})).await,
        json!({"replayed": 0})
    );
    assert_eq!(
        replay(json!({"url": DEAF, "sequence": 0})).await["field"],
        "sequence"
    );
    assert_eq!(replay(json!({"url": DEAF})).await, json!({"replayed": 1}));
    let (_, answer) = node.call("GET", "/api/v1/webhooks", &NONE).await;
    assert_eq!(
        (
            &answer["receivers"][0]["dead"],
            &answer["receivers"][0]["waiting"]
        ),
        (&json!(0), &json!(1))
    );
}

#[tokio::test]
async fn a_ban_is_added_found_listed_lifted_and_audited() {
    for database in databases().await {
        let node = Node::start(database).await;
        let ban = node
            .ban(json!({"identity": "mallory", "room": "lobby", "reason": "spam"}))
            .await;
        let id = ban["id"].as_str().unwrap().to_owned();
        assert!(id.starts_with("BN_"));
        assert_eq!(ban["author"], "devkey/root");
        assert_eq!(
            (&ban["kind"], &ban["holds"]),
            (&json!("identity"), &json!(true))
        );
        assert_eq!(
            node.refusal("lobby", "mallory").await.unwrap(),
            "banned: spam"
        );
        assert_eq!(node.refusal("hall", "mallory").await, None);

        let path = format!("/api/v1/bans/{id}");
        assert_eq!(
            node.call("GET", &path, &NONE).await,
            (StatusCode::OK, ban.clone())
        );
        let (_, page) = node
            .call("GET", "/api/v1/bans?room=lobby&search=spa", &NONE)
            .await;
        assert_eq!(page, json!({"bans": [ban]}));

        let node = node.restart().await;
        assert_eq!(
            node.refusal("lobby", "mallory").await.unwrap(),
            "banned: spam"
        );
        let (status, lifted) = node.call("DELETE", &path, &NONE).await;
        assert_eq!((status, &lifted["holds"]), (StatusCode::OK, &json!(false)));
        assert_eq!(lifted["lifted_by"], "devkey/root");
        assert_eq!(node.refusal("lobby", "mallory").await, None);
        let (_, page) = node.call("GET", "/api/v1/bans", &NONE).await;
        assert_eq!(page, json!({"bans": []}));
        let (_, page) = node.call("GET", "/api/v1/bans?all=true", &NONE).await;
        assert_eq!(page["bans"][0]["id"], id.as_str());

        let (_, audit) = node
            .call("GET", &format!("/api/v1/audit?subject={id}"), &NONE)
            .await;
        let actions: Vec<_> = audit["audit"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| &line["action"])
            .collect();
        assert_eq!(actions, ["ban.lift", "ban.add"]);
        let node = node.restart().await;
        assert_eq!(node.refusal("lobby", "mallory").await, None);
    }
}

#[tokio::test]
async fn a_request_that_is_repeated_with_its_key_bans_once() {
    for database in databases().await {
        let node = Node::start(database).await;
        let body = json!({"identity": "mallory"});
        let path = "/api/v1/bans#once=abc";
        let (_, first) = node.call("POST", path, &body).await;
        let (status, second) = node.call("POST", path, &body).await;
        assert_eq!(status, StatusCode::CREATED);
        assert_eq!(first["ban"], second["ban"]);
        let id = first["ban"]["id"].as_str().unwrap();
        node.call("DELETE", &format!("/api/v1/bans/{id}"), &NONE)
            .await;
        assert_eq!(node.refusal("lobby", "mallory").await, None);
        let other = json!({"identity": "bystander"});
        let (status, error) = node.call("POST", path, &other).await;
        assert_eq!(
            (status, &error["field"]),
            (StatusCode::BAD_REQUEST, &json!("Idempotency-Key"))
        );
        assert_eq!(node.refusal("lobby", "bystander").await, None);
        // A late repetition brings nothing back.
        node.call("POST", path, &body).await;
        assert_eq!(node.refusal("lobby", "mallory").await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_asks_for_tokens_without_end_is_refused_and_others_are_not() {
    let node = TestNode::start();
    let (busy, quiet) = (ApiKey::from("busy"), ApiKey::from("quiet"));
    let mut made = 0;
    while node.rooms.await_token(&busy).await.is_ok() {
        made += 1;
        assert!(made < 5_000);
    }
    assert!(made >= 1_000);
    assert!(node.rooms.await_token(&quiet).await.is_ok());
}

#[tokio::test]
async fn every_call_needs_a_token_for_the_api() {
    let node = Node::start(databases::sqlite()).await;
    let admin_of_room = node.node.token(VideoGrant {
        room_admin: true,
        room_create: true,
        room_list: true,
        room: "lobby".to_owned(),
        ..VideoGrant::default()
    });
    for (method, path) in CALLS {
        let path = &filled(path);
        for token in [None, Some(admin_of_room.as_str())] {
            let (status, error) = node.send(token, method, path, "").await;
            assert_eq!(
                (status, &error["code"]),
                (StatusCode::UNAUTHORIZED, &json!("unauthenticated")),
                "{method} {path}"
            );
        }
    }
}

/// Bodies with one fault, and the field that has it.
fn bad_bans() -> Vec<(Value, &'static str)> {
    let long = "x".repeat(1025);
    vec![
        (json!({}), "identity"),
        (json!({"identity": "a", "address": "192.0.2.1"}), "identity"),
        (json!({"identity": ""}), "identity"),
        (json!({"identity": long}), "identity"),
        (json!({"identity": "a\u{0}b"}), "identity"),
        (json!({"identity": 7}), "identity"),
        (json!({"identity": ["a"]}), "identity"),
        (json!({"identity": "a", "room": ""}), "room"),
        (json!({"identity": "a", "room": 1}), "room"),
        (json!({"token_id": "a", "room": "x"}), "room"),
        (json!({"token_id": ""}), "token_id"),
        (json!({"api_key": ""}), "api_key"),
        (json!({"address": "everywhere"}), "address"),
        (json!({"address": "192.0.2.1/33"}), "address"),
        (json!({"address": "0.0.0.0/0"}), "address"),
        (json!({"address": "::/0"}), "address"),
        (json!({"address": "::ffff:192.0.2.0/112"}), "address"),
        (json!({"identity": "a", "reason": long}), "reason"),
        (json!({"identity": "a", "reason": "line\nbreak"}), "reason"),
        (json!({"identity": "a", "reason": null}), "reason"),
        (
            json!({"identity": "a", "expires_in_seconds": 0}),
            "expires_in_seconds",
        ),
        (
            json!({"identity": "a", "expires_in_seconds": -5}),
            "expires_in_seconds",
        ),
        (
            json!({"identity": "a", "expires_in_seconds": 1e30}),
            "expires_in_seconds",
        ),
        (
            json!({"identity": "a", "expires_in_seconds": "1h"}),
            "expires_in_seconds",
        ),
        (
            json!({"identity": "a", "tokens_issued_before_ms": 0}),
            "tokens_issued_before_ms",
        ),
        (
            json!({"identity": "a", "tokens_issued_before_ms": u64::MAX}),
            "tokens_issued_before_ms",
        ),
        (json!({"identity": "a", "author": "someone else"}), "author"),
    ]
}

#[tokio::test]
async fn whatever_is_wrong_with_a_ban_is_said_with_its_field() {
    let node = Node::start(databases::sqlite()).await;
    for (body, field) in bad_bans() {
        let (status, error) = node.call("POST", "/api/v1/bans", &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {error}");
        assert_eq!(error["field"], field, "{body}: {error}");
        assert_eq!(error["code"], "invalid_argument");
    }
    for body in [
        "",
        "{",
        "[]",
        "null",
        "7",
        "\"identity\"",
        "{\"identity\": \"a\"} x",
        "\u{0}",
    ] {
        let (status, error) = node
            .send(Some(&node.token()), "POST", "/api/v1/bans", body)
            .await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {error}");
    }
    let huge = "x".repeat(300_000);
    let (status, _) = node
        .send(Some(&node.token()), "POST", "/api/v1/bans", &huge)
        .await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    for query in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "after=x",
        "after=1",
        "unknown=1",
        "all=perhaps",
        "subject=%00",
    ] {
        let (status, error) = node
            .call("GET", &format!("/api/v1/bans?{query}"), &NONE)
            .await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}: {error}");
    }
    assert!(node.list.is_empty());
    assert_eq!(
        node.call("DELETE", "/api/v1/bans/BN_none", &NONE).await.0,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        node.call("GET", "/api/v1/nothing", &NONE).await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn pages_hold_all_that_is_listed_once() {
    for database in databases().await {
        let node = Node::start(database).await;
        for number in 0..12 {
            node.ban(json!({"identity": format!("user{number}'; DROP TABLE bans; --")}))
                .await;
        }
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let (_, page) = node
                .call("GET", &format!("/api/v1/bans?limit=5{after}"), &NONE)
                .await;
            let bans = page["bans"].as_array().unwrap();
            seen.extend(bans.iter().map(|ban| ban["id"].to_string()));
            let Some(next) = page["next"].as_str() else {
                break;
            };
            after = format!("&after={next}");
        }
        assert_eq!(seen.len(), 12);
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 12);
    }
}

#[tokio::test]
async fn whom_a_call_about_many_does_not_find_it_names() {
    let node = Node::start(databases::sqlite()).await;
    let whom = json!({"identities": ["alice", "bob"]});
    for call in ["mute", "remove"] {
        let path = format!("/api/v1/rooms/lobby/{call}");
        let (status, error) = node.call("POST", &path, &whom).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{call}: {error}");
        assert_eq!(error["message"], "the room does not exist");
    }
    node.create("lobby").await;
    let (status, answer) = node.call("POST", "/api/v1/rooms/lobby/remove", &whom).await;
    assert_eq!(status, StatusCode::OK);
    let missing = |identity| json!({"identity": identity, "error": {"code": "not_found", "message": "participant does not exist"}});
    let expected = json!({
        "results": [missing("alice"), missing("bob")], "changed": 0, "audited": true
    });
    assert_eq!(answer, expected);
    let everybody = json!({"everybody": true, "except": ["host"]});
    let (_, answer) = node
        .call("POST", "/api/v1/rooms/lobby/mute", &everybody)
        .await;
    assert_eq!(
        answer,
        json!({"results": [], "changed": 0, "audited": true})
    );
    let (_, audit) = node.call("GET", "/api/v1/audit", &NONE).await;
    assert_eq!(audit["audit"], json!([]), "{audit}");
}

#[tokio::test]
async fn a_call_about_many_names_the_field_that_is_wrong() {
    let node = Node::start(databases::sqlite()).await;
    node.create("lobby").await;
    let many: Vec<_> = (0..1001).map(|number| number.to_string()).collect();
    for (call, body, field) in [
        ("mute", json!({}), "identities"),
        (
            "mute",
            json!({"identities": ["a"], "everybody": true}),
            "identities",
        ),
        ("mute", json!({"identities": many}), "identities"),
        ("mute", json!({"identities": ["a", ""]}), "identities[1]"),
        (
            "mute",
            json!({"identities": ["a"], "except": ["b"]}),
            "except",
        ),
        (
            "mute",
            json!({"everybody": true, "sources": ["radio"]}),
            "sources[0]",
        ),
        ("mute", json!({"everybody": true, "kind": "smell"}), "kind"),
        ("mute", json!({"everybody": true, "muted": false}), "muted"),
        ("mute", json!({"everybody": true, "loudly": true}), "loudly"),
        (
            "remove",
            json!({"everybody": true, "reason": "a\u{7}"}),
            "reason",
        ),
        ("update", json!({"everybody": true}), "permission"),
        (
            "update",
            json!({"everybody": true, "permission": {"can_fly": true}}),
            "permission.can_fly",
        ),
    ] {
        let path = format!("/api/v1/rooms/lobby/{call}");
        let (status, error) = node.call("POST", &path, &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{error}");
        assert_eq!(error["field"], field, "{error}");
    }
}

#[tokio::test]
async fn a_repeated_request_does_nothing_again_and_is_answered_alike() {
    let node = Node::start(databases::sqlite()).await;
    let replay = async |key: &str, body: Value| {
        let path = format!("/api/v1/webhooks/replay{key}");
        node.call("POST", &path, &body).await
    };
    let body = json!({"url": DEAF});
    let first = replay("#once=K1", body.clone()).await;
    assert_eq!(first, (StatusCode::OK, json!({"replayed": 1})));
    assert_eq!(replay("#once=K1", body.clone()).await, first);
    assert_eq!(replay("", body.clone()).await.1, json!({"replayed": 0}));
    assert_eq!(replay("#once=K2", body).await.1, json!({"replayed": 0}));
    let (status, error) = replay("#once=K1", json!({"url": "elsewhere"})).await;
    assert_eq!(
        (status, &error["field"]),
        (StatusCode::BAD_REQUEST, &json!("Idempotency-Key"))
    );
}

#[tokio::test]
async fn a_stranger_gets_no_answer_of_somebody_elses() {
    let node = Node::start(databases::sqlite()).await;
    let (path, body) = ("/api/v1/webhooks/replay#once=K1", json!({"url": DEAF}));
    node.call("POST", path, &body).await;
    let (status, _) = node.send(None, "POST", path, &body.to_string()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn nobody_is_let_in_before_bans_are_loaded() {
    let store = Store::open("postgres://nobody@127.0.0.1:9/none").unwrap();
    let node = Node::with_store(store, databases::sqlite()).await;
    assert!(node.bans.load().await.is_err());
    assert_eq!(node.refusal("lobby", "alice").await.unwrap(), "no answer");
    assert!(node.node.rooms.ready().is_err());

    // A ban holds at once, and is not acknowledged.
    let (status, error) = node
        .call("POST", "/api/v1/bans", &json!({"identity": "mallory"}))
        .await;
    assert_eq!(
        (status, &error["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable"))
    );
    assert_eq!(node.refusal("lobby", "mallory").await.unwrap(), "banned");
    let counts = node.bans.counts();
    assert_eq!((counts.held, counts.unsaved), (1, 1));
    assert!(!error["message"].as_str().unwrap().contains("127.0.0.1"));
}
