//! Bans of the node as an operator runs it: across restarts, crashes, and databases that do not answer.

mod process;

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use process::{DataDir, Node};

const KEYS: &str = "key: 0123456789abcdef0123456789abcdef";

/// How often the node is killed right after it has acknowledged a ban.
const CRASHES: usize = 8;

fn start(data: &DataDir) -> Node {
    Node::start(&["--keys", KEYS, "--data-dir", data.path()])
}

/// Runs the program with the files of a folder until it ends by itself because it cannot start; returns what it says.
fn refused(data: &DataDir) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    command
        .args(["--keys", KEYS, "--data-dir", data.path()])
        .args(["--port", "0", "--udp-port", "0"])
        .args(["--config-body", "rtc: {tcp_port: 0}"]);
    let ended = command.output().expect("it runs");
    assert!(!ended.status.success());
    String::from_utf8_lossy(&ended.stderr).into_owned()
}

/// Makes a token by the program itself.
fn token(flags: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    let made = command.args(["token", "--keys", KEYS]).args(flags).output();
    let made = made.expect("it runs");
    assert!(made.status.success(), "{made:?}");
    String::from_utf8_lossy(&made.stdout).trim().to_owned()
}

fn of(identity: &str) -> String {
    token(&["--room", "lobby", "--identity", identity])
}

/// Calls the API; returns the status and the answer.
fn call(node: &Node, method: &str, path: &str, body: &str) -> (String, String) {
    let head = format!("Authorization: Bearer {}\r\n", token(&["--api"]));
    node.ask(method, &format!("/api/v1/{path}"), &head, body)
}

fn join(node: &Node, token: &str) -> (String, String) {
    node.ask(
        "GET",
        &format!("/rtc/validate?access_token={token}"),
        "",
        "",
    )
}

#[test]
fn a_ban_that_was_acknowledged_holds_after_every_crash() {
    let data = DataDir::new("crash");
    let mut node = start(&data);
    for number in 0..CRASHES {
        let ban = format!("{{\"identity\": \"user{number}\", \"reason\": \"number {number}\"}}");
        let (status, answer) = call(&node, "POST", "bans", &ban);
        assert_eq!(status, "201", "{answer}");
        node.crash();
        node = start(&data);
        for banned in 0..=number {
            let expected = ("403".to_owned(), format!("banned: number {banned}"));
            assert_eq!(join(&node, &of(&format!("user{banned}"))), expected);
        }
    }
    assert_eq!(join(&node, &of("ann")).0, "200");
}

#[test]
fn a_ban_that_was_lifted_stays_lifted_after_a_crash() {
    let data = DataDir::new("lift");
    let node = start(&data);
    let (_, answer) = call(&node, "POST", "bans", "{\"identity\": \"ann\"}");
    let answer: serde_json::Value = serde_json::from_str(&answer).expect("it is JSON");
    let id = answer["ban"]["id"].as_str().expect("it has an id");
    assert_eq!(join(&node, &of("ann")).0, "403");
    assert_eq!(call(&node, "DELETE", &format!("bans/{id}"), "").0, "200");
    node.crash();
    assert_eq!(join(&start(&data), &of("ann")).0, "200");
}

#[test]
fn a_node_whose_database_does_not_answer_lets_nobody_in_and_says_that_it_is_not_ready() {
    let data = DataDir::new("none");
    let none = "postgres://nobody:hunter2@127.0.0.1:9/none";
    let node = Node::start(&[
        "--keys",
        KEYS,
        "--data-dir",
        data.path(),
        "--database-url",
        none,
    ]);
    assert_eq!(node.status("/"), "406");
    assert_eq!(join(&node, &of("ann")).0, "503");
    let (status, answer) = call(&node, "GET", "bans", "");
    assert_eq!(status, "503");
    assert!(!answer.contains("hunter2"), "{answer}");
}

