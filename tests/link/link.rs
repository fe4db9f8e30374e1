//! A running link, and the near end's socket.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{ECHO, harness};

/// A link whose far end echoes.
pub(crate) struct Linked {
    process: Child,
    socket: UdpSocket,
    /// What it writes in the end, and its script.
    files: [PathBuf; 2],
}

impl Linked {
    /// How long the last packet of many may be on its way.
    const SILENCE: Duration = Duration::from_secs(2);
    const PACKET: usize = 1_000;

    /// Starts a link by a script, and waits until the far end greets.
    pub(crate) fn start(script: &str) -> Self {
        // Each link of this process has addresses of its own, here where all near ends are.
        static LINKS: AtomicU8 = AtomicU8::new(0);
        let link = LINKS.fetch_add(1, Ordering::Relaxed);
        let [near, far] = [1, 2].map(|end| format!("198.18.{link}.{end}"));
        let name = format!("link-test-{}-{link}", std::process::id());
        let files =
            ["json", "script"].map(|kind| std::env::temp_dir().join(format!("{name}.{kind}")));
        let [json, script_file] = &files;
        std::fs::write(script_file, script).expect("the script is written");
        // A port of any address, because the near one comes with the link.
        let socket = UdpSocket::bind("0.0.0.0:0").expect("a port is free");
        let port = socket.local_addr().expect("it is bound").port();
        let this = std::env::current_exe().expect("a program has a path");
        let mut command = Command::new(harness());
        command.arg("link").arg("--script").arg(script_file);
        command.arg("--json").arg(json);
        command.args(["--near-address", &near, "--far-address", &far, "--"]);
        command.arg(this).args([ECHO, &format!("{near}:{port}")]);
        let process = command.spawn().expect("the link starts");
        let (mut buf, greeted) = ([0; 5], Some(Duration::from_secs(30)));
        socket.set_read_timeout(greeted).expect("a time-out");
        let (_, far): (_, SocketAddr) = socket.recv_from(&mut buf).expect("the far end greets");
        assert_eq!(&buf, b"hello");
        socket.connect(far).expect("it can be reached");
        Self {
            process,
            socket,
            files,
        }
    }

    /// Sends a packet and returns how long its echo took.
    pub(crate) fn round_trip(&self, number: u8) -> Duration {
        let sent = Instant::now();
        self.socket.send(&[number]).expect("a packet leaves");
        let mut buf = [0; 2];
        let len = self.socket.recv(&mut buf).expect("its echo comes");
        assert_eq!(&buf[..len], [number]);
        sent.elapsed()
    }

    /// Sends so many packets at once.
    pub(crate) fn send(&self, count: usize) {
        for _ in 0..count {
            self.socket
                .send(&[1; Self::PACKET])
                .expect("a packet leaves");
        }
    }

    /// Counts echoes until none comes any more.
    pub(crate) fn until_silent(&self) -> u64 {
        let silence = Some(Self::SILENCE);
        self.socket.set_read_timeout(silence).expect("a time-out");
        let mut buf = [0; Self::PACKET];
        let came = std::iter::from_fn(|| self.socket.recv(&mut buf).ok());
        came.count() as u64
    }

    /// Ends the far end, and with it the link; returns what it counted.
    pub(crate) fn end(mut self) -> Value {
        self.socket.send(b"").expect("a packet leaves");
        let status = self.process.wait().expect("the link ends");
        assert!(status.success(), "{status}");
        let text = std::fs::read_to_string(&self.files[0]).expect("it has written its result");
        serde_json::from_str(&text).expect("the result is JSON")
    }
}

impl Drop for Linked {
    fn drop(&mut self) {
        // One that has ended needs no end.
        let pid = self.process.id().to_string();
        if matches!(self.process.try_wait(), Ok(None)) {
            Command::new("kill").args(["-TERM", &pid]).status().ok();
            self.process.wait().ok();
        }
        for file in &self.files {
            std::fs::remove_file(file).ok();
        }
    }
}

/// Starts a link that is ideal.
pub(crate) fn run(arguments: &[&str]) -> Child {
    let mut command = Command::new(harness());
    command.arg("link").args(arguments).stdout(Stdio::piped());
    command.spawn().expect("the link starts")
}

/// Waits until a link's command says something.
pub(crate) fn wait_for_line(running: &mut Child, expected: &str) {
    let said = running.stdout.take().expect("its output is piped");
    let mut line = String::new();
    BufReader::new(said)
        .read_line(&mut line)
        .expect("it speaks");
    assert_eq!(line.trim(), expected);
}

/// Returns the namespaces of this machine that links made, and the devices of this namespace.
pub(crate) fn network() -> Vec<String> {
    let listed = ["netns list", "-brief link"].map(|arguments| {
        let output = Command::new("ip").args(arguments.split(' ')).output();
        String::from_utf8_lossy(&output.expect("ip runs").stdout).into_owned()
    });
    let lines = listed.iter().flat_map(|text| text.lines());
    let ours = lines.filter(|line| line.starts_with("link-") || line.starts_with("near"));
    ours.map(str::to_owned).collect()
}
