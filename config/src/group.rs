use crate::fault::{Report, Unknown};
use crate::problem::{Problem, Read};
use crate::tree::{Member, Node, Value};
use crate::{Address, AddressCheck, Fault, Place, Warning};

/// A group of keys that is being read. Whoever reads asks for each key once; a key for which
/// nobody asks is unknown.
pub(crate) struct Group<'r> {
    path: String,
    /// Where the group is written, if it is.
    place: Option<Place>,
    members: Vec<Member>,
    report: &'r mut Report,
}

impl<'r> Group<'r> {
    /// Reads the whole configuration as a group.
    pub(crate) fn read_root<T>(
        node: Node,
        report: &'r mut Report,
        read: impl FnOnce(&mut Group<'_>) -> T,
    ) -> T {
        let mut group = Group {
            path: String::new(),
            place: None,
            members: Vec::new(),
            report,
        };
        group.members = group.members_of(node, "");
        let read = read(&mut group);
        group.report_unknown();
        read
    }

    /// Returns what stands under a key, unless it is absent or null.
    fn take(&mut self, name: &'static str) -> Option<Node> {
        let key = self.key(name);
        self.report.known.push(key);
        let index = self.members.iter().position(|known| known.name == name)?;
        let node = self.members.remove(index).node;
        (!matches!(node.value, Value::Null)).then_some(node)
    }

    fn key(&self, name: &str) -> String {
        match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        }
    }

