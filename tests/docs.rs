//! What the pages of `docs/` say to type does what they say: every block that is marked `sh run`, in their order, against a node of
//! its own for each page.

mod process;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use process::{DataDir, Node};
use serde_json::Value;

const CONFIGURATION: &str = "rtc: {tcp_port: 0}\nkeys: {key: 0123456789abcdef0123456789abcdef}\n";

/// What pages take the node's address to be.
const WRITTEN: &str = "127.0.0.1:7880";

/// Returns all pages that have blocks to run: their names and scripts.
fn pages() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let files = fs::read_dir(folder).expect("there are pages");
    let mut pages = Vec::new();
    for file in files.map_while(Result::ok) {
        let text = fs::read_to_string(file.path()).unwrap_or_default();
        let script = blocks(&text).join("\n");
        if !script.is_empty() {
            pages.push((file.file_name().to_string_lossy().into_owned(), script));
        }
    }
    pages
}

fn blocks(page: &str) -> Vec<&str> {
    let marked = page.split("\n```sh run\n").skip(1);
    marked
        .filter_map(|rest| Some(rest.split_once("\n```")?.0))
        .collect()
}

/// A node for one page, with a configuration file where the page takes it to be.
struct PageNode {
    data: DataDir,
    node: Node,
}

impl PageNode {
    fn start(page: &str) -> Self {
        let data = DataDir::new(page);
        let file = data.file("sluice.yaml");
        fs::write(&file, CONFIGURATION).expect("there is room");
        let file = file.to_str().expect("it has a plain name").to_owned();
        let node = Node::start(&["--config", &file]);
        Self { data, node }
    }

    fn run(&self, script: &str) -> Output {
        let program = Path::new(env!("CARGO_BIN_EXE_sluice"));
        let programs = program.parent().expect("it is in a folder").display();
        let script = script.replace(WRITTEN, &self.node.address);
        let script = format!("set -eu\nPATH=\"{programs}:$PATH\"\n{script}");
        let mut shell = Command::new("sh");
        let ran = shell.args(["-c", &script]).current_dir(self.data.path());
        ran.output().expect("there is a shell")
    }
}

#[test]
fn what_pages_say_to_type_is_answered_well() {
    let pages = pages();
    assert!(!pages.is_empty());
    for (page, script) in pages {
        let node = PageNode::start(&page);
        let ran = node.run(&script);
        let said = String::from_utf8_lossy(&ran.stdout);
        let why = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{page}: {said}\n{why}");
        for wrong in [
            "bad_route",
            "malformed",
            "invalid_argument",
            "unauthenticated",
        ] {
            assert!(!said.contains(wrong), "{page}: {said}");
        }
    }
}

/// Returns the calls that lines of a shell make: method and path, with what a variable stands for as `{}`.
fn calls(script: &str) -> BTreeSet<String> {
    let mut calls = BTreeSet::new();
    for line in script.lines() {
        let Some((_, rest)) = line.split_once("$URL/api/v1/") else {
            continue;
        };
        let path = rest.split(['"', '?', ' ']).next().unwrap_or_default();
        let names = path.split('/').map(|name| match name.starts_with('$') {
            true => "{}",
            false => name,
        });
        let path: Vec<_> = names.collect();
        let (_, method) = line.split_once("-X ").unwrap_or(("", "GET"));
        let method = method.split(' ').next().unwrap_or_default();
        calls.insert(format!("{method} /api/v1/{}", path.join("/")));
    }
    calls
}

/// Returns the calls that a description has.
fn described(openapi: &Value) -> BTreeSet<String> {
    let mut calls = BTreeSet::new();
    for (path, methods) in openapi["paths"].as_object().into_iter().flatten() {
        let names = path.split('/').map(|name| match name.starts_with('{') {
            true => "{}",
            false => name,
        });
        let path: Vec<_> = names.collect();
        for method in methods.as_object().into_iter().flatten() {
            calls.insert(format!("{} {}", method.0.to_uppercase(), path.join("/")));
        }
    }
    calls
}

#[test]
fn every_call_of_the_api_is_on_a_page() {
    let node = PageNode::start("every");
    let (status, openapi) = node.node.ask("GET", "/api/v1/openapi.json", "", "");
    assert_eq!(status, "200");
    let openapi = serde_json::from_str(&openapi).expect("it is JSON");
    let shown: BTreeSet<_> = pages()
        .iter()
        .flat_map(|(_, script)| calls(script))
        .collect();
    let described = described(&openapi);
    let missing: Vec<_> = described.difference(&shown).collect();
    assert!(missing.is_empty(), "no page shows {missing:?}");
}

#[test]
fn a_node_without_participants_ends_when_it_is_drained() {
    let node = PageNode::start("drained");
    let script = "URL=http://127.0.0.1:7880\nAPI=$(sluice token --config sluice.yaml --api)\n\
                  curl -sS --fail-with-body -X POST -H \"Authorization: Bearer $API\" $URL/api/v1/drain -d '{}'";
    let ran = node.run(script);
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!(node.node.wait().code(), Some(0));
}
