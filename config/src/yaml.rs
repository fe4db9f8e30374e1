use std::collections::BTreeMap;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::tree::{Member, Node, Value};
use crate::{Fault, Place};

/// The longest text that is read, in bytes. LiveKit's documented example has 20 kB.
const MAX_BYTES: usize = 1 << 20;
/// How many values a text may hold, those that aliases repeat included.
const MAX_NODES: usize = 20_000;
/// How deep values may be nested.
const MAX_DEPTH: usize = 32;

/// Reads a YAML text into a tree. An empty text is an empty group.
///
/// All that goes wrong below the syntax is found: duplicate keys do not hide each other.
pub(crate) fn parse(origin: &str, text: &str) -> Result<Node, Vec<Fault>> {
    let origin: Arc<str> = origin.into();
    let mut builder = Builder {
        start: Place {
            origin,
            line: Some(1),
        },
        open: Vec::new(),
        anchors: BTreeMap::new(),
        nodes: 0,
        documents: 0,
        root: None,
        faults: Vec::new(),
    };
    if text.len() > MAX_BYTES {
        let place = builder.start.clone();
        return Err(vec![*fault(
            place,
            "",
            format!("the text is longer than {MAX_BYTES} bytes"),
            "remove what is no configuration",
        )]);
    }
    if let Err(fatal) = builder.read(text) {
        builder.faults.push(*fatal);
    }
    if builder.faults.is_empty() {
        let empty = Node {
            place: builder.start,
            value: Value::Mapping(Vec::new()),
        };
        Ok(builder.root.unwrap_or(empty))
    } else {
        Err(builder.faults)
    }
}

fn fault(place: Place, key: &str, problem: String, remedy: &str) -> Box<Fault> {
    Box::new(Fault {
        place: Some(place),
        key: key.to_owned(),
        value: None,
        problem,
        remedy: remedy.to_owned(),
    })
}

struct Builder {
    start: Place,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    documents: usize,
    root: Option<Node>,
    faults: Vec<Fault>,
}

/// A sequence or mapping whose end has not come.
struct Open {
    anchor: usize,
    place: Place,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping {
        members: Vec<Member>,
        /// Members of groups that are merged in (`<<: *other`); those written out win.
        merged: Vec<Member>,
        key: Option<(String, Place)>,
    },
}

impl Builder {
    fn read(&mut self, text: &str) -> Result<(), Box<Fault>> {
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| {
                let line = error.marker().line();
                fault(
                    self.place(line),
                    "",
                    format!("the text is not YAML: {}", error.info()),
                    "check the indentation and the quotes there",
                )
            })?;
            let place = self.place(span.start.line());
            self.take(event, place)?;
        }
        Ok(())
    }

    fn place(&self, line: usize) -> Place {
        Place {
            origin: self.start.origin.clone(),
            line: Some(line),
        }
    }

    fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), Box<Fault>> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => self.begin_document(place),
            Event::Alias(anchor) => self.repeat(anchor, place),
            Event::Scalar(text, style, anchor, _) => {
                let value = match style == ScalarStyle::Plain && is_null(&text) {
                    true => Value::Null,
                    false => Value::Scalar(text.into_owned()),
                };
                self.close(anchor, Node { place, value })
            }
            Event::SequenceStart(anchor, _) => {
                self.begin(anchor, place, Content::Sequence(Vec::new()))
            }
            Event::MappingStart(anchor, _) => {
                let content = Content::Mapping {
                    members: Vec::new(),
                    merged: Vec::new(),
                    key: None,
                };
                self.begin(anchor, place, content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
        }
    }

    fn begin_document(&mut self, place: Place) -> Result<(), Box<Fault>> {
        self.documents += 1;
        if self.documents == 1 {
            return Ok(());
        }
        Err(fault(
            place,
            "",
            "a second document begins".to_owned(),
            "write one document, without `---` in between",
        ))
    }

    fn begin(&mut self, anchor: usize, place: Place, content: Content) -> Result<(), Box<Fault>> {
        if self.open.len() >= MAX_DEPTH {
            return Err(fault(
                place,
                "",
                format!("values are nested deeper than {MAX_DEPTH}"),
                "no key of this configuration is so deep",
            ));
        }
        self.open.push(Open {
            anchor,
            place,
            content,
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Box<Fault>> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let value = match open.content {
            Content::Sequence(items) => Value::Sequence(items),
            Content::Mapping {
                mut members,
                merged,
                ..
            } => {
                for member in merged {
                    add_unless_known(&mut members, member);
                }
                Value::Mapping(members)
            }
        };
        self.close(
            open.anchor,
            Node {
                place: open.place,
                value,
            },
        )
    }

    fn repeat(&mut self, anchor: usize, place: Place) -> Result<(), Box<Fault>> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(fault(
                place,
                "",
                "an alias stands inside the value that it repeats".to_owned(),
                "write the value out",
            ));
        };
        self.nodes += node.size();
        self.check_size(&place)?;
        let node = node.clone();
        self.place_in_parent(node)
    }

    fn close(&mut self, anchor: usize, node: Node) -> Result<(), Box<Fault>> {
        self.nodes += 1;
        self.check_size(&node.place)?;
        if anchor != 0 {
            self.nodes += node.size();
            self.check_size(&node.place)?;
            self.anchors.insert(anchor, node.clone());
        }
        self.place_in_parent(node)
    }

    fn check_size(&self, place: &Place) -> Result<(), Box<Fault>> {
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        Err(fault(
            place.clone(),
            "",
            format!("there are more than {MAX_NODES} values"),
            "write fewer, and repeat less with aliases",
        ))
    }

    fn place_in_parent(&mut self, node: Node) -> Result<(), Box<Fault>> {
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut parent.content {
            Content::Sequence(items) => items.push(node),
            Content::Mapping {
                members,
                merged,
                key,
            } => match key.take() {
                None => *key = Some(name_of(node)?),
                Some((name, place)) if name == "<<" => merge(merged, node, &place)?,
                Some((name, place)) => {
                    let repeated = insert(members, name, place, node);
                    self.faults.extend(repeated.map(|fault| *fault));
                }
            },
        }
        Ok(())
    }
}

