//! What a client asks for when it connects, in either form.

use std::collections::BTreeMap;

use sfu_model::ParticipantSid;

use crate::client::sdk_of_name;
use crate::join_request::decode_base64;
use crate::proto::client_info::{Capability, Sdk};
use crate::proto::{
    AddTrackRequest, ClientInfo, JoinRequest, ReconnectReason, SessionDescription, SyncState,
};
use crate::{Client, JoinRequestError, Query, decode_join_request, user_agent};

/// How many peer connections a session uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerConnections {
    /// One; the client offers. What came with a join request.
    One,
    /// Two: the client offers for what it publishes, the server for what it subscribes to.
    Two,
}

/// Which of the two signalling endpoints was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/rtc`, where the join request is optional.
    V0,
    /// `/rtc/v1`, where it is required.
    V1,
}

/// How mistakes in a connect request are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// As on connect: attributes that cannot be decoded are left out.
    Lenient,
    /// As on the validate endpoints: they are a fault.
    Strict,
}

/// What of the upgrade request's headers concerns the session.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectHeaders<'a> {
    /// The `User-Agent` header.
    pub user_agent: &'a str,
    /// The client's address as the proxies say it, or else that of the connection.
    pub address: &'a str,
}

/// The wish to go on with an earlier session.
#[derive(Clone, Debug, PartialEq)]
pub struct Resume {
    /// Why the client lost the earlier connection.
    pub reason: ReconnectReason,
    /// The session that it means, if it says so.
    pub participant_sid: Option<ParticipantSid>,
    /// What it believes to be published and subscribed, if it says so at once; others say it in a message.
    pub sync_state: Option<Box<SyncState>>,
}

/// What a client asks for when it connects, whichever way it said it.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectParameters {
    /// How many peer connections it uses.
    pub peer_connections: PeerConnections,
    /// What program it is.
    pub client: Client,
    /// Subscribe to everything. Absent: yes with two peer connections, no with one.
    pub auto_subscribe: bool,
    /// The client will say which layers it needs, so it begins with the lowest.
    pub adaptive_stream: bool,
    /// Video may be paused where the client's link has no room for it; `None` leaves it to the configuration.
    ///
    /// Departure: LiveKit takes a join request that leaves it out for a refusal, so that its configuration has no effect on
    /// clients with one peer connection.
    pub subscriber_allow_pause: Option<bool>,
    /// Subscribe to all data tracks; `None` leaves it to the configuration.
    pub auto_subscribe_data_track: Option<bool>,
    /// Go on with an earlier session.
    pub resume: Option<Resume>,
    /// Legacy: publish only, as another participant whose identity ends in `#` and this text.
    pub publish: Option<String>,
    /// Replaces the token's metadata, with the right to change it.
    pub metadata: Option<String>,
    /// Are added to the token's attributes, with the right to change them.
    pub attributes: BTreeMap<String, String>,
    /// Tracks to publish at once.
    pub add_tracks: Vec<AddTrackRequest>,
    /// The offer that is to be answered at once.
    pub publisher_offer: Option<SessionDescription>,
}

/// Says why a connect request was refused. The answer is 400 with this text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// `/rtc/v1` was asked without a join request.
    #[error("join_request is required")]
    JoinRequestMissing,
    /// The join request cannot be read.
    #[error(transparent)]
    JoinRequest(#[from] JoinRequestError),
    /// The `attributes` value is no base64 of a JSON object of strings.
    #[error("cannot decode attributes")]
    Attributes,
}

impl ConnectParameters {
    /// Reads the query of an upgrade or validate request.
    ///
    /// # Errors
    ///
    /// See [`ConnectError`].
    pub fn read(
        endpoint: Endpoint,
        strictness: Strictness,
        query: &Query,
        headers: ConnectHeaders<'_>,
    ) -> Result<Self, ConnectError> {
        let mut parameters = match (query.get("join_request"), endpoint) {
            (Some(text), _) => Self::from_join_request(decode_join_request(text)?),
            (None, Endpoint::V0) => Self::from_query(query, strictness)?,
            (None, Endpoint::V1) => return Err(ConnectError::JoinRequestMissing),
        };
        let mut info = parameters.client.info().clone();
        info.address = headers.address.to_owned();
        if describes_browser(info.sdk()) {
            user_agent::complete(&mut info, headers.user_agent);
        }
        parameters.client = info.into();
        Ok(parameters)
    }

