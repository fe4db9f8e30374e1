use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prost::Message as _;
use sfu_model::Now;
use signaling_protocol::sid;

use crate::participant::ParticipantKey;
use crate::proto::data_packet::{Kind, Value};
use crate::{Output, Room, RoomError, RoomReply, RpcId, RpcOutcome, TimerReason, proto};

/// The calls to participants that wait for an answer.
#[derive(Debug, Default)]
pub(crate) struct Rpcs {
    open: BTreeMap<RpcId, Rpc>,
    /// By the id that the participant sees.
    by_name: BTreeMap<String, RpcId>,
    last: u64,
}

/// A call to a participant.
#[derive(Debug)]
struct Rpc {
    name: String,
    callee: ParticipantKey,
    acknowledged: bool,
    ends_at: Instant,
}

impl Rpcs {
    /// Most calls that are open in a room.
    const MAX: usize = 1024;
    /// How long a participant may take to say that it has the call.
    const ACK_TIMEOUT: Duration = Duration::from_secs(2);
    /// How long it may take to answer, unless the caller says otherwise.
    const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
    /// Largest argument and answer, in bytes.
    const MAX_PAYLOAD: usize = 15 * 1024;

    fn close(&mut self, id: RpcId) -> Option<Rpc> {
        let rpc = self.open.remove(&id)?;
        self.by_name.remove(&rpc.name);
        Some(rpc)
    }
}

/// Why a call ends without the participant's answer, with LiveKit's codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    ConnectionTimeout = 1501,
    ResponseTimeout = 1502,
    RecipientDisconnected = 1503,
    ResponsePayloadTooLarge = 1504,
}

impl From<Failure> for proto::RpcError {
    fn from(failure: Failure) -> Self {
        let message = match failure {
            Failure::ConnectionTimeout => "Connection timeout",
            Failure::ResponseTimeout => "Response timeout",
            Failure::RecipientDisconnected => "Recipient disconnected",
            Failure::ResponsePayloadTooLarge => "Response payload too large",
        };
        Self {
            code: failure as u32,
            message: message.to_owned(),
            data: String::new(),
        }
    }
}

impl Room {
    /// Calls a method of a participant.
    pub(crate) fn start_rpc(
        &mut self,
        now: Now,
        request: &proto::PerformRpcRequest,
    ) -> Result<RoomReply, RoomError> {
        if request.destination_identity.is_empty() {
            return Err(RoomError::NoDestination);
        }
        let callee = self.roster.by_identity(&request.destination_identity);
        let callee = callee.ok_or(RoomError::ParticipantNotFound)?;
        if request.payload.len() > Rpcs::MAX_PAYLOAD {
            return Err(RoomError::RpcPayloadTooLarge);
        }
        if self.rpcs.open.len() >= Rpcs::MAX {
            return Err(RoomError::TooManyRpcs);
        }
        let timeout = match request.response_timeout_ms {
            0 => Rpcs::DEFAULT_TIMEOUT,
            ms => Duration::from_millis(ms.into()),
        };
        let name = sid("RPC_", self.entropy.bytes());
        self.rpcs.last += 1;
        let id = RpcId(self.rpcs.last);
        self.rpcs.by_name.insert(name.clone(), id);
        let rpc = Rpc {
            name: name.clone(),
            callee,
            acknowledged: false,
            ends_at: now.mono + timeout,
        };
        self.rpcs.open.insert(id, rpc);
        let first = now.mono + timeout.min(Rpcs::ACK_TIMEOUT);
        self.timers.set(TimerReason::Rpc(id), first);
        self.send_call(callee, name, request, timeout);
        Ok(RoomReply::RpcStarted { rpc: id, timeout })
    }

    fn send_call(
        &mut self,
        callee: ParticipantKey,
        name: String,
        request: &proto::PerformRpcRequest,
        timeout: Duration,
    ) {
        let packet = proto::DataPacket {
            // The server has no identity: the call's name tells its answer from others.
            participant_identity: name.clone(),
            value: Some(Value::RpcRequest(proto::RpcRequest {
                id: name,
                method: request.method.clone(),
                payload: request.payload.clone(),
                response_timeout_ms: u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX),
                version: 1,
                ..proto::RpcRequest::default()
            })),
            ..proto::DataPacket::default()
        };
        let payload: Arc<[u8]> = packet.encode_to_vec().into();
        self.send_message(&[callee], Kind::Reliable, &payload);
    }

    /// Takes a packet that answers a call of ours; reports whether it was one.
    pub(crate) fn is_answer_to_us(&mut self, packet: &proto::DataPacket) -> bool {
        let name = match &packet.value {
            Some(Value::RpcAck(ack)) => &ack.request_id,
            Some(Value::RpcResponse(response)) => &response.request_id,
            Some(_) | None => return false,
        };
        let Some(id) = self.rpcs.by_name.get(name).copied() else {
            return false;
        };
        match &packet.value {
            Some(Value::RpcResponse(response)) => self.finish_rpc(id, outcome(response)),
            Some(_) | None => self.acknowledge_rpc(id),
        }
        true
    }

    fn acknowledge_rpc(&mut self, id: RpcId) {
        if let Some(rpc) = self.rpcs.open.get_mut(&id) {
            rpc.acknowledged = true;
            self.timers.set(TimerReason::Rpc(id), rpc.ends_at);
        }
    }

    /// A participant has not acknowledged a call, or not answered it.
    pub(crate) fn handle_rpc_timeout(&mut self, id: RpcId) {
        let acknowledged = self.rpcs.open.get(&id).map(|rpc| rpc.acknowledged);
        let failure = match acknowledged {
            Some(true) => Failure::ResponseTimeout,
            Some(false) | None => Failure::ConnectionTimeout,
        };
        self.finish_rpc(id, RpcOutcome::Error(failure.into()));
    }

    /// Ends the calls to a participant who leaves.
    pub(crate) fn fail_rpcs_of(&mut self, key: ParticipantKey) {
        let open = self.rpcs.open.iter();
        let to_it: Vec<_> = open
            .filter(|(_, rpc)| rpc.callee == key)
            .map(|(id, _)| *id)
            .collect();
        for id in to_it {
            let failure = Failure::RecipientDisconnected;
            self.finish_rpc(id, RpcOutcome::Error(failure.into()));
        }
    }

    fn finish_rpc(&mut self, rpc: RpcId, outcome: RpcOutcome) {
        self.timers.cancel(&TimerReason::Rpc(rpc));
        if self.rpcs.close(rpc).is_some() {
            self.outbox.push(Output::RpcDone { rpc, outcome });
        }
    }
}

fn outcome(response: &proto::RpcResponse) -> RpcOutcome {
    use proto::rpc_response::Value as Answer;
    match &response.value {
        Some(Answer::Payload(payload)) if payload.len() > Rpcs::MAX_PAYLOAD => {
            RpcOutcome::Error(Failure::ResponsePayloadTooLarge.into())
        }
        Some(Answer::Payload(payload)) => RpcOutcome::Payload(payload.clone()),
        Some(Answer::Error(error)) => RpcOutcome::Error(error.clone()),
        Some(_) | None => RpcOutcome::Payload(String::new()),
    }
}
