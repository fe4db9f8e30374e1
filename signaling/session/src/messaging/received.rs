//! What participants send.

use prost::Message as _;
use sfu_model::{DataMessage, Now};

use super::{Messaging, encode};
use crate::packet_origin::{Routing, route, visible_sid, with_sender};
use crate::participant_key::ParticipantKey;
use crate::proto;
use crate::proto::data_packet::{Kind, Value};

impl Messaging<'_> {
    /// Takes a packet. What it holds of its sender's budget goes on with what is made of it.
    pub(crate) fn handle_packet(
        &mut self,
        now: Now,
        key: ParticipantKey,
        kind: Kind,
        message: &DataMessage,
    ) {
        let Ok(mut packet) = proto::DataPacket::decode(message.as_ref()) else {
            return;
        };
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        if kind == Kind::Reliable && packet.sequence > 0 {
            if packet.sequence <= participant.messages.last_sequence {
                return;
            }
            participant.messages.last_sequence = packet.sequence;
        }
        packet.kind = kind.into();
        packet.participant_sid = visible_sid(participant);
        let routing = route(participant, packet);
        let (packet, bytes) = match routing {
            Routing::Consume => return,
            Routing::Forward(packet)
                if self.rpcs.handle_answer(&packet, self.timers, self.outputs) =>
            {
                return;
            }
            Routing::Forward(mut packet) => {
                let bytes = encode(&mut packet);
                (packet, bytes)
            }
            Routing::ForwardUnknown(packet) => {
                let bytes = with_sender(message, &packet);
                (packet, bytes)
            }
        };
        let message = DataMessage {
            payload: bytes.into(),
            permit: message.permit.clone(),
        };
        self.deliver(now, Some(key), kind, packet, &message);
    }

    /// A message on a channel of the client's own is for everybody who is active.
    pub(crate) fn handle_unlabelled(&mut self, key: ParticipantKey, message: &DataMessage) {
        let Some(participant) = self.roster.get(key) else {
            return;
        };
        let packet = proto::DataPacket {
            participant_identity: participant.identity.as_str().to_owned(),
            value: Some(Value::User(proto::UserPacket {
                payload: message.to_vec(),
                ..proto::UserPacket::default()
            })),
            ..proto::DataPacket::default()
        };
        let message = DataMessage {
            payload: packet.encode_to_vec().into(),
            permit: message.permit.clone(),
        };
        let others = self.roster.iter();
        let others = others.filter(|other| other.is_active() && other.key != key);
        let others: Vec<_> = others.map(|other| other.key).collect();
        self.send_message(&others, Kind::Reliable, &message);
    }
}
