//! What is secret is in no line of the log, at any level, and in no answer but the one that gives it.

mod process;

use std::io::{Read, Write};
use std::process::Command;
use std::thread;

use process::{DataDir, Node};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const SESSION_SECRET: &str = "sesame-sesame-sesame-sesame-sesame";
const HOOK_SECRET: &str = "hunter2";
const METRICS_SECRET: &str = "hunter3";

fn configuration(data: &DataDir) -> String {
    format!(
        "logging: {{level: trace}}\nrtc: {{tcp_port: 0}}\nkeys: {{key: {SECRET}}}\ndata_dir: {}\n\
         webhook: {{api_key: key, allow_private: true, urls: ['http://me:{HOOK_SECRET}@127.0.0.1:9/{HOOK_SECRET}?t={HOOK_SECRET}']}}\n\
         tokens: {{server_url: 'wss://x', session_secret: {SESSION_SECRET}}}\n\
         prometheus: {{username: me, password: {METRICS_SECRET}}}\n",
        data.path()
    )
}

/// Makes a token by the program itself.
fn token(configuration: &str, flags: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.args(["token", "--config-body", configuration]);
    let made = command.args(flags).output().expect("it runs");
    assert!(made.status.success(), "{made:?}");
    String::from_utf8_lossy(&made.stdout).trim().to_owned()
}

/// Joins a room and leaves it: the answer is an upgrade, and the first message.
fn join(node: &Node, token: &str) {
    let mut stream = node.connect();
    let request = format!(
        "GET /rtc?access_token={token} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream
        .write_all(request.as_bytes())
        .expect("the node reads");
    let mut status = [0; 12];
    stream.read_exact(&mut status).expect("the node answers");
    assert_eq!(status.as_slice(), b"HTTP/1.1 101");
}

#[test]
fn no_line_of_the_log_and_no_answer_has_a_secret_or_a_token() {
    let data = DataDir::new("all");
    let configuration = configuration(&data);
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.args(["--config-body", &configuration]);
    let (node, mut log) = Node::spawn_heard(command);
    let reading = thread::spawn(move || {
        let mut said = String::new();
        log.read_to_string(&mut said).expect("it is text");
        said
    });

    let room = ["--room", "lobby", "--identity", "ann", "--admin"];
    let (api, ann) = (
        token(&configuration, &["--api"]),
        token(&configuration, &room),
    );
    let forged = format!("{ann}x");
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let mut answers = String::new();
    let mut ask = |method: &str, path: &str, head: &str, body: &str| {
        let (status, answer) = node.ask(method, path, head, body);
        answers.push_str(&format!("{status} {answer}\n"));
    };
    join(&node, &ann);
    for shown in [&ann, &forged, &api] {
        ask(
            "GET",
            &format!("/rtc/validate?access_token={shown}"),
            "",
            "",
        );
        ask("GET", "/api/v1/bans", &bearer(shown), "");
        ask("POST", "/api/v1/bans", &bearer(shown), "{\"identity\": 7}");
        ask("POST", "/token", &bearer(shown), "{}");
        ask(
            "POST",
            "/twirp/livekit.RoomService/CreateRoom",
            &bearer(shown),
            "{\"name\": \"hall\"}",
        );
    }
    ask(
        "POST",
        "/api/v1/bans",
        &bearer(&api),
        "{\"identity\": \"ann\", \"reason\": \"spam\"}",
    );
    ask("GET", &format!("/rtc/validate?access_token={ann}"), "", "");
    let (_, made) = node.ask(
        "POST",
        "/api/v1/tokens",
        &bearer(&api),
        "{\"identity\": \"bob\", \"room\": \"lobby\"}",
    );
    let made: serde_json::Value = serde_json::from_str(&made).expect("it is JSON");
    let made = made["token"].as_str().expect("it has a token").to_owned();
    join(&node, &made);
    ask("GET", "/api/v1/audit", &bearer(&api), "");
    assert_eq!(node.stop().code(), Some(0));

    let said = reading.join().expect("it reads to the end");
    for line in [
        "Room opened",
        "Refused, because of a ban",
        "Banned: identity ann",
    ] {
        assert!(said.contains(line), "{line} in {said}");
    }
    // The signature is what makes a token one.
    let signatures =
        [&ann, &forged, &api, &made].map(|token| token.rsplit('.').next().unwrap_or_default());
    let secrets = [SECRET, SESSION_SECRET, HOOK_SECRET, METRICS_SECRET];
    for secret in secrets.into_iter().chain(signatures) {
        assert!(!said.contains(secret), "the log has {secret}");
    }
    for secret in secrets {
        assert!(
            !answers.contains(secret),
            "an answer has {secret}: {answers}"
        );
    }
}
