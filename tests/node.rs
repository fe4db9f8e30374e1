//! The node as an operator starts it: what it serves with which flags.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// A running node; dropping it ends the process.
struct Node {
    process: Child,
    /// `host:port` of HTTP.
    address: String,
}

impl Node {
    fn start(flags: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_sluice"))
            .args(["--bind", "127.0.0.1", "--port", "0", "--udp-port", "0"])
            .args(["--shards", "1", "--config-body", "rtc: {tcp_port: 0}"])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the node starts");
        let said = BufReader::new(process.stdout.take().expect("its output is piped"));
        let address = said
            .lines()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("ws://")?.1.trim().to_owned()));
        Self {
            process,
            address: address.expect("the node says where it listens"),
        }
    }

    /// Asks for a page and returns the status.
    fn status(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("the node listens");
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let asked = stream.write_all(request.as_bytes());
        asked.expect("the node reads");
        let mut answer = String::new();
        let answered = stream.read_to_string(&mut answer);
        answered.expect("the node answers");
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

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
