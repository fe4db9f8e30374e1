use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What `TokenSource` asks (LiveKit's `TokenSourceRequest`). Fields of later versions are ignored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TokenRequest {
    pub(crate) room_name: String,
    pub(crate) participant_identity: String,
    pub(crate) participant_name: String,
    pub(crate) participant_metadata: String,
    pub(crate) participant_attributes: BTreeMap<String, String>,
    /// A `RoomConfiguration` in its JSON form.
    pub(crate) room_config: Option<Value>,
}

/// What it gets (LiveKit's `TokenSourceResponse`).
#[derive(Debug, Serialize)]
pub(crate) struct TokenAnswer {
    pub(crate) server_url: String,
    pub(crate) participant_token: String,
}
