//! Messages between participants: who may send, who gets them, and how they leave.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use prost::Message as _;
use sfu_model::limits::MAX_DATA_MESSAGE_OUT_BYTES;
use sfu_model::{Command, DataChannel, DataMessage, Now, PeerId};

use crate::data_history::RecentMessage;
use crate::packet_origin::{Routing, route, visible_sid, with_sender};
use crate::participant_key::ParticipantKey;
use crate::proto::data_packet::{Kind, Value};
use crate::{Room, RoomError, proto};

/// Who is to get a message.
#[derive(Debug, Default)]
struct Audience {
    identities: Vec<String>,
    sids: Vec<String>,
}

impl Room {
    /// Takes a message that came on a participant's data channel. What it holds of its sender's budget goes
    /// on with what is made of it.
    pub(crate) fn handle_data(
        &mut self,
        now: Now,
        peer: PeerId,
        channel: DataChannel,
        message: DataMessage,
    ) {
        let Some(key) = self.roster.by_peer(peer) else {
            return;
        };
        let allowed = self.roster.get(key).map(|p| p.grant().may_publish_data());
        if allowed != Some(true) {
            return;
        }
        match channel {
            DataChannel::Reliable => self.handle_packet(now, key, Kind::Reliable, &message),
            DataChannel::Lossy => self.handle_packet(now, key, Kind::Lossy, &message),
            DataChannel::Unlabelled => self.handle_unlabelled(key, &message),
            DataChannel::DataTrack => self.route_data_packet(key, message),
        }
    }

