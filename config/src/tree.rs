use crate::Place;

/// A piece of configuration, as written and with the place where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Nothing, `~` or `null`: as if the key were not there.
    Null,
    Scalar(String),
    Sequence(Vec<Node>),
    Mapping(Vec<Member>),
}

/// A key and what stands under it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) node: Node,
}

impl Node {
    /// Counts this node and all below it.
    pub(crate) fn size(&self) -> usize {
        1 + match &self.value {
            Value::Null | Value::Scalar(_) => 0,
            Value::Sequence(items) => items.iter().map(Self::size).sum(),
            Value::Mapping(members) => members.iter().map(|member| member.node.size()).sum(),
        }
    }

    /// Returns a single value as written, for showing it to the operator.
    pub(crate) fn shown(&self) -> Option<String> {
        const MAX_SHOWN: usize = 80;

        match &self.value {
            Value::Scalar(text) if text.chars().count() <= MAX_SHOWN => Some(text.clone()),
            Value::Scalar(text) => Some(text.chars().take(MAX_SHOWN).chain(['…']).collect()),
            Value::Null | Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }
}

/// Lays `over` on `base`: groups are joined key by key, everything else is replaced. API keys are
/// replaced as a whole: a key that is withdrawn must not live on in an earlier input.
pub(crate) fn lay_over(base: Node, over: Node) -> Node {
    match (base.value, over.value) {
        (Value::Mapping(mut members), Value::Mapping(laid)) => {
            for member in laid {
                lay_member(&mut members, member);
            }
            Node {
                place: over.place,
                value: Value::Mapping(members),
            }
        }
        (base_value, Value::Null) => Node {
            place: base.place,
            value: base_value,
        },
        (_, value) => Node {
            place: over.place,
            value,
        },
    }
}

fn lay_member(members: &mut Vec<Member>, member: Member) {
    let Some(known) = members.iter_mut().find(|known| known.name == member.name) else {
        members.push(member);
        return;
    };
    let whole = member.name == "keys";
    let empty = Node {
        place: known.place.clone(),
        value: Value::Null,
    };
    let base = std::mem::replace(&mut known.node, empty);
    known.place = member.place;
    known.node = if whole {
        member.node
    } else {
        lay_over(base, member.node)
    };
}

/// Wraps a node into the groups of a dotted path, so that it can be laid over.
pub(crate) fn at_path(path: &str, node: Node) -> Node {
    path.rsplit('.').fold(node, |inner, name| Node {
        place: inner.place.clone(),
        value: Value::Mapping(vec![Member {
            name: name.to_owned(),
            place: inner.place.clone(),
            node: inner,
        }]),
    })
}
