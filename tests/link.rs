//! `loadtest link` on a real kernel: two network namespaces, packets of our own sockets between them.
//!
//! It needs root and `/dev/net/tun`. Where they are missing each test says so and counts as skipped; so this file has a
//! `main` of its own. The same program is the far end: an echo in the far namespace.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "a test, though without the usual harness: it tells what it tested, and fails by a panic"
)]

use std::net::{SocketAddr, UdpSocket};
use std::panic::catch_unwind;
use std::path::Path;
use std::process::{Command, ExitCode, Output};

use harness::harness;
use link::Linked;

#[path = "loadtest/harness.rs"]
mod harness;
#[path = "link/link.rs"]
mod link;

/// A test and its name.
type Test = (&'static str, fn());

const TESTS: [Test; 6] = [
    (
        "what_is_sent_arrives_no_sooner_than_the_script_says_and_is_counted",
        what_is_sent_arrives_no_sooner_than_the_script_says_and_is_counted,
    ),
    (
        "as_much_is_lost_as_the_script_says",
        as_much_is_lost_as_the_script_says,
    ),
    (
        "a_burst_that_the_queue_has_no_room_for_is_lost",
        a_burst_that_the_queue_has_no_room_for_is_lost,
    ),
    (
        "it_ends_with_its_command_and_the_same_status_and_leaves_nothing",
        it_ends_with_its_command_and_the_same_status_and_leaves_nothing,
    ),
    (
        "without_a_command_it_lasts_for_as_long_as_it_is_told",
        without_a_command_it_lasts_for_as_long_as_it_is_told,
    ),
    (
        "a_signal_ends_the_command_too_and_leaves_nothing",
        a_signal_ends_the_command_too_and_leaves_nothing,
    ),
];

/// The first argument of the far end; behind it stands where to report.
const ECHO: &str = "far-end-echo";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, near] = arguments.as_slice()
        && first == ECHO
    {
        echo(near.parse().expect("an address"));
        return ExitCode::SUCCESS;
    }
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    let tests = TESTS.into_iter();
    let tests = tests.filter(|(name, _)| filter.is_none_or(|filter| name.contains(filter)));
    let missing = what_is_missing();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for (name, test) in tests {
        let verdict = match &missing {
            Some(missing) => {
                skipped += 1;
                eprintln!("SKIPPED, NOT TESTED: {name}: {missing}");
                "skipped"
            }
            None if catch_unwind(test).is_ok() => {
                passed += 1;
                "ok"
            }
            None => {
                failed += 1;
                "FAILED"
            }
        };
        println!("test {name} ... {verdict}");
    }
    println!("\ntest result: {passed} passed; {failed} failed; {skipped} skipped\n");
    match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Says why this machine cannot make a link; nothing if it can.
fn what_is_missing() -> Option<String> {
    if !Path::new("/dev/net/tun").exists() {
        return Some("there is no /dev/net/tun".to_owned());
    }
    let probe = format!("probe-{}", std::process::id());
    let made = Command::new("ip").args(["netns", "add", &probe]).output();
    match made {
        Ok(Output { status, .. }) if status.success() => {
            let removed = Command::new("ip").args(["netns", "del", &probe]).status();
            assert!(
                removed.is_ok_and(|status| status.success()),
                "it is removed"
            );
            None
        }
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(format!("ip: {error}")),
    }
}

/// Greets the near end, then returns every datagram, until an empty one comes.
fn echo(near: SocketAddr) {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a port is free");
    socket.connect(near).expect("the near end can be reached");
    socket.send(b"hello").expect("the greeting leaves");
    let mut buf = [0; 2_048];
    while let Ok(len @ 1..) = socket.recv(&mut buf) {
        socket.send(&buf[..len]).expect("the echo leaves");
    }
}

fn what_is_sent_arrives_no_sooner_than_the_script_says_and_is_counted() {
    let linked = Linked::start("0s both delay=20ms");
    for packet in 0..50 {
        let round_trip = linked.round_trip(packet);
        assert!(round_trip.as_millis() >= 40, "{round_trip:?}");
    }
    let counted = linked.end();
    // The empty one that ends it comes on top; the greeting went up.
    for direction in ["down", "up"] {
        assert_eq!(counted[direction]["packets"], 51, "{counted:#}");
        assert_eq!(counted[direction]["lost_by_chance"], 0, "{counted:#}");
        assert_eq!(counted[direction]["refused"], 0, "{counted:#}");
    }
}

fn as_much_is_lost_as_the_script_says() {
    // A packet each millisecond, so that both sockets have room; with this seed the greeting is not lost.
    let linked = Linked::start("0s down rate=8Mbit queue=2s\n0s up loss=20%");
    linked.send(500);
    let came = linked.until_silent();
    assert!((350..450).contains(&came), "{came}");
    let counted = linked.end();
    assert_eq!(counted["up"]["lost_by_chance"], 500 - came, "{counted:#}");
    assert_eq!(counted["down"]["lost_by_chance"], 0, "{counted:#}");
}

fn a_burst_that_the_queue_has_no_room_for_is_lost() {
    // A kilobyte takes 80 ms, three of them fill the queue: of a hundred at once few pass.
    let linked = Linked::start("0s down rate=100kbit queue=300ms");
    linked.send(100);
    let came = linked.until_silent();
    let counted = linked.end();
    let lost = counted["down"]["lost_by_queue"].as_u64();
    assert_eq!(lost, Some(100 - came), "{counted:#}");
    assert!((4..50).contains(&came), "{came}");
    let longest = counted["down"]["queue_us"]["max"].as_u64();
    assert!(
        longest.is_some_and(|longest| (200_000..=310_000).contains(&longest)),
        "{counted:#}"
    );
}

fn it_ends_with_its_command_and_the_same_status_and_leaves_nothing() {
    let before = link::network();
    let status = link::run(&["--", "sh", "-c", "exit 7"]).wait();
    assert_eq!(status.expect("it ends").code(), Some(7));
    assert_eq!(link::network(), before);
}

fn without_a_command_it_lasts_for_as_long_as_it_is_told() {
    let name = format!("link-test-{}.json", std::process::id());
    let json = std::env::temp_dir().join(name);
    let path = json.to_str().expect("a path is text");
    let status = link::run(&["--duration", "0.3", "--json", path]).wait();
    assert!(status.is_ok_and(|status| status.success()));
    let text = std::fs::read_to_string(&json).expect("it has written its result");
    std::fs::remove_file(&json).expect("it is there");
    let counted: serde_json::Value = serde_json::from_str(&text).expect("the result is JSON");
    let seconds = counted["seconds"].as_f64();
    assert!(seconds.is_some_and(|seconds| seconds >= 0.3), "{counted:#}");
}

fn a_signal_ends_the_command_too_and_leaves_nothing() {
    let before = link::network();
    let mut running = link::run(&["--", "sh", "-c", "echo runs; exec sleep 1000"]);
    link::wait_for_line(&mut running, "runs");
    let pid = running.id().to_string();
    let told = Command::new("kill").args(["-INT", &pid]).status();
    assert!(told.is_ok_and(|status| status.success()));
    let status = running.wait().expect("it ends");
    // As a shell tells of a command that SIGTERM ended.
    assert_eq!(status.code(), Some(128 + 15));
    assert_eq!(link::network(), before);
}
