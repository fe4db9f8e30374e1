//! The JSON that Twirp servers in Go write: field names as in the `.proto` file, and fields with
//! default values included.
//!
//! The messages' own serialisation writes `camelCase` and leaves defaults out; what is known of the
//! messages ([`crate::message_fields`]) puts that right.

use serde::Serialize;
use serde_json::{Map, Value};

/// A field's name in the `.proto` file and what it holds.
pub(crate) type Field = (&'static str, Kind);

/// What a field holds, as far as its JSON depends on it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Text or bytes.
    Text,
    /// A number of 32 bits.
    Number,
    /// A number of 64 bits, which JSON holds as text.
    LongNumber,
    Bool,
    /// An enumeration, and the name of its zero.
    Enum(&'static str),
    /// Repeated numbers, texts or enumerations.
    Scalars,
    /// A map from text to text.
    Map,
    /// A message that may be absent.
    Message(&'static [Field]),
    /// Repeated messages.
    Messages(&'static [Field]),
}

/// A message with known fields.
pub(crate) trait JsonForm {
    const FIELDS: &'static [Field];
}

/// Serialises a message.
pub(crate) fn to_json<M: Serialize + JsonForm>(message: &M) -> serde_json::Result<Vec<u8>> {
    let value = serde_json::to_value(message)?;
    serde_json::to_vec(&with_fields(value, M::FIELDS))
}

fn with_fields(value: Value, fields: &'static [Field]) -> Value {
    let Value::Object(mut members) = value else {
        return value;
    };
    let mut complete = Map::new();
    for (name, kind) in fields {
        let member = members.remove(&camel_case(name));
        complete.insert((*name).to_owned(), field_value(member, *kind));
    }
    // A field that is not listed keeps the name and value that it has.
    complete.extend(members);
    Value::Object(complete)
}

fn field_value(member: Option<Value>, kind: Kind) -> Value {
    match (member, kind) {
        (Some(value), Kind::Message(fields)) => with_fields(value, fields),
        (Some(Value::Array(values)), Kind::Messages(fields)) => values
            .into_iter()
            .map(|value| with_fields(value, fields))
            .collect(),
        (Some(value), _) => value,
        (None, Kind::Text) => "".into(),
        (None, Kind::Number) => 0.into(),
        (None, Kind::LongNumber) => "0".into(),
        (None, Kind::Bool) => false.into(),
        (None, Kind::Enum(zero)) => zero.into(),
        (None, Kind::Scalars | Kind::Messages(_)) => Value::Array(Vec::new()),
        (None, Kind::Map) => Value::Object(Map::new()),
        (None, Kind::Message(_)) => Value::Null,
    }
}

/// Writes `creation_time_ms` as `creationTimeMs`.
fn camel_case(name: &str) -> String {
    let mut upper = false;
    name.chars()
        .filter_map(|c| match (c, std::mem::take(&mut upper)) {
            ('_', _) => {
                upper = true;
                None
            }
            (c, true) => Some(c.to_ascii_uppercase()),
            (c, false) => Some(c),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use signaling_protocol::proto;

    use super::*;

    #[test]
    fn names_are_those_of_the_proto_file_and_defaults_are_written() {
        let room = proto::Room {
            name: "lobby".to_owned(),
            creation_time_ms: 7,
            ..proto::Room::default()
        };
        let json: Value = serde_json::from_slice(&to_json(&room).unwrap()).unwrap();
        assert_eq!(json["name"], "lobby");
        assert_eq!(json["creation_time_ms"], "7");
        assert_eq!(json["num_participants"], 0);
        assert_eq!(json["enabled_codecs"], Value::Array(vec![]));
        assert_eq!(json["version"], Value::Null);
        assert!(json.get("creationTimeMs").is_none());
    }

    #[test]
    fn keys_of_an_apps_map_are_left_alone() {
        let participant = proto::ParticipantInfo {
            attributes: [("seatNumber".to_owned(), "7".to_owned())].into(),
            ..proto::ParticipantInfo::default()
        };
        let json: Value = serde_json::from_slice(&to_json(&participant).unwrap()).unwrap();
        assert_eq!(json["attributes"]["seatNumber"], "7");
        assert_eq!(json["state"], "JOINING");
    }
}
