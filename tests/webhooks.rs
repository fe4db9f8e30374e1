//! Webhooks of the node as an operator runs it: receivers that are dead or slow, and a node that is killed at any moment.

#[path = "loadtest/harness.rs"]
mod harness;
mod process;
#[path = "webhooks/sessions.rs"]
mod sessions;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use process::{DataDir, Node};
use serde_json::Value;

const KEYS: &str = "key: 0123456789abcdef0123456789abcdef";

/// How often the node is killed, unless the environment says otherwise.
const KILLS: u64 = 12;

/// How often it is killed in the midst of calls.
const CALLS: u64 = 5;

/// How long it is waited for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

fn start(data: &DataDir, webhook: &str) -> Node {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.args(["--keys", KEYS, "--data-dir", data.path()]);
    let configuration = format!("webhook: {{api_key: key, allow_private: true, {webhook}}}");
    Node::start_as(command, &configuration, &[])
}

/// What a receiver does with a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// It takes it.
    Takes,
    /// It answers with an error.
    Fails,
    /// It reads and never answers.
    Hangs,
    /// It sends the sender elsewhere.
    Redirects,
}

/// A receiver on a port of its own, which keeps what it was sent in the order in which that came.
struct Receiver {
    url: String,
    manner: Arc<Mutex<Manner>>,
    events: Arc<Mutex<Vec<Value>>>,
    requests: Arc<AtomicU64>,
}

impl Receiver {
    fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let receiver = Self {
            url: format!("http://127.0.0.1:{port}/hook"),
            manner: Arc::new(Mutex::new(manner)),
            events: Arc::default(),
            requests: Arc::default(),
        };
        let (manner, events) = (Arc::clone(&receiver.manner), Arc::clone(&receiver.events));
        let requests = Arc::clone(&receiver.requests);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (manner, events) = (Arc::clone(&manner), Arc::clone(&events));
                let requests = Arc::clone(&requests);
                thread::spawn(move || serve(stream, &manner, &events, &requests));
            }
        });
        receiver
    }

    fn set(&self, manner: Manner) {
        *self.manner.lock().expect("no thread panics with it") = manner;
    }

    fn events(&self) -> Vec<Value> {
        self.events
            .lock()
            .expect("no thread panics with it")
            .clone()
    }

    /// Waits until what has come satisfies `wanted`.
    fn until(&self, what: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let events = self.events.lock().expect("no thread panics with it");
            if wanted(&events) {
                return events.clone();
            }
            let count = events.len();
            drop(events);
            assert!(begun.elapsed() < PATIENCE, "no {what} among {count} events");
            pause();
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a thread of a test waits for another process"
)]
fn pause() {
    thread::sleep(Duration::from_millis(20));
}

/// Takes requests of a connection, one after the other.
fn serve(
    stream: TcpStream,
    manner: &Mutex<Manner>,
    events: &Mutex<Vec<Value>>,
    requests: &AtomicU64,
) {
    let mut reader = BufReader::new(stream);
    while let Some(body) = read_request(&mut reader) {
        requests.fetch_add(1, Ordering::Relaxed);
        let manner = *manner.lock().expect("no thread panics with it");
        let answer = match manner {
            Manner::Takes => {
                let event = serde_json::from_slice(&body).expect("it is JSON");
                events.lock().expect("no thread panics with it").push(event);
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
            }
            Manner::Fails => "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
            Manner::Redirects => {
                "HTTP/1.1 307 There\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
            }
            Manner::Hangs => {
                thread::park();
                return;
            }
        };
        if reader.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}

/// Makes a token that may create and delete rooms.
fn token() -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    let flags = [
        "token",
        "--keys",
        KEYS,
        "--room",
        "any",
        "--identity",
        "ops",
        "--admin",
    ];
    let made = command.args(flags).output().expect("it runs");
    String::from_utf8_lossy(&made.stdout).trim().to_owned()
}

/// Creates or deletes a room; `None` if the node is gone.
fn call(address: &str, token: &str, method: &str, body: &str) -> Option<(bool, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    let request = format!(
        "POST /twirp/livekit.RoomService/{method} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Authorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let body = answer.split_once("\r\n\r\n")?.1.to_owned();
    Some((answer.starts_with("HTTP/1.1 200"), body))
}

fn create(node: &Node, token: &str, room: &str) {
    let (done, answer) = call(
        &node.address,
        token,
        "CreateRoom",
        &format!("{{\"name\": \"{room}\"}}"),
    )
    .expect("the node answers");
    assert!(done, "{answer}");
}

fn delete(node: &Node, token: &str, room: &str) {
    let (done, answer) = call(
        &node.address,
        token,
        "DeleteRoom",
        &format!("{{\"room\": \"{room}\"}}"),
    )
    .expect("the node answers");
    assert!(done, "{answer}");
}

fn text<'a>(event: &'a Value, path: &str) -> &'a str {
    event
        .pointer(path)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Returns events without those that came before.
fn distinct(events: &[Value]) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let first = events
        .iter()
        .filter(|event| seen.insert(text(event, "/id").to_owned()));
    first.cloned().collect()
}

