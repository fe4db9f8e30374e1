use loadtest_peer::{Join, PROTOCOL};
use signaling_protocol::proto::{JoinResponse, signal_response};

use super::error::SessionError;
use super::negotiate::Negotiation;
use crate::cli::Signalling;
use crate::plan::ParticipantPlan;
use crate::signal::Signal;

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

/// Returns the path and query of the upgrade request. With one peer connection the first offer, and the tracks
/// that it publishes, ride in it.
pub(super) fn endpoint(
    plan: &ParticipantPlan,
    negotiation: &mut Negotiation<'_>,
    session: Begin<'_>,
) -> String {
    match plan.signalling {
        Signalling::V1 => {
            let mut join = Join {
                subscribes: plan.subscribes,
                ..Join::default()
            };
            match session {
                Begin::Fresh => {
                    join.tracks = negotiation.add_track_requests();
                    join.offer = Some(negotiation.next_offer());
                }
                Begin::Resumed { sid } => join.resumes = Some(sid.to_owned()),
            }
            join.endpoint()
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
