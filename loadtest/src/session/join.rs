use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use prost::Message as _;
use signaling_protocol::proto::wrapped_join_request::Compression;
use signaling_protocol::proto::{
    ClientInfo, ConnectionSettings, JoinRequest, WrappedJoinRequest, client_info, signal_response,
};

use super::SessionError;
use super::negotiate::Negotiation;
use crate::cli::Signalling;
use crate::plan::ParticipantPlan;
use crate::signal::Signal;

/// The signalling protocol that we speak.
const PROTOCOL: i32 = 15;
/// The client that we resemble most: one that offers data channels and takes every codec.
const SDK: &str = "rust";

/// Returns the path and query of the upgrade request. With one peer connection the first offer, and the tracks
/// that it publishes, ride in it.
pub(super) fn endpoint(plan: &ParticipantPlan, negotiation: &mut Negotiation<'_>) -> String {
    match plan.signalling {
        Signalling::V1 => {
            let request = JoinRequest {
                client_info: Some(ClientInfo {
                    sdk: client_info::Sdk::Rust.into(),
                    protocol: PROTOCOL,
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    os: std::env::consts::OS.to_owned(),
                    ..ClientInfo::default()
                }),
                connection_settings: Some(ConnectionSettings {
                    auto_subscribe: plan.subscribes,
                    ..ConnectionSettings::default()
                }),
                add_track_requests: negotiation.add_track_requests(),
                publisher_offer: Some(negotiation.next_offer()),
                ..JoinRequest::default()
            };
            let wrapped = WrappedJoinRequest {
                compression: Compression::None.into(),
                join_request: request.encode_to_vec(),
            };
            let text = URL_SAFE.encode(wrapped.encode_to_vec());
            format!("/rtc/v1?join_request={text}")
        }
        Signalling::V0 => format!(
            "/rtc?protocol={PROTOCOL}&sdk={SDK}&version={}&auto_subscribe={}",
            env!("CARGO_PKG_VERSION"),
            u8::from(plan.subscribes),
        ),
    }
}

/// Waits for the JoinResponse, which comes first.
pub(super) async fn await_response(signal: &mut Signal) -> Result<(), SessionError> {
    let first = signal.next().await?;
    if matches!(first, signal_response::Message::Join(_)) {
        return Ok(());
    }
    let other = matches!(first, signal_response::Message::Leave(_));
    Err(SessionError::NoJoin(if other {
        "Leave"
    } else {
        "another message"
    }))
}
