//! What a client with one peer connection asks for when it joins.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use livekit_protocol::wrapped_join_request::Compression;
use livekit_protocol::{
    AddTrackRequest, ClientInfo, ConnectionSettings, JoinRequest, SessionDescription,
    WrappedJoinRequest, client_info,
};
use prost::Message as _;

/// The signalling protocol that we speak.
pub const PROTOCOL: i32 = 15;

/// A join, or a resumption of a session.
#[derive(Clone, Debug, Default)]
pub struct Join {
    /// Whether all tracks of others come unasked.
    pub subscribes: bool,
    /// What is published from the beginning.
    pub tracks: Vec<AddTrackRequest>,
    /// The first offer, which rides in it.
    pub offer: Option<SessionDescription>,
    /// Whose session goes on: the sid of the participant.
    pub resumes: Option<String>,
}

impl Join {
    /// Returns the path and query of the upgrade request.
    pub fn endpoint(self) -> String {
        let request = JoinRequest {
            client_info: Some(ClientInfo {
                sdk: client_info::Sdk::Rust.into(),
                protocol: PROTOCOL,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                os: std::env::consts::OS.to_owned(),
                ..ClientInfo::default()
            }),
            connection_settings: Some(ConnectionSettings {
                auto_subscribe: self.subscribes,
                ..ConnectionSettings::default()
            }),
            add_track_requests: self.tracks,
            publisher_offer: self.offer,
            reconnect: self.resumes.is_some(),
            participant_sid: self.resumes.unwrap_or_default(),
            ..JoinRequest::default()
        };
        let wrapped = WrappedJoinRequest {
            compression: Compression::None.into(),
            join_request: request.encode_to_vec(),
        };
        let text = URL_SAFE.encode(wrapped.encode_to_vec());
        format!("/rtc/v1?join_request={text}")
    }
}
