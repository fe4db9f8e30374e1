//! The node as an operator starts it: what it serves with which flags.

mod process;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use process::Node;

#[test]
fn with_the_key_of_development_anybody_is_given_a_token_on_this_machine() {
    let node = Node::start(&["--dev"]);
    assert_eq!(node.status("/call/token?room=lobby&name=ann"), "200");
    assert_eq!(node.status("/call"), "200");
}

#[test]
fn with_real_keys_nobody_is_given_a_token_in_development_either() {
    let keys = ["--dev", "--keys", "mine: 0123456789abcdef0123456789abcdef"];
    let node = Node::start(&keys);
    assert_eq!(node.status("/call/token?room=lobby&name=ann"), "404");
    assert_eq!(node.status("/call"), "404");
    assert_eq!(node.status("/"), "200");
}

/// Asks for the health of the node on a connection that stays open, and returns the status.
fn ask(stream: &mut TcpStream) -> String {
    let asked = stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    asked.expect("the node reads");
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\nOK") {
        stream.read_exact(&mut byte).expect("the node answers");
        answer.push(byte[0]);
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[test]
fn as_many_files_may_be_open_as_the_system_lets_a_process_have() {
    let node = Node::start_limited("ulimit -S -n 256");
    let (soft, hard) = node.file_limits();
    assert_eq!(soft, hard);
}

#[test]
fn a_node_that_may_open_no_more_files_serves_those_who_are_there_and_others_when_some_have_gone() {
    let node = Node::start_limited("ulimit -n 64");
    let mut early = node.connect();
    assert_eq!(ask(&mut early), "200");
    let crowd: Vec<_> = (0..100).map(|_| node.connect()).collect();
    let mut late = node.connect();
    for _ in 0..10 {
        assert_eq!(ask(&mut early), "200");
    }
    drop(crowd);
    assert_eq!(ask(&mut late), "200");
}

#[test]
fn a_node_that_is_told_to_stop_ends_by_itself() {
    let node = Node::start(&["--dev"]);
    let _idle = node.connect();
    assert_eq!(node.stop().code(), Some(0));
}

#[test]
fn a_node_in_which_something_does_not_end_is_ended_in_time() {
    let command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    let node = Node::start_as(command, "shutdown_timeout: 1", &["--dev"]);
    // It is waited for longer than the node may take.
    let mut stuck = node.connect();
    let begun = stuck.write_all(b"GET / HTTP/1.1\r\n");
    begun.expect("the node reads");
    // Who comes later is answered, so the node has that connection.
    assert_eq!(ask(&mut node.connect()), "200");
    assert_eq!(node.stop().code(), Some(1));
}

/// A file of keys that nobody else may read; dropping it removes it.
struct KeyFile(PathBuf);

impl KeyFile {
    fn new(name: &str, content: &str) -> Self {
        let name = format!("sluice-{name}-{}", std::process::id());
        let file = Self(std::env::temp_dir().join(name));
        file.write(content);
        let only_mine = fs::Permissions::from_mode(0o600);
        fs::set_permissions(&file.0, only_mine).expect("it is ours");
        file
    }

    fn write(&self, content: &str) {
        fs::write(&self.0, content).expect("there is room");
    }

    fn path(&self) -> &str {
        Path::to_str(&self.0).expect("it has a plain name")
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        fs::remove_file(&self.0).ok();
    }
}

const OLD: &str = "old: 0123456789abcdef0123456789abcdef\n";
const NEW: &str = "new: fedcba9876543210fedcba9876543210\n";

/// Makes a token by the program itself.
fn token(keys: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    let made = command
        .args([
            "token",
            "--keys",
            keys,
            "--room",
            "lobby",
            "--identity",
            "ann",
        ])
        .output()
        .expect("it runs");
    String::from_utf8_lossy(&made.stdout).trim().to_owned()
}

const READ_AGAIN: &str = "keys were read again";

#[test]
fn keys_are_replaced_by_a_changed_file_while_the_node_runs() {
    let file = KeyFile::new("changed", OLD);
    let (node, mut log) = Node::start_heard(&["--key-file", file.path()]);
    let (old, new) = (token(OLD), token(NEW));
    assert_eq!(node.validate(&old), "200");
    assert_eq!(node.validate(&new), "401");
    file.write(&format!("{NEW}{OLD}"));
    log.await_line(READ_AGAIN);
    assert_eq!(node.validate(&new), "200");
    assert_eq!(node.validate(&old), "200");
    file.write(NEW);
    log.await_line(READ_AGAIN);
    assert_eq!(node.validate(&new), "200");
    assert_eq!(node.validate(&old), "401");
}

#[test]
fn a_signal_has_the_configuration_read_again_and_a_bad_one_changes_nothing() {
    let dir = std::env::temp_dir().join(format!("sluice-configured-{}", std::process::id()));
    let dir = dir.display();
    let of = |keys: &str| format!("rtc: {{tcp_port: 0}}\ndata_dir: {dir}\nkeys:\n  {keys}");
    let file = KeyFile::new("configuration", &of(OLD));
    let (node, mut log) = Node::start_heard(&["--config", file.path()]);
    let (old, new) = (token(OLD), token(NEW));
    assert_eq!(node.validate(&old), "200");
    file.write(&of(NEW));
    node.signal("-HUP");
    log.await_line(READ_AGAIN);
    assert_eq!(node.validate(&new), "200");
    assert_eq!(node.validate(&old), "401");
    for bad in ["", "keys: {}", "keys: ["] {
        file.write(bad);
        node.signal("-HUP");
        log.await_line("stay as they were");
        assert_eq!(node.validate(&new), "200");
    }
    assert_eq!(node.stop().code(), Some(0));
    fs::remove_dir_all(dir.to_string()).ok();
}

/// Runs the program with a configuration until it ends because of it; returns what it says.
fn refused(before: &[&str], configuration: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    let ended = command
        .args(before)
        .args(["--config-body", configuration])
        .output();
    let ended = ended.expect("it runs");
    assert!(!ended.status.success(), "{configuration}");
    String::from_utf8_lossy(&ended.stderr).into_owned()
}

#[test]
fn a_configuration_is_refused_when_it_is_checked_for_what_it_is_refused_at_start() {
    let with = |written: &str| {
        format!("rtc: {{tcp_port: 0}}\nkeys: {{{NEW}}}\nwebhook: {{api_key: new, {written}}}\n")
    };
    let private = [
        "http://127.0.0.1/hunter2",
        "http://2130706433/hunter2",
        "http://[::ffff:10.0.0.1]/hunter2",
        "http://localhost./hunter2",
    ];
    let others = ["ftp://a.example/hunter2", "hunter2"];
    let mut cases: Vec<_> = private
        .iter()
        .chain(&others)
        .map(|url| with(&format!("urls: ['{url}']")))
        .collect();
    let all = private.map(|url| format!("'{url}'")).join(", ");
    cases.push(with(&format!(
        "urls: [{all}], filter_params: {{include_events: [room_begun]}}"
    )));
    cases.push(format!(
        "{}database: {{url: 'sqlite::memory:'}}\n",
        with("urls: []")
    ));
    cases.push(format!(
        "{}tokens: {{server_url: 'wss://x', jwks_url: 'http://id.example/hunter2'}}\n",
        with("urls: []")
    ));
    for case in cases {
        let (checked, started) = (refused(&["check-config"], &case), refused(&[], &case));
        assert_eq!(checked, started, "{case}");
        assert!(checked.contains("has faults"), "{checked}");
        // `hunter2` alone is all of an address, and its host.
        assert!(!checked.contains("/hunter2"), "{checked}");
        let faults = checked.lines().count() - 1;
        let expected = if case.contains("room_begun") {
            private.len() + 1
        } else {
            1
        };
        assert_eq!(faults, expected, "{checked}");
    }
}
