//! Calls over HTTP in memory, to rooms without participants.

use auth::VideoGrant;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{Method, header};
use prost::Message;
use serde_json::{Value, json};

use store::Store;

use super::*;
use crate::bans::BanList;
use crate::test_node::TestNode;
use crate::test_webhooks::webhooks;
use databases::Database;

const MAX_BODY: usize = 4096;
const JSON: &str = "application/json";
const PROTOBUF: &str = "application/protobuf";

/// Every method and the body of a call about room `x`.
fn methods() -> Vec<(&'static str, Value)> {
    let about_alice = json!({"room": "x", "identity": "alice"});
    vec![
        ("CreateRoom", json!({"name": "x"})),
        ("ListRooms", json!({})),
        ("DeleteRoom", json!({"room": "x"})),
        ("ListParticipants", json!({"room": "x"})),
        ("GetParticipant", about_alice.clone()),
        ("RemoveParticipant", about_alice.clone()),
        (
            "MutePublishedTrack",
            json!({"room": "x", "identity": "alice", "trackSid": "TR_1", "muted": true}),
        ),
        ("UpdateParticipant", about_alice.clone()),
        ("UpdateSubscriptions", about_alice),
        ("SendData", json!({"room": "x", "data": "aGk="})),
        ("UpdateRoomMetadata", json!({"room": "x", "metadata": "m"})),
        (
            "ForwardParticipant",
            json!({"room": "x", "destinationRoom": "y"}),
        ),
        (
            "MoveParticipant",
            json!({"room": "x", "destinationRoom": "y"}),
        ),
        (
            "PerformRpc",
            json!({"room": "x", "destinationIdentity": "alice", "method": "m"}),
        ),
    ]
}

/// May do everything with room `x`.
fn admin() -> VideoGrant {
    VideoGrant {
        room_create: true,
        room_list: true,
        room_admin: true,
        room: "x".to_owned(),
        destination_room: "y".to_owned(),
        ..VideoGrant::default()
    }
}

struct Node(
    TestNode,
    Bans,
    Webhooks,
    #[expect(dead_code, reason = "its files are used")] Database,
);

impl Node {
    async fn start() -> Self {
        let node = TestNode::start();
        // Nothing here comes to it.
        let store = Store::open("sqlite:///no/such/folder/x.db").unwrap();
        let bans = Bans::new(BanList::default(), store, node.rooms.clone());
        let (webhooks, files) = webhooks(&node).await;
        Self(node, bans, webhooks, files)
    }

    fn token(&self, grant: VideoGrant) -> String {
        self.0.token(grant)
    }

    async fn answer(&self, request: Request) -> (StatusCode, HeaderMap, Bytes) {
        let routes = routes(
            self.0.rooms.clone(),
            self.1.clone(),
            self.2.clone(),
            MAX_BODY,
        );
        self.0.answer(routes, request).await
    }

