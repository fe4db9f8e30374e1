//! The node as a process.

#![allow(dead_code, reason = "each test uses what it needs of it")]

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

/// A folder for the files of a node; dropping it removes it.
pub(crate) struct DataDir(PathBuf);

impl DataDir {
    /// Makes one of a name that no other test of this process has.
    pub(crate) fn new(name: &str) -> Self {
        let program = env!("CARGO_CRATE_NAME");
        let name = format!("sluice-{program}-{name}-{}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(&folder.0).expect("temporary files can be made");
        folder
    }

    pub(crate) fn path(&self) -> &str {
        Path::to_str(&self.0).expect("it has a plain name")
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// A running node; dropping it ends the process.
pub(crate) struct Node {
    process: Child,
    /// `host:port` of HTTP.
    pub(crate) address: String,
}

impl Node {
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_as(Command::new(env!("CARGO_BIN_EXE_sluice")), "", flags)
    }

    /// Starts it from a shell that has limited what it may.
    pub(crate) fn start_limited(limit: &str) -> Self {
        let mut shell = Command::new("sh");
        let start = format!("{limit}; exec \"$0\" \"$@\"");
        shell.args(["-c", &start, env!("CARGO_BIN_EXE_sluice")]);
        Self::start_as(shell, "", &["--dev"])
    }

    /// Starts it as `command` does, with more of a configuration.
    pub(crate) fn start_as(mut command: Command, configuration: &str, flags: &[&str]) -> Self {
        let body = format!("rtc: {{tcp_port: 0}}\n{configuration}");
        command.args(["--config-body", &body]).args(flags);
        Self::spawn(command, Stdio::null())
    }

    /// Starts it, and returns what it logs, too.
    pub(crate) fn start_heard(flags: &[&str]) -> (Self, Log) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
        command.args(flags);
        Self::spawn_heard(command)
    }

    /// Starts it as `command` does, and returns what it logs, too.
    pub(crate) fn spawn_heard(command: Command) -> (Self, Log) {
        let mut node = Self::spawn(command, Stdio::piped());
        let log = node.process.stderr.take().expect("it is piped");
        (node, Log(BufReader::new(log)))
    }

    pub(crate) fn spawn(mut command: Command, log: Stdio) -> Self {
        let mut process = command
            .args(["--bind", "127.0.0.1", "--port", "0", "--udp-port", "0"])
            .args(["--shards", "1"])
            .stdout(Stdio::piped())
            .stderr(log)
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

    /// Opens a connection.
    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).expect("the node listens")
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: &str) {
        let process = self.process.id().to_string();
        let told = Command::new("kill").args([signal, &process]).status();
        assert!(told.expect("there is a `kill`").success());
    }

    /// Tells it to stop, and waits until it has ended.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.signal("-TERM");
        self.process.wait().expect("it is a child of ours")
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.process.wait().expect("it is a child of ours")
    }

    /// Ends it as a crash would.
    pub(crate) fn crash(mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it is a child of ours");
    }

    /// Returns what it says to the holder of a token.
    pub(crate) fn validate(&self, token: &str) -> String {
        self.status(&format!("/rtc/validate?access_token={token}"))
    }

    /// Returns the least and the most number of files that it may have open.
    pub(crate) fn file_limits(&self) -> (String, String) {
        let limits = format!("/proc/{}/limits", self.process.id());
        let limits = fs::read_to_string(limits).expect("it runs");
        let files = limits
            .lines()
            .find_map(|line| line.strip_prefix("Max open files"));
        let mut files = files.expect("there is such a limit").split_whitespace();
        let mut next = || files.next().unwrap_or_default().to_owned();
        (next(), next())
    }

    /// Asks for a page and returns the status.
    pub(crate) fn status(&self, path: &str) -> String {
        self.ask("GET", path, "", "").0
    }

    /// Sends a request with further lines of a head and a body; returns the status and the body of the answer.
    pub(crate) fn ask(&self, method: &str, path: &str, head: &str, body: &str) -> (String, String) {
        let mut stream = self.connect();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{head}\r\n{body}"
        );
        let asked = stream.write_all(request.as_bytes());
        asked.expect("the node reads");
        let mut answer = String::new();
        let answered = stream.read_to_string(&mut answer);
        answered.expect("the node answers");
        let status = answer.split(' ').nth(1).unwrap_or_default();
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
        (status.to_owned(), body.unwrap_or_default().to_owned())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// What a node logs.
pub(crate) struct Log(BufReader<ChildStderr>);

impl Log {
    /// Reads on until the node ends.
    pub(crate) fn read_to_string(&mut self, said: &mut String) -> io::Result<usize> {
        self.0.read_to_string(said)
    }

    /// Waits for a line that says this.
    pub(crate) fn await_line(&mut self, text: &str) {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            let read = self.0.read_line(&mut line).expect("it is text");
            assert!(read > 0, "the node ended without: {text}");
        }
    }
}
