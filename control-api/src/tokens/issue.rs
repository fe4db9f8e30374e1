//! What a token says, of fields that were checked.

use std::collections::BTreeMap;
use std::time::Duration;

use auth::{Claims, ParticipantKind, SluiceGrant, VideoGrant};
use serde::Deserialize;
use serde_json::Value;
use signaling::NameLimits;
use signaling_protocol::proto;

use crate::field::{FieldError, name, text_of};

/// The longest life of a token: a year.
pub(crate) const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// Most attributes of a participant, and bytes of them, as of any participant's.
const MAX_ATTRIBUTES: usize = 1024;
const MAX_ATTRIBUTE_BYTES: usize = 64 << 10;

/// Most bytes of a room configuration as JSON.
const MAX_CONFIG: usize = 64 << 10;

/// What is asked to be in a token.
#[derive(Clone, Debug, Default)]
pub struct TokenFields {
    /// Who the holder is.
    pub identity: String,
    /// The room that its holder may join.
    pub room: String,
    /// Shown to others.
    pub name: String,
    /// For the app.
    pub metadata: String,
    /// For the app, by name.
    pub attributes: BTreeMap<String, String>,
    /// LiveKit's word for the kind of participant; empty for the usual one.
    pub kind: String,
    /// What it allows; to join the room and do there what everybody does, if nothing is said.
    pub grant: Option<VideoGrant>,
    /// LiveKit's room configuration, for a room that this join creates.
    pub room_config: Option<Value>,
    /// One of `room.room_configurations`.
    pub room_preset: String,
    /// For how many seconds it may be in a room.
    pub max_session_seconds: Option<u64>,
}

/// Makes the claims of a token.
///
/// # Errors
///
/// A field is missing, too long or of no meaning; the error names it.
pub fn claims_of(fields: TokenFields, limits: NameLimits) -> Result<Claims, FieldError> {
    let identity = name("identity", &fields.identity, limits.identity)?;
    let mut grant = fields.grant.unwrap_or_else(|| VideoGrant::to_join(""));
    if !fields.room.is_empty() {
        grant.room = name("room", &fields.room, limits.room_name)?.to_owned();
    }
    if grant.room_join && grant.room.is_empty() {
        return Err(FieldError::new("room", "it is missing"));
    }
    let mut claims = Claims::of(identity.into());
    claims.name = text_of("name", fields.name, limits.identity)?;
    claims.metadata = text_of("metadata", fields.metadata, limits.metadata)?;
    check_attributes(&fields.attributes)?;
    claims.attributes = fields.attributes;
    claims.kind = kind(&fields.kind)?;
    claims.room_preset = text_of("room_preset", fields.room_preset, limits.room_name)?;
    let is_config = |config: &Value| {
        let is_short = config.to_string().len() <= MAX_CONFIG;
        is_short && proto::RoomConfiguration::deserialize(config).is_ok()
    };
    if !fields.room_config.as_ref().is_none_or(is_config) {
        let message = "it is no room configuration, or longer than 64 KiB";
        return Err(FieldError::new("room_config", message));
    }
    claims.room_config = fields.room_config;
    claims.video = Some(grant);
    claims.sluice = max_session(fields.max_session_seconds)?;
    Ok(claims)
}

fn max_session(seconds: Option<u64>) -> Result<Option<SluiceGrant>, FieldError> {
    if seconds.is_some_and(|seconds| seconds == 0 || seconds > LONGEST.as_secs()) {
        let message = format!("write a number from 1 to {}", LONGEST.as_secs());
        return Err(FieldError::new("max_session_seconds", message));
    }
    Ok(seconds.map(|_| SluiceGrant {
        max_session_seconds: seconds,
        ..SluiceGrant::default()
    }))
}

fn check_attributes(attributes: &BTreeMap<String, String>) -> Result<(), FieldError> {
    let bytes: usize = attributes
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    if attributes.len() > MAX_ATTRIBUTES || bytes > MAX_ATTRIBUTE_BYTES {
        return Err(FieldError::new(
            "attributes",
            "they are more than 1024, or longer than 64 KiB",
        ));
    }
    match attributes.keys().any(String::is_empty) {
        true => Err(FieldError::new("attributes", "one has no name")),
        false => Ok(()),
    }
}

fn kind(written: &str) -> Result<ParticipantKind, FieldError> {
    let kind = ParticipantKind::from(written.to_owned());
    match written.is_empty() || kind.as_str() == written {
        true => Ok(kind),
        false => Err(FieldError::new(
            "kind",
            "write standard, ingress, egress, sip, agent, connector or bridge",
        )),
    }
}