/// Returns the numbers of each room's events in the order in which each came first.
fn first_numbers(events: &[Value]) -> BTreeMap<String, Vec<(i64, String)>> {
    let mut rooms: BTreeMap<String, Vec<(i64, String)>> = BTreeMap::new();
    for event in events {
        let number = text(event, "/sequence").parse().expect("it is a number");
        let numbers = rooms
            .entry(text(event, "/room/sid").to_owned())
            .or_default();
        if numbers.iter().all(|(known, _)| *known != number) {
            numbers.push((number, text(event, "/event").to_owned()));
        }
    }
    rooms
}

#[test]
fn a_dead_receiver_holds_up_no_other_and_is_told_all_when_it_is_back() {
    let (good, bad) = (
        Receiver::start(Manner::Takes),
        Receiver::start(Manner::Fails),
    );
    let hung = Receiver::start(Manner::Hangs);
    let data = DataDir::new("dead");
    let urls = format!("urls: ['{}', '{}', '{}']", good.url, bad.url, hung.url);
    let node = start(&data, &urls);
    let token = token();
    for number in 0..5 {
        create(&node, &token, &format!("room{number}"));
        delete(&node, &token, &format!("room{number}"));
    }
    good.until("ten events", |events| distinct(events).len() == 10);
    assert!(bad.events().is_empty() && hung.events().is_empty());
    bad.set(Manner::Takes);
    bad.until("ten events", |events| distinct(events).len() == 10);
    for numbers in first_numbers(&bad.events()).values() {
        let expected = [
            (1, "room_started".to_owned()),
            (2, "room_finished".to_owned()),
        ];
        assert_eq!(*numbers, expected);
    }
    assert!(hung.requests.load(Ordering::Relaxed) > 0);
}

#[test]
fn a_body_is_sent_nowhere_but_where_it_was_meant_for() {
    let receiver = Receiver::start(Manner::Redirects);
    let data = DataDir::new("redirect");
    let node = start(&data, &format!("urls: ['{}']", receiver.url));
    create(&node, &token(), "room");
    let begun = Instant::now();
    while receiver.requests.load(Ordering::Relaxed) < 2 {
        assert!(begun.elapsed() < PATIENCE);
        pause();
    }
    // A client that follows would have come again at once, and been taken: only the second trial comes.
    assert!(begun.elapsed() > Duration::from_millis(900));
}

#[test]
fn what_the_node_could_not_tell_when_it_ended_is_told_after_it() {
    let receiver = Receiver::start(Manner::Takes);
    let data = DataDir::new("stop");
    let urls = format!("urls: ['{}']", receiver.url);
    let token = token();

    let node = start(&data, &urls);
    create(&node, &token, "stopped");
    receiver.until("start", |events| distinct(events).len() == 1);
    assert_eq!(node.stop().code(), Some(0));
    let events = distinct(&receiver.events());
    assert_eq!(
        events.len(),
        2,
        "a receiver that takes events is told of the end before the process ends"
    );
    let node = start(&data, &urls);
    assert_eq!(text(&events[1], "/event"), "room_finished");
    assert_eq!(
        text(&events[1], "/roomEndReason"),
        "ROOM_END_SERVER_SHUTDOWN"
    );
    assert_eq!(events[1].pointer("/recovered"), None);

    create(&node, &token, "killed");
    receiver.until("start", |events| distinct(events).len() == 3);
    node.crash();
    let _node = start(&data, &urls);
    let events = receiver.until("end", |events| distinct(events).len() == 4);
    let events = distinct(&events);
    assert_eq!(text(&events[3], "/event"), "room_finished");
    assert_eq!(text(&events[3], "/room/name"), "killed");
    assert_eq!(
        (
            text(&events[3], "/sequence"),
            events[3].pointer("/recovered")
        ),
        ("2", Some(&Value::Bool(true)))
    );
}

/// Returns how many rooms have begun and not ended by what has come: rooms do not wait for each other.
fn open_rooms(events: &[Value]) -> usize {
    let of = |kind: &str| {
        let told = events.iter().filter(|it| text(it, "/event") == kind);
        told.map(|it| text(it, "/room/sid"))
            .collect::<BTreeSet<_>>()
    };
    of("room_started").difference(&of("room_finished")).count()
}

