//! The load harness against the node, over real sockets: what noise cannot break.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use harness::harness;
use metrics::limits_met;
use serde_json::Value;
use terminator::Terminator;

#[path = "loadtest/harness.rs"]
mod harness;
#[path = "loadtest/metrics.rs"]
mod metrics;
#[path = "loadtest/terminator.rs"]
mod terminator;

/// A running node. Dropping it ends the process.
struct Node {
    process: Child,
    /// Kept open: what the node says later must go somewhere.
    _said: BufReader<ChildStdout>,
    url: String,
    metrics_port: u16,
}

impl Node {
    /// Starts a node on ports that the system chooses.
    fn start() -> Self {
        Self::start_with("rtc: {tcp_port: 0}")
    }

    /// Starts a node that takes media by TCP too.
    fn start_with_tcp() -> Self {
        Self::start_with(&format!("rtc: {{tcp_port: {}}}", free_port()))
    }

    /// Starts a node and waits until it has said where it listens.
    fn start_with(rtc: &str) -> Self {
        let metrics_port = free_port();
        let config = format!("{{prometheus: {{port: {metrics_port}}}, {rtc}}}");
        let mut process = Command::new(env!("CARGO_BIN_EXE_sluice"))
            .args(["--dev", "--port", "0", "--udp-port", "0"])
            .args(["--config-body", &config])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the node starts");
        let mut said = BufReader::new(process.stdout.take().expect("its output is piped"));
        let mut lines = said.by_ref().lines().map_while(Result::ok);
        let url =
            lines.find_map(|line| Some(format!("ws://{}", line.split_once("ws://")?.1.trim())));
        Self {
            process,
            _said: said,
            url: url.expect("the node says where it listens"),
            metrics_port,
        }
    }

    /// Runs the harness for a second, in which everybody joins and stays and nobody meets a limit, and returns its
    /// JSON.
    fn load(&self, flags: &[&str]) -> Value {
        let (status, result) = self.try_load(flags);
        assert!(status.success(), "{result:#}");
        assert_eq!(limits_met(self.metrics_port), [""; 0], "{flags:?}");
        result
    }

