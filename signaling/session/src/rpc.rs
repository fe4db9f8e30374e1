//! Calls to participants, which the RoomService makes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sfu_model::Now;

use crate::limits::{MAX_RPC_PAYLOAD_BYTES, MAX_RPCS, RPC_ACK_TIMEOUT, RPC_DEFAULT_TIMEOUT};
use crate::outputs::Outputs;
use crate::participant_key::ParticipantKey;
use crate::proto::data_packet::Value;
use crate::timers::Timers;
use crate::{Output, RoomError, RpcId, RpcOutcome, TimerReason, proto};

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

/// A call that has begun.
#[derive(Debug)]
pub(crate) struct StartedRpc {
    pub(crate) id: RpcId,
    pub(crate) timeout: Duration,
    /// What the participant is sent.
    pub(crate) packet: proto::DataPacket,
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

impl Rpcs {
    /// Calls a method of a participant; `name` is what the call is known by to it.
    pub(crate) fn start(
        &mut self,
        now: Now,
        (name, callee): (String, ParticipantKey),
        request: &proto::PerformRpcRequest,
        timers: &mut Timers,
    ) -> Result<StartedRpc, RoomError> {
        if request.payload.len() > MAX_RPC_PAYLOAD_BYTES {
            return Err(RoomError::RpcPayloadTooLarge);
        }
        if self.open.len() >= MAX_RPCS {
            return Err(RoomError::TooManyRpcs);
        }
        let timeout = match request.response_timeout_ms {
            0 => RPC_DEFAULT_TIMEOUT,
            ms => Duration::from_millis(ms.into()),
        };
        self.last += 1;
        let id = RpcId(self.last);
        self.by_name.insert(name.clone(), id);
        let packet = call(&name, request, timeout);
        let rpc = Rpc {
            name,
            callee,
            acknowledged: false,
            ends_at: now.mono + timeout,
        };
        self.open.insert(id, rpc);
        timers.set(
            TimerReason::Rpc(id),
            now.mono + timeout.min(RPC_ACK_TIMEOUT),
        );
        Ok(StartedRpc {
            id,
            timeout,
            packet,
        })
    }

    /// Takes a packet that answers a call of ours; reports whether it was one.
    pub(crate) fn handle_answer(
        &mut self,
        packet: &proto::DataPacket,
        timers: &mut Timers,
        outputs: &mut Outputs,
    ) -> bool {
        let name = match &packet.value {
            Some(Value::RpcAck(ack)) => &ack.request_id,
            Some(Value::RpcResponse(response)) => &response.request_id,
            Some(_) | None => return false,
        };
        let Some(id) = self.by_name.get(name).copied() else {
            return false;
        };
        match &packet.value {
            Some(Value::RpcResponse(response)) => {
                self.finish(id, outcome(response), timers, outputs);
            }
            Some(_) | None => self.acknowledge(id, timers),
        }
        true
    }

    fn acknowledge(&mut self, id: RpcId, timers: &mut Timers) {
        if let Some(rpc) = self.open.get_mut(&id) {
            rpc.acknowledged = true;
            timers.set(TimerReason::Rpc(id), rpc.ends_at);
        }
    }

    /// A participant has not acknowledged a call, or not answered it.
    pub(crate) fn handle_timeout(&mut self, id: RpcId, timers: &mut Timers, outputs: &mut Outputs) {
        let acknowledged = self.open.get(&id).map(|rpc| rpc.acknowledged);
        let failure = match acknowledged {
            Some(true) => Failure::ResponseTimeout,
            Some(false) | None => Failure::ConnectionTimeout,
        };
        self.finish(id, RpcOutcome::Error(failure.into()), timers, outputs);
    }

    /// Ends the calls to a participant who leaves.
    pub(crate) fn fail_calls_to(
        &mut self,
        key: ParticipantKey,
        timers: &mut Timers,
        outputs: &mut Outputs,
    ) {
        let open = self.open.iter();
        let to_it: Vec<_> = open
            .filter(|(_, rpc)| rpc.callee == key)
            .map(|(id, _)| *id)
            .collect();
        for id in to_it {
            let failure = Failure::RecipientDisconnected;
            self.finish(id, RpcOutcome::Error(failure.into()), timers, outputs);
        }
    }

    fn finish(
        &mut self,
        rpc: RpcId,
        outcome: RpcOutcome,
        timers: &mut Timers,
        outputs: &mut Outputs,
    ) {
        timers.cancel(&TimerReason::Rpc(rpc));
        if let Some(ended) = self.open.remove(&rpc) {
            self.by_name.remove(&ended.name);
            outputs.push(Output::RpcDone { rpc, outcome });
        }
    }
}

fn call(name: &str, request: &proto::PerformRpcRequest, timeout: Duration) -> proto::DataPacket {
    proto::DataPacket {
        // The server has no identity: the call's name tells its answer from others.
        participant_identity: name.to_owned(),
        value: Some(Value::RpcRequest(proto::RpcRequest {
            id: name.to_owned(),
            method: request.method.clone(),
            payload: request.payload.clone(),
            response_timeout_ms: u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX),
            version: 1,
            ..proto::RpcRequest::default()
        })),
        ..proto::DataPacket::default()
    }
}

fn outcome(response: &proto::RpcResponse) -> RpcOutcome {
    use proto::rpc_response::Value as Answer;
    match &response.value {
        Some(Answer::Payload(payload)) if payload.len() > MAX_RPC_PAYLOAD_BYTES => {
            RpcOutcome::Error(Failure::ResponsePayloadTooLarge.into())
        }
        Some(Answer::Payload(payload)) => RpcOutcome::Payload(payload.clone()),
        Some(Answer::Error(error)) => RpcOutcome::Error(error.clone()),
        Some(_) | None => RpcOutcome::Payload(String::new()),
    }
}
