//! What the accounts of sessions take from an event.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest text in bytes. PostgreSQL's index takes 2,704 of a row.
const MAX_TEXT: usize = 1024;

/// Makes all texts of a record, which are its members, such as a database takes.
fn clean(record: &mut Value) {
    match record {
        Value::String(text) => {
            if text.contains('\0') {
                *text = text.replace('\0', "\u{fffd}");
            }
            let mut ends = (0..=MAX_TEXT).rev();
            if text.len() > MAX_TEXT
                && let Some(end) = ends.find(|end| text.is_char_boundary(*end))
            {
                text.truncate(end);
            }
        }
        Value::Object(members) => members.values_mut().for_each(clean),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {}
    }
}

/// What the accounts of sessions take from an event. It is kept as JSON beside what receivers of webhooks are sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Record {
    /// A room was opened.
    RoomStarted {
        /// Its name.
        room: String,
    },
    /// A room is over.
    RoomEnded {
        /// How long it was open.
        lasted_ms: i64,
        /// Why it is over: a `RoomEndReason` of LiveKit.
        reason: String,
        /// Whether its end was not told.
        #[serde(default)]
        recovered: bool,
    },
    /// A participant's media is connected.
    Joined(Box<Joined>),
    /// A participant that was connected has gone.
    Left(Left),
    /// A track's media has come.
    Published(Published),
    /// A track is over.
    Unpublished {
        /// The track.
        track: String,
    },
}

/// Who has joined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// The participant's sid.
    pub sid: String,
    /// The name of its room.
    pub room: String,
    /// Its identity.
    pub identity: String,
    /// What it is called.
    pub name: String,
    /// A `ParticipantInfo.Kind` of LiveKit.
    pub kind: String,
    /// Whether it is there for the sake of others, as agents and recorders are.
    pub is_dependent: bool,
    /// The key of the first of its tokens.
    pub api_key: String,
    /// Where it came from; empty if that is not known.
    pub address: String,
    /// Its program.
    pub client: ClientProgram,
}

/// What a client says of its program. Anything may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientProgram {
    /// A `ClientInfo.SDK` of LiveKit.
    pub sdk: String,
    /// The version of that.
    pub sdk_version: String,
    /// The operating system.
    pub os: String,
    /// The version of that.
    pub os_version: String,
    /// The browser.
    pub browser: String,
    /// The version of that.
    pub browser_version: String,
    /// The model of the device.
    pub device: String,
}

/// What a session came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// The participant's sid.
    pub sid: String,
    /// Why it has gone: a `DisconnectReason` of LiveKit.
    pub reason: String,
    /// What it came to.
    #[serde(flatten)]
    pub account: Account,
    /// Whether its end was not told.
    #[serde(default)]
    pub recovered: bool,
}

/// What a session has come to so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// How long it has lasted, in milliseconds.
    pub lasted_ms: i64,
    /// Bytes that came from the participant.
    pub received: i64,
    /// Bytes that went to it.
    pub sent: i64,
    /// Windows of five seconds in which it was connected excellently.
    pub excellent: i64,
    /// Well.
    pub good: i64,
    /// Poorly.
    pub poor: i64,
    /// Not at all.
    pub lost: i64,
}

/// What was published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The track.
    pub track: String,
    /// Its publisher's sid.
    pub participant: String,
    /// A `TrackType` of LiveKit.
    pub kind: String,
    /// A `TrackSource` of LiveKit.
    pub source: String,
    /// How it is encoded.
    pub mime_type: String,
    /// What it is called.
    pub name: String,
}

impl Record {
    /// Reads what [`Record::write`] wrote; nothing of anything else. Texts are anybody's, and are made such as every
    /// database takes and can look up: without NUL, and at most a kilobyte long.
    pub fn read(text: &str) -> Option<Self> {
        let mut written = serde_json::from_str(text).ok()?;
        clean(&mut written);
        serde_json::from_value(written).ok()
    }

    /// Writes it down.
    pub fn write(&self) -> String {
        // It is made of texts and numbers, and cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Makes it the end of what the node told no more of, so long after it was written.
    #[must_use]
    pub fn recovered(self, later_ms: i64) -> Self {
        let later_ms = later_ms.max(0);
        match self {
            Self::RoomEnded {
                lasted_ms, reason, ..
            } => Self::RoomEnded {
                lasted_ms: lasted_ms.saturating_add(later_ms),
                reason,
                recovered: true,
            },
            Self::Left(mut left) => {
                left.account.lasted_ms = left.account.lasted_ms.saturating_add(later_ms);
                left.recovered = true;
                Self::Left(left)
            }
            Self::RoomStarted { .. }
            | Self::Joined(_)
            | Self::Published(_)
            | Self::Unpublished { .. } => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_such_as_every_database_takes() {
        let long = "é".repeat(MAX_TEXT);
        let joined = Joined {
            identity: "a\0b\\u0000".to_owned(),
            name: long,
            client: ClientProgram {
                device: "pho\0ne".to_owned(),
                ..ClientProgram::default()
            },
            ..Joined::default()
        };
        let record = Record::Joined(Box::new(joined)).write();
        let Some(Record::Joined(joined)) = Record::read(&record) else {
            panic!("{record}");
        };
        assert_eq!(joined.identity, "a\u{fffd}b\\u0000");
        assert_eq!(joined.client.device, "pho\u{fffd}ne");
        assert_eq!(joined.name.len(), MAX_TEXT);
    }
}
