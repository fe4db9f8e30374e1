//! Answers to what clients ask for.

use crate::outputs::Outputs;
use crate::participant::Participant;
use crate::proto;
use crate::proto::request_response::{Reason, Request};
use crate::proto::signal_response::Message;

/// Sends a participant the answer to its request, if its client takes such answers.
pub(crate) fn respond(
    participant: Option<&Participant>,
    response: proto::RequestResponse,
    outputs: &mut Outputs,
) {
    let Some(participant) = participant else {
        return;
    };
    let client = &participant.client;
    let welcome = client.takes_track_subscribed()
        && (response.reason() != Reason::Ok
            || client.protocol().takes_successful_request_response());
    if welcome {
        outputs.signal(participant.connection, Message::RequestResponse(response));
    }
}

/// Returns the answer to a request without a number, which carries the request itself.
pub(crate) fn response(
    reason: Reason,
    message: impl Into<String>,
    request: Request,
) -> proto::RequestResponse {
    proto::RequestResponse {
        reason: reason.into(),
        message: message.into(),
        request: Some(request),
        ..proto::RequestResponse::default()
    }
}