/// Creates and deletes rooms until it is told to stop; returns the sids of those that were acknowledged.
fn storm(address: &str, token: &str, worker: usize, stop: &AtomicBool) -> Vec<String> {
    let mut created = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let room = format!("storm-{worker}-{number}");
        let Some((true, answer)) = call(
            address,
            token,
            "CreateRoom",
            &format!("{{\"name\": \"{room}\"}}"),
        ) else {
            break;
        };
        let answer: Value = serde_json::from_str(&answer).expect("it is JSON");
        created.push(text(&answer, "/sid").to_owned());
        if number % 2 == 0
            && call(
                address,
                token,
                "DeleteRoom",
                &format!("{{\"room\": \"{room}\"}}"),
            )
            .is_none()
        {
            break;
        }
    }
    created
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a bench says by it how long it may take"
)]
fn a_node_that_is_killed_at_any_moment_tells_everything_in_order() {
    let kills = std::env::var("SLUICE_KILLS")
        .ok()
        .and_then(|kills| kills.parse().ok())
        .unwrap_or(KILLS);
    let receiver = Receiver::start(Manner::Takes);
    let data = DataDir::new("kill");
    let urls = format!("urls: ['{}']", receiver.url);
    let token = token();
    let mut acknowledged = Vec::new();
    for kill in 0..kills {
        let node = start(&data, &urls);
        let (stop, address) = (AtomicBool::new(false), node.address.clone());
        thread::scope(|scope| {
            let (address, token, stop) = (&address, &token, &stop);
            let storms: Vec<_> = (0..4)
                .map(|worker| scope.spawn(move || storm(address, token, worker, stop)))
                .collect();
            // Some 5 to 300 ms: from before the first event to deep in the storm.
            thread::sleep(Duration::from_millis(5 + (kill * 7_919) % 300));
            node.crash();
            stop.store(true, Ordering::Relaxed);
            acknowledged.extend(
                storms
                    .into_iter()
                    .flat_map(|storm| storm.join().expect("it does not panic")),
            );
        });
    }
    let node = start(&data, &urls);
    create(&node, &token, "last");
    let events = receiver.until("last room", |events| {
        let mut latest = events.iter().rev();
        latest.any(|it| text(it, "/room/name") == "last") && open_rooms(events) == 1
    });
    drop(node);
    let rooms = first_numbers(&events);
    let last_room = events.iter().rfind(|it| text(it, "/room/name") == "last");
    let last_room = last_room.map(|it| text(it, "/room/sid"));
    for (room, numbers) in &rooms {
        let expected: Vec<i64> = (1..).take(numbers.len()).collect();
        let came: Vec<i64> = numbers.iter().map(|(number, _)| *number).collect();
        assert_eq!(came, expected, "{room}: {numbers:?}");
        let last = numbers.last().map(|(_, kind)| kind.as_str());
        let is_last = last_room == Some(room.as_str());
        assert!(
            last == Some("room_finished") || is_last,
            "{room}: {numbers:?}"
        );
    }
    let lost = acknowledged
        .iter()
        .filter(|sid| !rooms.contains_key(*sid))
        .count();
    let twice = events.len() - rooms.values().map(Vec::len).sum::<usize>();
    println!(
        "{kills} kills, {} rooms acknowledged, {} events, {twice} told twice, {lost} rooms never told of",
        acknowledged.len(),
        events.len()
    );
    assert_eq!(lost, 0, "of {} that were acknowledged", acknowledged.len());
}

/// Has clients join three rooms and leave them again, with media, until the node is gone.
fn crowd(node: &Node, number: u64) -> Child {
    let mut crowd = Command::new(harness::harness());
    crowd.args(["--url", &format!("ws://{}", node.address)]);
    crowd.args(["--api-key", "key", "--api-secret"]);
    crowd.arg(KEYS.trim_start_matches("key: "));
    crowd.args(["--room", &format!("call-{number}"), "--rooms", "3"]);
    crowd.args(["--audio-publishers", "1", "--subscribers", "2"]);
    crowd.args(["--churn", "--stay", "1", "--num-per-second", "60"]);
    crowd.args(["--duration", "60", "--settle", "0"]);
    let crowd = crowd.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    crowd.expect("the harness starts")
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the moment at which a node is killed is a time"
)]
fn sessions_that_a_crash_cuts_off_end_once_after_they_began() {
    let receiver = Receiver::start(Manner::Takes);
    let data = DataDir::new("calls");
    let urls = format!("urls: ['{}']", receiver.url);
    for kill in 0..CALLS {
        let node = start(&data, &urls);
        let joined = |events: &[Value]| {
            let room = format!("call-{kill}");
            let of_now = |it: &&Value| text(it, "/room/name").starts_with(&room);
            let joins = events.iter().filter(of_now);
            joins
                .filter(|it| text(it, "/event") == "participant_joined")
                .count()
                > 3
        };
        let mut crowd = crowd(&node, kill);
        receiver.until("call", joined);
        thread::sleep(Duration::from_millis((kill * 379) % 1000));
        node.crash();
        crowd.kill().ok();
        crowd.wait().expect("it is a child of ours");
    }
    let node = start(&data, &urls);
    let token = token();
    create(&node, &token, "last");
    delete(&node, &token, "last");
    let events = receiver.until("end", |events| {
        let events = distinct(events);
        let of = |kind: &str| {
            events
                .iter()
                .filter(|it| text(it, "/event") == kind)
                .count()
        };
        let is_last =
            |it: &Value| text(it, "/room/name") == "last" && text(it, "/event") == "room_finished";
        events.iter().any(is_last) && of("room_started") == of("room_finished")
    });
    let events = distinct(&events);
    let mut rooms: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for event in &events {
        rooms
            .entry(text(event, "/room/sid"))
            .or_default()
            .push(event);
    }
    let sessions: usize = rooms.values().map(|events| sessions::check(events)).sum();
    assert!(sessions > 15, "only {sessions} sessions");
}
