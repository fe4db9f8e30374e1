//! Bans of the node as an operator runs it: across restarts, crashes, and databases that do not answer.

mod process;

use std::process::Command;

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