    /// Reads a single value. A value that cannot be read is a fault, and as if absent.
    pub(crate) fn get<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Read<T>,
    ) -> Option<T> {
        self.get_with_place(name, read).map(|(value, _)| value)
    }

    /// Reads a single value, and says where it stands.
    pub(crate) fn get_with_place<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Read<T>,
    ) -> Option<(T, Place)> {
        let node = self.take(name)?;
        let place = node.place.clone();
        let key = self.key(name);
        let value = self.single(key, node, read)?;
        Some((value, place))
    }

    /// Reads a single value that must not be shown to anybody.
    pub(crate) fn get_secret(&mut self, name: &'static str) -> Option<String> {
        let node = self.take(name)?;
        match node.value {
            Value::Scalar(text) => Some(text),
            Value::Null | Value::Sequence(_) | Value::Mapping(_) => {
                self.not_single(self.key(name), &node.place);
                None
            }
        }
    }

    /// Reads a list of single values. Each that cannot be read is a fault of its own.
    pub(crate) fn list<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&str) -> Read<T>,
    ) -> Option<Vec<T>> {
        let node = self.take(name)?;
        let key = self.key(name);
        let items = self.items_of(node, &key)?;
        Some(
            items
                .into_iter()
                .filter_map(|item| self.single(key.clone(), item, &read))
                .collect(),
        )
    }

    /// Reads a list of texts, and says where each stands.
    pub(crate) fn texts(&mut self, name: &'static str) -> Vec<(String, Place)> {
        let Some(node) = self.take(name) else {
            return Vec::new();
        };
        let key = self.key(name);
        let items = self.items_of(node, &key).unwrap_or_default().into_iter();
        let texts = items.filter_map(|item| {
            let place = item.place.clone();
            let text = self.single(key.clone(), item, crate::value::text)?;
            Some((text, place))
        });
        texts.collect()
    }

    /// Checks an address that stands under a key, without showing it.
    pub(crate) fn check_address(
        &mut self,
        name: &str,
        place: Option<Place>,
        address: Address<'_>,
        check: Option<&AddressCheck>,
    ) {
        if let Some(Err(problem)) = check.map(|check| check(address)) {
            self.fault(name, place, problem);
        }
    }

    /// Reads a group below this one. An absent group is read as an empty one.
    pub(crate) fn group<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Group<'_>) -> T,
    ) -> T {
        let key = self.key(name);
        match self.take(name) {
            Some(node) => self.read_node(key, node, read),
            None => self.read_members(key, None, Vec::new(), read),
        }
    }

    /// Reads a list of groups.
    pub(crate) fn groups<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&mut Group<'_>) -> T,
    ) -> Vec<T> {
        let key = self.key(name);
        let items = match self.take(name) {
            Some(node) => self.items_of(node, &key).unwrap_or_default(),
            None => Vec::new(),
        };
        items
            .into_iter()
            .map(|item| self.read_node(key.clone(), item, &read))
            .collect()
    }

    /// Reads a group whose names the operator chooses, in the order in which they are written.
    pub(crate) fn named_groups<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&mut Group<'_>) -> T,
    ) -> Vec<(String, T)> {
        let key = self.key(name);
        let members = match self.take(name) {
            Some(node) => self.members_of(node, &key),
            None => Vec::new(),
        };
        members
            .into_iter()
            .map(|member| {
                let path = format!("{key}.{}", member.name);
                (member.name, self.read_node(path, member.node, &read))
            })
            .collect()
    }

    /// Takes names and secret texts, which the operator chooses, in the order in which they are
    /// written.
    pub(crate) fn secrets(&mut self, name: &'static str) -> Option<Vec<(String, String, Place)>> {
        let node = self.take(name)?;
        let key = self.key(name);
        let members = self.members_of(node, &key);
        let mut secrets = Vec::new();
        for member in members {
            match member.node.value {
                Value::Scalar(text) => secrets.push((member.name, text, member.place)),
                Value::Null => secrets.push((member.name, String::new(), member.place)),
                Value::Sequence(_) | Value::Mapping(_) => {
                    self.not_single(format!("{key}.{}", member.name), &member.place);
                }
            }
        }
        Some(secrets)
    }

    /// Takes a key of LiveKit's that this node does not obey, with all below it, and warns of what
    /// follows. A value in `harmless` asks for what happens anyway.
    pub(crate) fn unsupported(&mut self, name: &'static str, harmless: &[&str], consequence: &str) {
        let Some(node) = self.take(name) else {
            return;
        };
        let asks_for_nothing = match &node.value {
            Value::Null => true,
            Value::Scalar(text) => harmless.contains(&text.as_str()),
            Value::Sequence(items) => items.is_empty(),
            Value::Mapping(members) => members.is_empty(),
        };
        if !asks_for_nothing {
            self.warn(name, Some(node.place), consequence);
        }
    }

    /// Takes a key of LiveKit's that means nothing here, with all below it.
    pub(crate) fn take_silently(&mut self, name: &'static str) {
        drop(self.take(name));
    }

    /// Reports whether a group, and not a single value, stands under a key.
    pub(crate) fn holds_group(&self, name: &str) -> bool {
        self.members
            .iter()
            .any(|known| known.name == name && matches!(known.node.value, Value::Mapping(_)))
    }

    /// Adds what was found in a file that this group names.
    pub(crate) fn add(&mut self, found: Report) {
        self.report.faults.extend(found.faults);
        self.report.warnings.extend(found.warnings);
    }

    /// Returns how many faults were found so far, anywhere.
    pub(crate) fn fault_count(&self) -> usize {
        self.report.faults.len()
    }

    /// Adds a fault about a key of this group. Without a place of its own it is about the group.
    pub(crate) fn fault(&mut self, name: &str, place: Option<Place>, problem: Problem) {
        let key = self.key(name);
        self.report.faults.push(Fault {
            place: place.or_else(|| self.place.clone()),
            key,
            value: None,
            problem: problem.problem,
            remedy: problem.remedy,
        });
    }

    /// Adds a warning about a key of this group.
    pub(crate) fn warn(&mut self, name: &str, place: Option<Place>, consequence: &str) {
        let key = self.key(name);
        self.report.warnings.push(Warning {
            place,
            key,
            consequence: consequence.to_owned(),
        });
    }

    fn read_node<T>(
        &mut self,
        path: String,
        node: Node,
        read: impl FnOnce(&mut Group<'_>) -> T,
    ) -> T {
        let place = node.place.clone();
        let members = self.members_of(node, &path);
        self.read_members(path, Some(place), members, read)
    }

    fn read_members<T>(
        &mut self,
        path: String,
        place: Option<Place>,
        members: Vec<Member>,
        read: impl FnOnce(&mut Group<'_>) -> T,
    ) -> T {
        let mut inner = Group {
            path,
            place,
            members,
            report: self.report,
        };
        let value = read(&mut inner);
        inner.report_unknown();
        value
    }

    fn report_unknown(&mut self) {
        for member in std::mem::take(&mut self.members) {
            let unknown = Unknown {
                place: member.place,
                key: self.key(&member.name),
                value: member.node.shown(),
            };
            self.report.unknown.push(unknown);
        }
    }

    fn single<T>(
        &mut self,
        key: String,
        node: Node,
        read: impl FnOnce(&str) -> Read<T>,
    ) -> Option<T> {
        let shown = node.shown();
        let Value::Scalar(text) = node.value else {
            self.not_single(key, &node.place);
            return None;
        };
        match read(&text) {
            Ok(value) => Some(value),
            Err(Problem { problem, remedy }) => {
                self.report.faults.push(Fault {
                    place: Some(node.place),
                    key,
                    value: shown,
                    problem,
                    remedy,
                });
                None
            }
        }
    }

    fn not_single(&mut self, key: String, place: &Place) {
        self.report.faults.push(Fault {
            place: Some(place.clone()),
            key,
            value: None,
            problem: "is a list or group".to_owned(),
            remedy: "write a single value".to_owned(),
        });
    }

    fn members_of(&mut self, node: Node, key: &str) -> Vec<Member> {
        let shown = node.shown();
        match node.value {
            Value::Null => Vec::new(),
            Value::Mapping(members) => members,
            Value::Scalar(_) | Value::Sequence(_) => {
                self.report.faults.push(Fault {
                    place: Some(node.place),
                    key: key.to_owned(),
                    value: shown.filter(|_| !key.is_empty() && key != "keys"),
                    problem: "is no group of keys".to_owned(),
                    remedy: "write `key: value` lines, with a space after the colon".to_owned(),
                });
                Vec::new()
            }
        }
    }

    fn items_of(&mut self, node: Node, key: &str) -> Option<Vec<Node>> {
        let shown = node.shown();
        match node.value {
            Value::Sequence(items) => Some(items),
            Value::Null | Value::Scalar(_) | Value::Mapping(_) => {
                self.report.faults.push(Fault {
                    place: Some(node.place),
                    key: key.to_owned(),
                    value: shown,
                    problem: "is no list".to_owned(),
                    remedy: "write lines that begin with `- `".to_owned(),
                });
                None
            }
        }
    }
}