    /// Runs the harness for a second and returns how it ended and its JSON.
    fn try_load(&self, flags: &[&str]) -> (ExitStatus, Value) {
        let directory = Scratch::new();
        let json = directory.0.join("result.json");
        let html = directory.0.join("result.html");
        let status = Command::new(harness())
            .args([
                "--url",
                &self.url,
                "--num-per-second",
                "20",
                "--settle",
                "1",
                "--duration",
                "1",
            ])
            .args(["--server-pid", &self.process.id().to_string()])
            .arg("--json")
            .arg(&json)
            .arg("--html")
            .arg(&html)
            .args(flags)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("the harness starts");
        let text = std::fs::read_to_string(&json).expect("the harness writes its result");
        let page = std::fs::read_to_string(&html).expect("the harness writes its page");
        assert!(page.contains("<svg") && page.ends_with("</html>\n"));
        let result = serde_json::from_str(&text).expect("the result is JSON");
        (status, result)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A node that has ended by itself needs no end.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// A directory for one run.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let output = Command::new("mktemp")
            .arg("-d")
            .output()
            .expect("mktemp runs");
        let path = String::from_utf8(output.stdout).expect("a path is text");
        Self(PathBuf::from(path.trim()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn free_port() -> u16 {
    let unused = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    unused.local_addr().expect("it is bound").port()
}

fn number(result: &Value, place: &str) -> f64 {
    let found = result.pointer(place).and_then(Value::as_f64);
    assert!(found.is_some(), "no {place} in {result:#}");
    found.unwrap_or_default()
}

#[test]
fn a_small_load_joins_and_loses_nothing_by_both_generations_of_signalling() {
    let node = Node::start();
    for signalling in ["v1", "v0"] {
        let result = node.load(&[
            "--signalling",
            signalling,
            "--video-publishers",
            "1",
            "--audio-publishers",
            "2",
            "--subscribers",
            "3",
        ]);
        assert_eq!(
            (number(&result, "/joined"), number(&result, "/failed")),
            (5.0, 0.0),
            "{signalling}"
        );
        assert_eq!(number(&result, "/packets_lost"), 0.0, "{signalling}");
        assert_eq!(number(&result, "/packets_refused"), 0.0, "{signalling}");
        assert_eq!(
            number(&result, "/packets_of_unknown_streams"),
            0.0,
            "{signalling}"
        );
        // Three subscribers, each with one video and two audio streams.
        assert_eq!(number(&result, "/streams"), 9.0, "{signalling}");
        for positive in [
            "/packets_received",
            "/bitrate_bps",
            "/frames",
            "/join_ms/p50",
            "/join_ms/p95",
            "/join_ms/p99",
            "/join_phases_ms/signal/p50",
            "/join_phases_ms/first_media/p50",
            "/latency_us/p50",
            "/latency_us/p99",
            "/server/cpu_us_per_packet",
            "/server/rss_bytes",
            "/server/files",
            "/harness/cpu_us_per_packet",
        ] {
            assert!(
                number(&result, positive) > 0.0,
                "{signalling}: {positive} in {result:#}"
            );
        }
    }
}

#[test]
fn packets_of_data_reach_everybody_else_by_both_generations_of_signalling() {
    let node = Node::start();
    for signalling in ["v1", "v0"] {
        let result = node.load(&[
            "--signalling",
            signalling,
            "--data-publishers",
            "2",
            "--data-packet-bytes",
            "500",
            "--data-bitrate",
            "100",
            "--subscribers",
            "3",
        ]);
        let data = |field: &str| number(&result, &format!("/data/{field}"));
        assert_eq!(number(&result, "/failed"), 0.0, "{signalling}: {result:#}");
        assert!(data("sent") > 0.0, "{signalling}: {result:#}");
        // Three subscribers, and the other publisher.
        assert_eq!(data("expected"), 4.0 * data("sent"), "{signalling}");
        assert_eq!(data("received"), data("expected"), "{signalling}");
        assert_eq!((data("lost"), data("duplicates")), (0.0, 0.0));
        for positive in ["bitrate_bps", "latency_us/p50", "latency_us/p99"] {
            assert!(data(positive) > 0.0, "{signalling}: {positive}");
        }
    }
}

#[test]
fn those_who_come_and_go_all_join_and_leave_nothing_behind() {
    let node = Node::start();
    let result = node.load(&["--churn", "--stay", "0.2", "--rooms", "2"]);
    assert!(number(&result, "/joined") > 1.0, "{result:#}");
    assert_eq!(number(&result, "/failed"), 0.0, "{result:#}");
    assert!(
        number(&result, "/server/cpu_ms_per_join") > 0.0,
        "{result:#}"
    );
    assert!(
        number(&result, "/server/files_after") <= number(&result, "/server/files_before"),
        "{result:#}"
    );
}

#[test]
fn all_resume_after_the_loss_of_their_signalling_connections() {
    let node = Node::start();
    for signalling in ["v1", "v0"] {
        let result = node.load(&[
            "--resume-storm",
            "--signalling",
            signalling,
            "--audio-publishers",
            "1",
            "--subscribers",
            "3",
        ]);
        assert_eq!(number(&result, "/failed"), 0.0, "{signalling}: {result:#}");
        assert_eq!(number(&result, "/resumed"), 3.0, "{signalling}: {result:#}");
    }
}

#[test]
fn a_server_behind_tls_is_joined_where_its_authority_is_trusted_and_nowhere_else() {
    let mut node = Node::start();
    let behind = node.url.strip_prefix("ws://").expect("the node's URL");
    let behind = behind.parse().expect("the node's address");
    let [terminator, stranger] = [(); 2].map(|()| Terminator::start(behind));
    let scratch = Scratch::new();
    let write = |name, authority: &str| {
        let path = scratch.0.join(name);
        std::fs::write(&path, authority).expect("the directory is ours");
        path.into_os_string().into_string().expect("a path is text")
    };
    let trusted = write("trusted.pem", &terminator.authority);
    let trusting = ["--ca-file", &trusted];
    let strange = write("strange.pem", &stranger.authority);
    let load = ["--audio-publishers", "1", "--subscribers", "1"];

    for (url, signalling) in [("wss://localhost", "v1"), ("https://127.0.0.1", "v0")] {
        node.url = format!("{url}:{}", terminator.port);
        let flags = [&load[..], &trusting, &["--signalling", signalling]].concat();
        let result = node.load(&flags);
        assert_eq!(number(&result, "/joined"), 2.0, "{url}: {result:#}");
        assert_eq!(number(&result, "/packets_lost"), 0.0, "{url}: {result:#}");
        assert!(number(&result, "/packets_received") > 0.0, "{url}");
    }

    let (status, result) = node.try_load(&[&load[..], &["--ca-file", &strange]].concat());
    assert!(!status.success());
    assert_eq!(number(&result, "/failed"), 2.0, "{result:#}");
    let failures = result["failures"].to_string();
    assert!(
        failures.contains("not trusted") && failures.contains("--ca-file"),
        "{failures}"
    );
}

#[test]
fn publishers_stop_layers_that_nobody_wants() {
    // A node says what is wanted ten seconds after a publication.
    let video = ["--settle", "13", "--video-publishers", "1"];
    let load = |flags: &[&str]| Node::start().load(&[&video[..], flags].concat());
    let small_pictures = ["--subscribers", "2", "--layout", "5x5"];
    let (stopping, steadfast, alone) = std::thread::scope(|scope| {
        let stopping = scope.spawn(|| load(&small_pictures));
        let steadfast = scope.spawn(|| load(&[&small_pictures[..], &["--no-dynacast"]].concat()));
        let alone = scope.spawn(|| load(&[]));
        let result = |run: std::thread::ScopedJoinHandle<'_, Value>| run.join().expect("a result");
        (result(stopping), result(steadfast), result(alone))
    });
    let sent = |result: &Value| {
        ["low", "medium", "high"]
            .map(|layer| {
                number(
                    result,
                    &format!("/published/video_packets_by_layer/{layer}"),
                )
            })
            .map(|packets| packets > 0.0)
    };
    assert_eq!(sent(&stopping), [true, false, false], "{stopping:#}");
    assert_eq!(sent(&steadfast), [true, true, true], "{steadfast:#}");
    assert_eq!(number(&alone, "/published/packets"), 0.0, "{alone:#}");
    // What is not sent is not lost.
    for received in [&stopping, &steadfast] {
        assert_eq!(number(received, "/packets_lost"), 0.0, "{received:#}");
        assert!(number(received, "/frames_by_layer/low") > 0.0);
    }
    assert!(number(&stopping, "/published/bytes") < number(&steadfast, "/published/bytes") / 4.0);
}

#[test]
fn a_load_by_tcp_joins_resumes_and_loses_nothing() {
    let node = Node::start_with_tcp();
    for signalling in ["v1", "v0"] {
        let result = node.load(&[
            "--transport",
            "tcp",
            "--resume-storm",
            "--signalling",
            signalling,
            "--video-publishers",
            "1",
            "--audio-publishers",
            "1",
            "--subscribers",
            "3",
        ]);
        assert_eq!(number(&result, "/failed"), 0.0, "{signalling}: {result:#}");
        assert_eq!(number(&result, "/streams"), 6.0, "{signalling}: {result:#}");
        assert_eq!(number(&result, "/packets_lost"), 0.0, "{signalling}");
        assert_eq!(number(&result, "/packets_refused"), 0.0, "{signalling}");
        assert!(number(&result, "/frames") > 0.0, "{signalling}");
        assert_eq!(number(&result, "/resumed"), 3.0, "{signalling}: {result:#}");
    }
}