/// YAML 1.2 section 10.3.2: the plain scalars that mean nothing.
fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn name_of(node: Node) -> Result<(String, Place), Box<Fault>> {
    match node.value {
        Value::Scalar(name) => Ok((name, node.place)),
        Value::Null => Ok((String::new(), node.place)),
        Value::Sequence(_) | Value::Mapping(_) => Err(fault(
            node.place,
            "",
            "a list or group stands where a key belongs".to_owned(),
            "write `key: value`",
        )),
    }
}

fn insert(members: &mut Vec<Member>, name: String, place: Place, node: Node) -> Option<Box<Fault>> {
    if let Some(first) = members.iter().find(|known| known.name == name) {
        let line = first.place.line.unwrap_or_default();
        return Some(fault(
            place,
            &name,
            format!("stands twice, first in line {line}"),
            "keep one of them",
        ));
    }
    members.push(Member { name, place, node });
    None
}

fn add_unless_known(members: &mut Vec<Member>, member: Member) {
    if !members.iter().any(|known| known.name == member.name) {
        members.push(member);
    }
}

/// Collects the members of the groups that `<<` names; of equal names the first counts.
fn merge(merged: &mut Vec<Member>, node: Node, place: &Place) -> Result<(), Box<Fault>> {
    let groups = match node.value {
        Value::Sequence(items) => items,
        value @ (Value::Null | Value::Scalar(_) | Value::Mapping(_)) => vec![Node {
            place: node.place,
            value,
        }],
    };
    for group in groups {
        let Value::Mapping(members) = group.value else {
            return Err(fault(
                place.clone(),
                "<<",
                "takes over something that is no group".to_owned(),
                "write `<<: *name` with the name of a group",
            ));
        };
        for member in members {
            add_unless_known(merged, member);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let faults = parse("f", text).unwrap_err();
        faults.iter().map(Fault::to_string).collect()
    }

    fn shown(text: &str) -> String {
        show(&parse("f", text).unwrap())
    }

    fn show(node: &Node) -> String {
        match &node.value {
            Value::Null => "null".to_owned(),
            Value::Scalar(text) => format!("{text:?}"),
            Value::Sequence(items) => {
                let items: Vec<String> = items.iter().map(show).collect();
                format!("[{}]", items.join(","))
            }
            Value::Mapping(members) => {
                let members: Vec<String> = members
                    .iter()
                    .map(|member| format!("{}:{}", member.name, show(&member.node)))
                    .collect();
                format!("{{{}}}", members.join(","))
            }
        }
    }

    #[test]
    fn blocks_flows_and_scalars_are_read() {
        assert_eq!(
            shown("a: 1\nb: [x, 'y']\nc: {d: ~, e: \"\"}\n# end"),
            r#"{a:"1",b:["x","y"],c:{d:null,e:""}}"#
        );
        assert_eq!(shown(""), "{}");
        assert_eq!(shown("--- \na: b\n...\n"), r#"{a:"b"}"#);
    }

    #[test]
    fn an_alias_repeats_and_a_merge_fills_in() {
        let text = "x: &x {a: 1, b: 2}\ny: *x\nz: {<<: *x, b: 3}";
        assert_eq!(
            shown(text),
            r#"{x:{a:"1",b:"2"},y:{a:"1",b:"2"},z:{b:"3",a:"1"}}"#
        );
    }

    #[test]
    fn values_that_multiply_by_aliases_are_stopped() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let before = format!("*a{}", level - 1);
            let items = [before.as_str(); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{items}]\n"));
        }
        assert!(faults(&text)[0].contains("more than 20000 values"));

        let long = format!("a: &a [{}]\n", "x, ".repeat(1000));
        let text = format!("{long}b: [{}]", "*a, ".repeat(1000));
        assert!(faults(&text)[0].contains("more than 20000 values"));
    }

    #[test]
    fn nesting_without_end_is_stopped() {
        assert!(faults(&"[".repeat(50))[0].contains("nested deeper"));
        assert_eq!(faults(&"[".repeat(100_000)).len(), 1);
        let deep: String = (0..200).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
        assert!(faults(&deep)[0].contains("nested deeper"));
    }

    #[test]
    fn an_alias_inside_its_own_value_is_refused() {
        assert!(faults("a: &a [*a]")[0].contains("inside the value that it repeats"));
    }

    #[test]
    fn a_repeated_key_is_named_with_both_lines() {
        let found = faults("a: 1\nb: 2\na: 3\nb: 4");
        assert_eq!(
            found,
            [
                "f line 3: `a` stands twice, first in line 1; keep one of them",
                "f line 4: `b` stands twice, first in line 2; keep one of them"
            ]
        );
    }

    #[test]
    fn a_text_that_is_no_configuration_is_refused() {
        assert!(faults("a: 1\n---\nb: 2")[0].contains("a second document"));
        assert!(faults("a: \"x")[0].contains("not YAML"));
        assert!(faults("[a]: b")[0].contains("where a key belongs"));
        assert!(faults("a: *nobody")[0].contains("not YAML"));
        assert!(faults(&"#".repeat(MAX_BYTES + 1))[0].contains("longer than"));
    }
}