    fn handle_packet(&mut self, now: Now, key: ParticipantKey, kind: Kind, message: &DataMessage) {
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
                if self
                    .rpcs
                    .handle_answer(&packet, &mut self.timers, &mut self.outputs) =>
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

    /// Sends a packet to whom it is for: those whom it names, else everybody but its sender.
    fn deliver(
        &mut self,
        now: Now,
        sender: Option<ParticipantKey>,
        kind: Kind,
        packet: proto::DataPacket,
        message: &DataMessage,
    ) {
        if let Some(Value::User(user)) = &packet.value
            && self.data.nonces.is_repeated(&user.nonce)
        {
            return;
        }
        if message.len() > MAX_DATA_MESSAGE_OUT_BYTES {
            return;
        }
        let audience = Audience::of(&packet);
        if let (Some(sender), Kind::Reliable, 1..) = (sender, kind, packet.sequence)
            && let Some(sender) = self.roster.get(sender)
        {
            self.data.remember(RecentMessage {
                at: now.mono,
                sender_sid: sender.sid.as_str().to_owned(),
                sequence: packet.sequence,
                destinations: audience.identities.clone(),
                payload: Arc::clone(&message.payload),
            });
        }
        let receivers = self.receivers(sender, &audience);
        self.send_message(&receivers, kind, message);
    }

    fn receivers(
        &self,
        sender: Option<ParticipantKey>,
        audience: &Audience,
    ) -> Vec<ParticipantKey> {
        if !audience.is_everybody() {
            let by_identity = audience.identities.iter();
            let by_identity = by_identity.filter_map(|identity| self.roster.by_identity(identity));
            let by_sid = audience.sids.iter();
            let by_sid = by_sid.filter_map(|sid| self.roster.by_sid(sid));
            let named: BTreeSet<_> = by_identity.chain(by_sid).collect();
            return named
                .into_iter()
                .filter(|key| Some(*key) != sender)
                .collect();
        }
        let others = self.roster.iter().map(|participant| participant.key);
        others.filter(|key| Some(*key) != sender).collect()
    }

    /// Sends a message to those who are active, and keeps it for those who are about to be if it is
    /// reliable.
    pub(crate) fn send_message(
        &mut self,
        receivers: &[ParticipantKey],
        kind: Kind,
        message: &DataMessage,
    ) {
        let mut peers = Vec::new();
        for key in receivers {
            let Some(participant) = self.roster.get_mut(*key) else {
                continue;
            };
            let active = participant.is_active();
            let messages = &mut participant.messages;
            let payload = &message.payload;
            match kind {
                Kind::Reliable if !active => messages.reliable.keep(Arc::clone(payload)),
                Kind::Lossy if !active => {}
                Kind::Lossy if !messages.lossy_open => messages.lossy.keep(Arc::clone(payload)),
                Kind::Reliable | Kind::Lossy => peers.push(participant.transports.primary_peer()),
            }
        }
        if !peers.is_empty() {
            self.outputs.media(Command::SendData {
                peers: peers.into(),
                channel: match kind {
                    Kind::Reliable => DataChannel::Reliable,
                    Kind::Lossy => DataChannel::Lossy,
                },
                message: message.clone(),
            });
        }
    }

    /// Sends what came while a participant was about to become active.
    pub(crate) fn deliver_reliable_backlog(&mut self, key: ParticipantKey) {
        if let Some(participant) = self.roster.get_mut(key) {
            let peer = participant.transports.primary_peer();
            let waiting = participant.messages.reliable.take();
            self.deliver_backlog(peer, DataChannel::Reliable, waiting);
        }
    }

    /// A data channel is open: sends what came a moment before. The shard itself keeps reliable
    /// messages until then, and no lossy ones.
    pub(crate) fn handle_channel_opened(&mut self, peer: PeerId, channel: DataChannel) {
        let Some(key) = self.roster.by_peer(peer) else {
            return;
        };
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        if channel == DataChannel::Lossy && participant.transports.primary_peer() == peer {
            participant.messages.lossy_open = true;
            let waiting = participant.messages.lossy.take();
            self.deliver_backlog(peer, channel, waiting);
        }
    }

    fn deliver_backlog(
        &mut self,
        peer: PeerId,
        channel: DataChannel,
        waiting: VecDeque<Arc<[u8]>>,
    ) {
        let peers: Arc<[PeerId]> = Arc::from([peer]);
        for payload in waiting {
            self.outputs.media(Command::SendData {
                peers: Arc::clone(&peers),
                channel,
                message: payload.into(),
            });
        }
    }

    /// A message on a channel of the client's own is for everybody who is active.
    fn handle_unlabelled(&mut self, key: ParticipantKey, message: &DataMessage) {
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

    /// Sends a message for the `SendData` call.
    pub(crate) fn send_user_data(
        &mut self,
        now: Now,
        request: proto::SendDataRequest,
    ) -> Result<(), RoomError> {
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

    /// Refuses a message that no participant sends while too many of them are under way.
    pub(crate) fn may_send_of_ours(&self) -> Result<(), RoomError> {
        match self.data.budget.is_spent() {
            true => Err(RoomError::TooMuchDataWaits),
            false => Ok(()),
        }
    }

    /// Makes a message that no participant sends.
    pub(crate) fn message_of_ours(&self, bytes: Vec<u8>) -> DataMessage {
        DataMessage {
            permit: self.data.budget.permit(bytes.len()),
            payload: bytes.into(),
        }
    }
}

impl Audience {
    fn of(packet: &proto::DataPacket) -> Self {
        let sids = match &packet.value {
            Some(Value::User(user)) => user.destination_sids.clone(),
            Some(_) | None => Vec::new(),
        };
        Self {
            identities: packet.destination_identities.clone(),
            sids,
        }
    }

    fn is_everybody(&self) -> bool {
        self.identities.is_empty() && self.sids.is_empty()
    }
}

/// Encodes a packet. A user packet has its list of receivers twice, for old clients; where that would be too
/// long, once.
fn encode(packet: &mut proto::DataPacket) -> Vec<u8> {
    if packet.encoded_len() > MAX_DATA_MESSAGE_OUT_BYTES
        && let Some(Value::User(user)) = &mut packet.value
    {
        user.destination_identities.clear();
    }
    packet.encode_to_vec()
}