    /// Calls with JSON and the rights of [`admin`].
    async fn call(&self, method: &str, body: &Value) -> (StatusCode, Value) {
        let token = self.token(admin());
        let request = call(method, JSON, Some(&token), body.to_string());
        let (status, headers, body) = self.answer(request).await;
        assert_eq!(headers[header::CONTENT_TYPE], JSON);
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn refused(&self, request: Request) -> (u16, String) {
        let (status, headers, body) = self.answer(request).await;
        assert_eq!(headers[header::CONTENT_TYPE], JSON);
        let error: Value = serde_json::from_slice(&body).unwrap();
        (status.as_u16(), error["code"].as_str().unwrap().to_owned())
    }
}

fn call(method: &str, form: &str, token: Option<&str>, body: impl Into<Body>) -> Request {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(format!("/twirp/livekit.RoomService/{method}"))
        .header(header::CONTENT_TYPE, form);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    request.body(body.into()).unwrap()
}

fn unauthenticated() -> (u16, String) {
    (401, "unauthenticated".to_owned())
}

#[tokio::test]
async fn every_method_needs_a_token() {
    let node = Node::start().await;
    for (method, body) in methods() {
        let request = call(method, JSON, None, body.to_string());
        assert_eq!(node.refused(request).await, unauthenticated(), "{method}");
    }
}

#[tokio::test]
async fn every_method_needs_its_grant_for_this_very_room() {
    let node = Node::start().await;
    let elsewhere = VideoGrant {
        room_admin: true,
        room: "another".to_owned(),
        ..VideoGrant::to_join("x")
    };
    let token = node.token(elsewhere);
    for (method, body) in methods() {
        let request = call(method, JSON, Some(&token), body.to_string());
        assert_eq!(node.refused(request).await, unauthenticated(), "{method}");
    }
    assert!(node.0.rooms.list(&[]).is_empty());
}

#[tokio::test]
async fn who_may_only_create_rooms_deletes_none() {
    let node = Node::start().await;
    let mut claims = Claims::of("bot".into());
    claims.sluice = Some(auth::SluiceGrant {
        create_rooms: true,
        ..auth::SluiceGrant::default()
    });
    let token = node.0.sign(&claims);
    let create = call("CreateRoom", JSON, Some(&token), "{\"name\": \"x\"}");
    assert_eq!(node.answer(create).await.0, StatusCode::OK);
    let delete = call("DeleteRoom", JSON, Some(&token), "{\"room\": \"x\"}");
    assert_eq!(node.refused(delete).await, unauthenticated());
    assert_eq!(node.0.rooms.list(&[]).len(), 1);
}

#[tokio::test]
async fn tokens_are_revoked_of_somebody_in_some_room_and_not_for_ever() {
    let node = Node::start().await;
    for (room, identity, before) in [
        ("x", "nul\u{0}x", "1"),
        ("x", "", "1"),
        ("x", "alice", "9223372036854775807"),
        ("", "alice", "1"),
    ] {
        let grant = VideoGrant {
            room: room.to_owned(),
            ..admin()
        };
        let body = json!({"room": room, "identity": identity, "revokeTokenTs": before});
        let request = call(
            "RemoveParticipant",
            JSON,
            Some(&node.token(grant)),
            body.to_string(),
        );
        let refused = (400, "invalid_argument".to_owned());
        assert_eq!(node.refused(request).await, refused, "{body}");
    }
    assert_eq!(node.1.counts().held, 0);
}

#[tokio::test]
async fn every_method_is_known_in_both_forms() {
    let node = Node::start().await;
    let token = node.token(admin());
    for (method, _) in methods() {
        for form in [JSON, PROTOBUF] {
            let body = if form == JSON { "{}" } else { "" };
            let (status, headers, body) = node.answer(call(method, form, Some(&token), body)).await;
            let text = String::from_utf8_lossy(&body);
            assert!(!text.contains("bad_route"), "{method} {form} {text}");
            let replied_in = if status == StatusCode::OK { form } else { JSON };
            assert_eq!(headers[header::CONTENT_TYPE], replied_in, "{method}");
        }
    }
}

#[tokio::test]
async fn what_leads_nowhere_is_a_bad_route() {
    let node = Node::start().await;
    let token = node.token(admin());
    let bad_route = (404, "bad_route".to_owned());
    let bad = |method: Method, path: &str, form: &str| {
        let mut request = call("ListRooms", form, Some(&token), "{}");
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        request
    };
    let list = "/twirp/livekit.RoomService/ListRooms";
    let requests = [
        bad(Method::GET, list, JSON),
        bad(Method::POST, list, "text/plain"),
        bad(
            Method::POST,
            "/twirp/livekit.RoomService/NoSuchMethod",
            JSON,
        ),
        bad(Method::POST, "/twirp/livekit.Nothing/ListRooms", JSON),
        bad(Method::POST, "/twirp/livekit.RoomService/ListRooms/x", JSON),
    ];
    for request in requests {
        let target = format!("{} {}", request.method(), request.uri());
        assert_eq!(node.refused(request).await, bad_route, "{target}");
    }
}

#[tokio::test]
async fn the_content_type_may_have_parameters_and_any_case() {
    let node = Node::start().await;
    let token = node.token(admin());
    for form in ["application/json;charset=UTF-8", "Application/JSON"] {
        let (status, ..) = node
            .answer(call("ListRooms", form, Some(&token), "{}"))
            .await;
        assert_eq!(status, StatusCode::OK, "{form}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_message_is_malformed() {
    let node = Node::start().await;
    let token = node.token(admin());
    let malformed = (400, "malformed".to_owned());
    for (form, body) in [(JSON, &b"{\"name\":"[..]), (PROTOBUF, &[0xff; 4])] {
        let request = call("CreateRoom", form, Some(&token), body.to_vec());
        assert_eq!(node.refused(request).await, malformed, "{form}");
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_413_with_and_without_a_known_length() {
    let node = Node::start().await;
    let token = node.token(admin());
    let known = Body::from(vec![b' '; MAX_BODY + 1]);
    let chunk = Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 1024]));
    let endless = Body::from_stream(futures_util::stream::repeat_with(move || {
        chunk
            .as_ref()
            .map(Bytes::clone)
            .map_err(|_| std::io::Error::other("never"))
    }));
    let strangers = Body::from(vec![b' '; MAX_BODY + 1]);
    let from = [
        (known, Some(&token)),
        (endless, Some(&token)),
        (strangers, None),
    ];
    for (body, token) in from {
        let request = call("ListRooms", JSON, token.map(String::as_str), body);
        let (status, _, body) = node.answer(request).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(body, "request body too large");
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let node = Node::start().await;
    tokio::time::pause();
    let token = node.token(admin());
    let silent = || Body::from_stream(futures_util::stream::pending::<std::io::Result<Bytes>>());
    let request = call("ListRooms", JSON, Some(&token), silent());
    let given_up = (408, "deadline_exceeded".to_owned());
    assert_eq!(node.refused(request).await, given_up);
    let request = call("ListRooms", JSON, None, silent());
    assert_eq!(node.refused(request).await, unauthenticated());
}

#[tokio::test]
async fn a_room_is_created_listed_changed_and_deleted_in_json() {
    let node = Node::start().await;
    let create = json!({"name": "x", "empty_timeout": 7, "departureTimeout": 8, "odd": [1]});
    let (status, room) = node.call("CreateRoom", &create).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(room["empty_timeout"], 7);
    assert_eq!(room["departure_timeout"], 8);
    assert_eq!(room["num_participants"], 0);
    let (_, changed) = node
        .call("UpdateRoomMetadata", &json!({"room": "x", "metadata": "m"}))
        .await;
    assert_eq!(changed["metadata"], "m");
    assert_eq!(changed["sid"], room["sid"]);
    let (_, listed) = node.call("ListRooms", &json!({"names": ["x"]})).await;
    assert_eq!(listed["rooms"][0]["sid"], room["sid"]);
    let deleted = node.call("DeleteRoom", &json!({"room": "x"})).await;
    assert_eq!(deleted, (StatusCode::OK, json!({})));
    let (status, error) = node.call("DeleteRoom", &json!({"room": "x"})).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(error["code"], "not_found");
    assert_eq!(error["msg"], "requested room does not exist");
}

#[tokio::test]
async fn a_room_is_created_and_listed_in_protobuf() {
    let node = Node::start().await;
    let token = node.token(admin());
    let request = proto::CreateRoomRequest {
        name: "x".to_owned(),
        max_participants: 3,
        ..proto::CreateRoomRequest::default()
    };
    let body = request.encode_to_vec();
    let (_, headers, body) = node
        .answer(call("CreateRoom", PROTOBUF, Some(&token), body))
        .await;
    assert_eq!(headers[header::CONTENT_TYPE], PROTOBUF);
    let room = proto::Room::decode(body).unwrap();
    assert_eq!(room.max_participants, 3);
    let (.., body) = node
        .answer(call("ListRooms", PROTOBUF, Some(&token), ""))
        .await;
    let listed = proto::ListRoomsResponse::decode(body).unwrap();
    assert_eq!(listed.rooms, [room]);
}

#[tokio::test]
async fn arguments_that_cannot_be_are_refused() {
    let node = Node::start().await;
    node.call("CreateRoom", &json!({"name": "x"})).await;
    let long = "m".repeat(33);
    let calls = [
        ("CreateRoom", json!({})),
        ("CreateRoom", json!({"name": "n".repeat(17)})),
        ("CreateRoom", json!({"name": "z", "metadata": long})),
        ("CreateRoom", json!({"name": "z", "room_preset": "unknown"})),
        (
            "SendData",
            json!({"room": "x", "data": "aGk=", "nonce": "AAAA"}),
        ),
    ];
    for (method, body) in calls {
        let (status, error) = node.call(method, &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{method} {body}");
        assert_eq!(error["code"], "invalid_argument", "{method} {body}");
    }
    assert_eq!(node.0.rooms.list(&[]).len(), 1);
}

#[tokio::test]
async fn who_and_what_is_missing_is_not_found() {
    let node = Node::start().await;
    for exists in [false, true] {
        if exists {
            node.call("CreateRoom", &json!({"name": "x"})).await;
        }
        for method in ["GetParticipant", "RemoveParticipant", "UpdateParticipant"] {
            let body = json!({"room": "x", "identity": "alice"});
            let (status, error) = node.call(method, &body).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{method}");
            assert_eq!(error["msg"], "participant does not exist", "{method}");
        }
        let (status, listed) = node.call("ListParticipants", &json!({"room": "x"})).await;
        assert_eq!(
            (status, listed),
            (StatusCode::OK, json!({"participants": []}))
        );
    }
}

#[tokio::test]
async fn who_is_not_there_is_not_moved_and_no_room_is_made_for_it() {
    let node = Node::start().await;
    let body = json!({"room": "x", "destination_room": "y", "identity": "alice"});
    for room_exists in [false, true] {
        if room_exists {
            node.call("CreateRoom", &json!({"name": "x"})).await;
        }
        for method in ["MoveParticipant", "ForwardParticipant"] {
            let (status, error) = node.call(method, &body).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{method}");
            assert_eq!(error["msg"], "participant does not exist");
        }
    }
    let (_, listed) = node.call("ListRooms", &json!({"names": ["y"]})).await;
    assert_eq!(listed, json!({"rooms": []}));
}

#[tokio::test]
async fn nobody_is_moved_to_where_the_token_does_not_say() {
    let node = Node::start().await;
    for (destination, expected) in [("z", 401), ("x", 401), ("", 401)] {
        let body = json!({"room": "x", "destination_room": destination, "identity": "alice"});
        let (status, _) = node.call("MoveParticipant", &body).await;
        assert_eq!(status.as_u16(), expected, "{destination}");
    }
    let grant = VideoGrant {
        destination_room: "x".to_owned(),
        ..admin()
    };
    let token = node.token(grant);
    let body = json!({"room": "x", "destination_room": "x", "identity": "alice"});
    let request = call("MoveParticipant", JSON, Some(&token), body.to_string());
    assert_eq!(
        node.refused(request).await,
        (400, "invalid_argument".to_owned())
    );
}

#[test]
fn a_room_that_ends_during_a_call_is_not_found() {
    let failed = RequestFailed::Refused(signaling_session::RoomError::RoomClosed);
    assert_eq!(TwirpError::from(failed).code, Code::NotFound);
}