#[test]
fn files_are_beside_the_configuration_and_found_there_again() {
    let data = DataDir::new("beside");
    let file = data.file("sluice.yaml");
    std::fs::write(&file, format!("rtc: {{tcp_port: 0}}\nkeys: {{{KEYS}}}\n"))
        .expect("there is room");
    let flags = ["--config", file.to_str().expect("it has a plain name")];
    let node = Node::start(&flags);
    assert_eq!(
        call(&node, "POST", "bans", "{\"identity\": \"ann\"}").0,
        "201"
    );
    assert_eq!(node.stop().code(), Some(0));
    assert!(data.file("sluice.db").exists() && data.file("journal.db").exists());
    // The files that are there are used.
    assert_eq!(join(&Node::start(&flags), &of("ann")).0, "403");
}

#[test]
fn a_folder_has_one_node() {
    let data = DataDir::new("one");
    let _first = start(&data);
    let said = refused(&data);
    assert!(
        said.contains("another node") && said.contains(data.path()),
        "{said}"
    );
}

#[test]
fn a_file_that_is_no_database_is_said_at_start() {
    let data = DataDir::new("junk");
    std::fs::write(
        data.file("sluice.db"),
        "this is no database, and longer than a header of one",
    )
    .expect("there is room");
    let said = refused(&data);
    assert!(said.contains("sluice.db"), "{said}");
}

/// How long it is waited for what must come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits until somebody is told something else at the door.
fn await_join(node: &Node, token: &str, status: &str) {
    let begun = Instant::now();
    while join(node, token).0 != status {
        assert!(begun.elapsed() < PATIENCE, "never {status}");
        pause();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a thread of a test waits for another process"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

#[test]
fn nodes_with_one_database_hear_of_each_others_bans_soon() {
    let (shared, mine, other) = (
        DataDir::new("shared"),
        DataDir::new("mine"),
        DataDir::new("other"),
    );
    let url = format!("sqlite://{}", shared.file("bans.db").display());
    let start = |data: &DataDir| {
        let flags = ["--keys", KEYS, "--data-dir", data.path()];
        Node::start(&[flags.as_slice(), &["--database-url", &url]].concat())
    };
    let (first, second) = (start(&mine), start(&other));
    let ann = of("ann");
    let (_, answer) = call(&first, "POST", "bans", "{\"identity\": \"ann\"}");
    await_join(&second, &ann, "403");
    let answer: serde_json::Value = serde_json::from_str(&answer).expect("it is JSON");
    let id = answer["ban"]["id"].as_str().expect("it has an id");
    assert_eq!(call(&second, "DELETE", &format!("bans/{id}"), "").0, "200");
    await_join(&first, &ann, "200");
}

#[test]
fn files_are_for_the_user_of_the_node_alone_also_those_of_an_older_one() {
    let data = DataDir::new("private");
    let folder = data.file("deep").join("er");
    let old = data.file("shared.db");
    std::fs::write(&old, "").expect("there is room");
    let mode = |path: &std::path::Path| {
        let metadata = std::fs::metadata(path);
        metadata.map(|it| it.permissions().mode() & 0o777)
    };
    let everybody = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(&old, everybody).expect("it is ours");
    let url = format!("sqlite://{}", old.display());
    let flags = [
        "--keys",
        KEYS,
        "--data-dir",
        folder.to_str().expect("it has a plain name"),
    ];
    let node = Node::start(&[flags.as_slice(), &["--database-url", &url]].concat());
    assert_eq!(
        call(&node, "POST", "bans", "{\"identity\": \"ann\"}").0,
        "201"
    );
    assert_eq!(mode(&folder).ok(), Some(0o700));
    for file in [
        "journal.db",
        "journal.db-wal",
        "journal.db-shm",
        "sluice.lock",
    ] {
        assert_eq!(mode(&folder.join(file)).ok(), Some(0o600), "{file}");
    }
    for file in ["shared.db", "shared.db-wal", "shared.db-shm"] {
        assert_eq!(mode(&data.file(file)).ok(), Some(0o600), "{file}");
    }
}
