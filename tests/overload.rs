//! Participants that do their worst against the node, over real sockets, and what their neighbours notice of it: in short.
//! `cargo xtask bench overload` does the whole of it, and measures against narrower bounds.

use std::net::TcpListener;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use overload::{Bounds, CASES, Node, Scale, Trial};

/// One trial after the other: side by side they would measure each other.
static TRIALS: Mutex<()> = Mutex::new(());

/// Plays cases, each against a node of its own, and holds that nobody else noticed more than any machine may show.
fn hold(names: &[&str]) {
    let _alone = TRIALS.lock().unwrap_or_else(PoisonError::into_inner);
    overload::raise_file_limit();
    let program = Path::new(env!("CARGO_BIN_EXE_sluice"));
    for name in names {
        let case = CASES.iter().find(|case| case.name == *name);
        let case = case.expect("the case is one of the list");
        let tcp_port = if case.by_tcp { free_port() } else { 0 };
        let node = Node::start("Sluice", program, tcp_port).expect("the node starts");
        let trial = Trial {
            server: node.server(),
            case,
            scale: Scale::Short,
        };
        let figures = trial.play().expect("there are calls to watch");
        let broken = Bounds::ANYWHERE.broken(&figures);
        assert!(broken.is_empty(), "{name}: {broken:#?}\n{figures:#?}");
    }
}

fn free_port() -> u16 {
    let unused = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    unused.local_addr().expect("it is bound").port()
}

#[test]
fn nobody_is_held_up_by_a_flood_of_signalling() {
    hold(&[
        "mute",
        "metadata",
        "data-tracks",
        "subscriptions",
        "junk",
        "offers",
    ]);
}

#[test]
fn nobody_is_held_up_by_a_message_that_is_dear_to_read() {
    hold(&["settings", "settings-json", "features", "attributes"]);
}

#[test]
fn nobody_is_held_up_by_a_flood_of_data() {
    hold(&["data-reliable-many", "data-lossy-many"]);
}

#[test]
fn nobody_is_held_up_by_who_does_not_take_what_comes() {
    hold(&["unread-websocket", "closed-window"]);
}

#[test]
fn what_is_done_over_and_over_leaves_nothing_behind() {
    hold(&["subscribe-cycles", "publish-cycles", "join-and-leave"]);
}

#[test]
fn connections_that_are_left_are_let_go() {
    hold(&["connections-idle", "connections-media"]);
}