    /// Takes a join request. Settings that it leaves out are `false`, unlike in a query.
    fn from_join_request(request: JoinRequest) -> Self {
        let reason = request.reconnect_reason();
        let settings = request.connection_settings.unwrap_or_default();
        Self {
            peer_connections: PeerConnections::One,
            client: request.client_info.unwrap_or_default().into(),
            auto_subscribe: settings.auto_subscribe,
            adaptive_stream: settings.adaptive_stream,
            subscriber_allow_pause: settings.subscriber_allow_pause,
            auto_subscribe_data_track: Some(settings.auto_subscribe_data_track()),
            resume: request.reconnect.then(|| Resume {
                reason,
                participant_sid: given(&request.participant_sid).map(ParticipantSid::from),
                sync_state: request.sync_state.map(Box::new),
            }),
            publish: None,
            metadata: given(&request.metadata).map(str::to_owned),
            attributes: request.participant_attributes.into_iter().collect(),
            add_tracks: request.add_track_requests,
            publisher_offer: request.publisher_offer,
        }
    }

    fn from_query(query: &Query, strictness: Strictness) -> Result<Self, ConnectError> {
        Ok(Self {
            peer_connections: PeerConnections::Two,
            client: client_of_query(query).into(),
            auto_subscribe: query.flag("auto_subscribe").unwrap_or(true),
            adaptive_stream: query.flag("adaptive_stream").unwrap_or(false),
            subscriber_allow_pause: query.flag("subscriber_allow_pause"),
            auto_subscribe_data_track: query.flag("auto_subscribe_data_track"),
            resume: resume_of_query(query),
            publish: query.get("publish").map(str::to_owned),
            metadata: None,
            attributes: match (attributes_of_query(query), strictness) {
                (Some(attributes), _) => attributes,
                (None, Strictness::Lenient) => BTreeMap::new(),
                (None, Strictness::Strict) => return Err(ConnectError::Attributes),
            },
            add_tracks: Vec::new(),
            publisher_offer: None,
        })
    }
}

/// LiveKit's messages say "not given" with an empty text.
fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// Reports whether the program may run in a browser, so that the `User-Agent` header tells of it.
fn describes_browser(sdk: Sdk) -> bool {
    matches!(
        sdk,
        Sdk::Js | Sdk::ReactNative | Sdk::Flutter | Sdk::Unity | Sdk::Unknown
    )
}

fn resume_of_query(query: &Query) -> Option<Resume> {
    query.flag("reconnect").unwrap_or(false).then(|| Resume {
        reason: query
            .number("reconnect_reason")
            .and_then(|number| ReconnectReason::try_from(number).ok())
            .unwrap_or(ReconnectReason::RrUnknown),
        participant_sid: query.get("sid").map(ParticipantSid::from),
        sync_state: None,
    })
}

fn client_of_query(query: &Query) -> ClientInfo {
    let text = |name| query.get(name).unwrap_or_default().to_owned();
    ClientInfo {
        sdk: sdk_of_name(query.get("sdk").unwrap_or_default()).into(),
        version: text("version"),
        protocol: query.number("protocol").unwrap_or(0),
        os: text("os"),
        os_version: text("os_version"),
        device_model: text("device_model"),
        browser: text("browser"),
        browser_version: text("browser_version"),
        address: String::new(),
        network: text("network"),
        other_sdks: String::new(),
        client_protocol: query.number("client_protocol").unwrap_or(0),
        capabilities: query
            .get("capabilities")
            .unwrap_or_default()
            .split(',')
            .filter_map(|name| Capability::from_str_name(name.trim()))
            .map(i32::from)
            .collect(),
    }
}

/// Reads `attributes`: base64 of a JSON object of strings. Absent is empty, unreadable is `None`.
fn attributes_of_query(query: &Query) -> Option<BTreeMap<String, String>> {
    let Some(text) = query.get("attributes") else {
        return Some(BTreeMap::new());
    };
    serde_json::from_slice(&decode_base64(text)?).ok()
}

#[cfg(test)]
mod tests;
