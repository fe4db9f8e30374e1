//! Messages that no participant sends: those of the RoomService.

use prost::Message as _;
use sfu_model::limits::MAX_DATA_MESSAGE_OUT_BYTES;
use sfu_model::{DataMessage, Now};
use signaling_protocol::sid;

use super::{Messaging, encode};
use crate::proto::data_packet::{Kind, Value};
use crate::{RoomError, RoomReply, proto};

/// Bytes of a nonce.
const NONCE_LENGTH: usize = 16;

impl Messaging<'_> {
    /// Sends a message for the `SendData` call.
    pub(crate) fn send_data(
        &mut self,
        now: Now,
        request: proto::SendDataRequest,
    ) -> Result<(), RoomError> {
        if !matches!(request.nonce.len(), 0 | NONCE_LENGTH) {
            return Err(RoomError::InvalidNonce);
        }
        let kind = request.kind();
        let mut packet = proto::DataPacket {
            kind: kind.into(),
            destination_identities: request.destination_identities.clone(),
            value: Some(Value::User(proto::UserPacket {
                payload: request.data,
                destination_sids: request.destination_sids,
                destination_identities: request.destination_identities,
                topic: request.topic,
                nonce: request.nonce,
                ..proto::UserPacket::default()
            })),
            ..proto::DataPacket::default()
        };
        let bytes = encode(&mut packet);
        if bytes.len() > MAX_DATA_MESSAGE_OUT_BYTES {
            return Err(RoomError::DataTooLarge);
        }
        self.may_send_of_ours()?;
        let message = self.message_of_ours(bytes);
        self.deliver(now, None, kind, packet, &message);
        Ok(())
    }

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
        self.may_send_of_ours()?;
        let name = sid("RPC_", self.ids.random());
        let started = self.rpcs.start(now, (name, callee), request, self.timers)?;
        let message = self.message_of_ours(started.packet.encode_to_vec());
        self.send_message(&[callee], Kind::Reliable, &message);
        Ok(RoomReply::RpcStarted {
            rpc: started.id,
            timeout: started.timeout,
        })
    }

    /// Refuses a message that no participant sends while too many of them are under way.
    fn may_send_of_ours(&self) -> Result<(), RoomError> {
        match self.history.budget.is_spent() {
            true => Err(RoomError::TooMuchDataWaits),
            false => Ok(()),
        }
    }

    /// Makes a message that no participant sends.
    fn message_of_ours(&self, bytes: Vec<u8>) -> DataMessage {
        DataMessage {
            permit: self.history.budget.permit(bytes.len()),
            payload: bytes.into(),
        }
    }
}
