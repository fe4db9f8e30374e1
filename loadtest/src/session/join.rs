use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use prost::Message as _;
use signaling_protocol::proto::wrapped_join_request::Compression;
use signaling_protocol::proto::{
    ClientInfo, ConnectionSettings, JoinRequest, JoinResponse, WrappedJoinRequest, client_info,
    signal_response,
};

use super::error::SessionError;
use super::negotiate::Negotiation;
use crate::cli::Signalling;
use crate::plan::ParticipantPlan;
use crate::signal::Signal;

/// The signalling protocol that we speak.
const PROTOCOL: i32 = 15;
/// The client that we resemble most: one that offers data channels and takes every codec.
const SDK: &str = "rust";

/// Whether a session is a participant's first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin<'a> {
    Fresh,
    /// It carries on with what the participant of this sid has.
    Resumed {
        sid: &'a str,
    },
}

impl Begin<'_> {
    fn sid(&self) -> &str {
        match self {
            Self::Fresh => "",
            Self::Resumed { sid } => sid,
        }
    }
}

/// Returns the path and query of the upgrade request. With one peer connection the first offer, and the tracks
/// that it publishes, ride in it.
pub(super) fn endpoint(
    plan: &ParticipantPlan,
    negotiation: &mut Negotiation<'_>,
    session: Begin<'_>,
) -> String {
    match plan.signalling {
        Signalling::V1 => {
            let (tracks, offer) = match session {
                Begin::Fresh => (
                    negotiation.add_track_requests(),
                    Some(negotiation.next_offer()),
                ),
                Begin::Resumed { .. } => (Vec::new(), None),
            };
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
                add_track_requests: tracks,
                publisher_offer: offer,
                reconnect: session != Begin::Fresh,
                participant_sid: session.sid().to_owned(),
                ..JoinRequest::default()
            };
            let wrapped = WrappedJoinRequest {
                compression: Compression::None.into(),
                join_request: request.encode_to_vec(),
            };
            let text = URL_SAFE.encode(wrapped.encode_to_vec());
            format!("/rtc/v1?join_request={text}")
        }
        Signalling::V0 => {
            let resume = match session {
                Begin::Fresh => String::new(),
                Begin::Resumed { sid } => format!("&reconnect=1&sid={sid}"),
            };
            format!(
                "/rtc?protocol={PROTOCOL}&sdk={SDK}&version={}&auto_subscribe={}{resume}",
                env!("CARGO_PKG_VERSION"),
                u8::from(plan.subscribes),
            )
        }
    }
}

/// Waits for the JoinResponse, which comes first.
#[expect(clippy::wildcard_enum_match_arm, reason = "one message is expected")]
pub(super) async fn await_join(signal: &mut Signal) -> Result<Box<JoinResponse>, SessionError> {
    match signal.next().await? {
        signal_response::Message::Join(join) => Ok(Box::new(join)),
        other => Err(SessionError::Unexpected(name(&other), "a JoinResponse")),
    }
}

/// Waits for the ReconnectResponse, which comes first.
#[expect(clippy::wildcard_enum_match_arm, reason = "one message is expected")]
pub(super) async fn await_reconnect(signal: &mut Signal) -> Result<(), SessionError> {
    match signal.next().await? {
        signal_response::Message::Reconnect(_) => Ok(()),
        other => Err(SessionError::Unexpected(
            name(&other),
            "a ReconnectResponse",
        )),
    }
}

/// Names a message that should not come first.
fn name(message: &signal_response::Message) -> &'static str {
    match matches!(message, signal_response::Message::Leave(_)) {
        true => "a LeaveRequest",
        false => "another message",
    }
}
