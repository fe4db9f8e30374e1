//! Sessions of the node as an operator runs it: what calls came to, after a crash and with a database that is locked.

#[path = "loadtest/harness.rs"]
mod harness;
mod process;

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use process::{DataDir, Node};
use serde_json::Value;
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// How long it is waited for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

fn start(data: &DataDir) -> Node {
    let keys = format!("key: {SECRET}");
    Node::start(&["--keys", &keys, "--data-dir", data.path()])
}

/// Sends three into a room, one of whom speaks.
fn crowd(node: &Node) -> Child {
    let mut crowd = Command::new(harness::harness());
    crowd.args(["--url", &format!("ws://{}", node.address)]);
    crowd.args(["--api-key", "key", "--api-secret", SECRET, "--room", "call"]);
    crowd.args(["--audio-publishers", "1", "--subscribers", "2"]);
    crowd.args(["--duration", "60", "--settle", "0"]);
    let crowd = crowd.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    crowd.expect("the harness starts")
}

fn end(mut crowd: Child) {
    crowd.kill().expect("it is a child of ours");
    crowd.wait().expect("it is a child of ours");
}

/// Asks the API.
fn read(node: &Node, path: &str) -> Value {
    let keys = format!("key: {SECRET}");
    let mut token = Command::new(env!("CARGO_BIN_EXE_sluice"));
    let token = token.args(["token", "--keys", &keys, "--api"]).output();
    let token = String::from_utf8(token.expect("it runs").stdout).expect("a token is text");
    let head = format!("Authorization: Bearer {}\r\n", token.trim());
    let (status, body) = node.ask("GET", &format!("/api/v1/{path}"), &head, "");
    assert_eq!(status, "200", "{body}");
    serde_json::from_str(&body).expect("it is JSON")
}

/// Asks until the answer is what is wanted.
fn until(node: &Node, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let answer = read(node, path);
        if wanted(&answer) {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "{answer:#}");
        pause(100);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a thread of a test waits for another process"
)]
fn pause(millis: u64) {
    thread::sleep(Duration::from_millis(millis));
}

fn number(value: &Value, field: &str) -> i64 {
    value[field].as_i64().expect("it is a whole number")
}

fn list<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer[name].as_array().map_or(&[], Vec::as_slice)
}

/// Whether so many participants are told of, each of whom had so much time and traffic.
fn are_counted(answer: &Value, count: usize, at_least_ms: i64) -> bool {
    let sessions = list(answer, "participants");
    let is_counted = |it: &Value| {
        let had = number(it, "bytes_received").min(number(it, "bytes_sent"));
        number(it, "duration_ms") >= at_least_ms && had > 1_000
    };
    sessions.len() == count && sessions.iter().all(is_counted)
}

#[test]
fn what_a_crash_cuts_off_came_to_what_was_last_known() {
    let data = DataDir::new("crash");
    let node = start(&data);
    let crowd = crowd(&node);
    let before = until(&node, "participants?open=true", |answer| {
        are_counted(answer, 3, 11_000)
    });
    node.crash();
    end(crowd);
    let node = start(&data);
    let after = until(&node, "participants", |answer| {
        list(answer, "participants")
            .iter()
            .all(|it| it["left_at_ms"].is_i64())
    });
    assert_eq!(list(&after, "participants").len(), 3);
    for session in list(&after, "participants") {
        let same = |it: &&Value| it["sid"] == session["sid"];
        let known = list(&before, "participants").iter().find(same);
        let known = known.expect("it was there before");
        // What is written every five seconds is known after a crash; a busy machine may write it a little later.
        let lost = number(known, "duration_ms") - number(session, "duration_ms");
        assert!((-5_000..8_000).contains(&lost), "{session:#}");
        assert!(number(session, "bytes_sent") > 0, "{session:#}");
        assert!(number(session, "bytes_sent") <= number(known, "bytes_sent"));
        assert_eq!(session["recovered"], true);
        assert_eq!(session["disconnect_reason"], "SERVER_SHUTDOWN");
    }
    let rooms = read(&node, "sessions");
    let [room] = list(&rooms, "sessions") else {
        panic!("{rooms:#}");
    };
    assert_eq!(
        (number(room, "present"), number(room, "peak_participants")),
        (0, 3)
    );
    let usage = read(&node, "usage?by=");
    let used: i64 = list(&usage, "usage")
        .iter()
        .map(|day| number(day, "bytes_sent"))
        .sum();
    assert_eq!(used, number(room, "bytes_sent"));
}

#[test]
fn calls_go_on_while_the_database_is_locked_and_are_accounted_for_then() {
    let data = DataDir::new("locked");
    let node = start(&data);
    let lock = lock(&data);
    let crowd = crowd(&node);
    // While nothing can be written, nothing is known of it; the node lets people in.
    pause(4_000);
    assert_eq!(node.status("/"), "200");
    assert_eq!(list(&read(&node, "participants"), "participants").len(), 0);
    drop(lock);
    until(&node, "participants?open=true", |answer| {
        are_counted(answer, 3, 2_000)
    });
    end(crowd);
}

/// Locks the database as another program does, until it is dropped.
fn lock(data: &DataDir) -> (tokio::runtime::Runtime, SqliteConnection) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a thread can be started");
    let options = SqliteConnectOptions::new().filename(data.file("sluice.db"));
    let connection = runtime.block_on(async {
        let mut connection = options.connect().await.expect("the database is there");
        let locked = sqlx::query("BEGIN IMMEDIATE")
            .execute(&mut connection)
            .await;
        locked.expect("nobody else writes");
        connection
    });
    (runtime, connection)
}
