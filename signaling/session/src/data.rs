//! Messages on data channels.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use prost::Message as _;
use sfu_model::{Command, DataChannel, Now, PeerId};

use crate::data_history::RecentMessage;
use crate::packet_origin::{Routing, route, visible_sid, with_sender};
use crate::participant_key::ParticipantKey;
use crate::proto::data_packet::{Kind, Value};
use crate::{Room, proto};

/// Largest message that a data channel carries.
pub(crate) const MAX_MESSAGE: usize = 64 * 1024;

/// Who is to get a message.
#[derive(Debug, Default)]
struct Audience {
    identities: Vec<String>,
    sids: Vec<String>,
}

impl Room {
    /// Takes a message that came on a participant's data channel.
    pub(crate) fn handle_data(
        &mut self,
        now: Now,
        peer: PeerId,
        channel: DataChannel,
        payload: Vec<u8>,
    ) {
        let Some(key) = self.roster.by_peer(peer) else {
            return;
        };
        let allowed = self.roster.get(key).map(|p| p.grant().may_publish_data());
        if allowed != Some(true) {
            return;
        }
        match channel {
            DataChannel::Reliable => self.handle_packet(now, key, Kind::Reliable, &payload),
            DataChannel::Lossy => self.handle_packet(now, key, Kind::Lossy, &payload),
            DataChannel::Unlabelled => self.handle_unlabelled(key, payload),
            DataChannel::DataTrack => self.route_data_packet(key, payload),
        }
    }

    fn handle_packet(&mut self, now: Now, key: ParticipantKey, kind: Kind, payload: &[u8]) {
        let Ok(mut packet) = proto::DataPacket::decode(payload) else {
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
                    .handle_answer(&packet, &mut self.timers, &mut self.outbox) =>
            {
                return;
            }
            Routing::Forward(packet) => {
                let bytes = packet.encode_to_vec();
                (packet, bytes)
            }
            Routing::ForwardUnknown(packet) => {
                let bytes = with_sender(payload, &packet);
                (packet, bytes)
            }
        };
        self.deliver(now, Some(key), kind, packet, bytes);
    }

    /// Sends a packet to whom it is for: those whom it names, else everybody but its sender.
    fn deliver(
        &mut self,
        now: Now,
        sender: Option<ParticipantKey>,
        kind: Kind,
        packet: proto::DataPacket,
        bytes: Vec<u8>,
    ) {
        if let Some(Value::User(user)) = &packet.value
            && self.data.nonces.is_repeated(&user.nonce)
        {
            return;
        }
        if bytes.len() > MAX_MESSAGE {
            return;
        }
        let payload: Arc<[u8]> = bytes.into();
        let audience = Audience::of(&packet);
        if let (Some(sender), Kind::Reliable, 1..) = (sender, kind, packet.sequence)
            && let Some(sender) = self.roster.get(sender)
        {
            self.data.remember(RecentMessage {
                at: now.mono,
                sender_sid: sender.sid.as_str().to_owned(),
                sequence: packet.sequence,
                destinations: audience.identities.clone(),
                payload: Arc::clone(&payload),
            });
        }
        let receivers = self.receivers(sender, &audience);
        self.send_message(&receivers, kind, &payload);
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
        payload: &Arc<[u8]>,
    ) {
        let mut peers = Vec::new();
        for key in receivers {
            let Some(participant) = self.roster.get_mut(*key) else {
                continue;
            };
            let active = participant.is_active();
            let messages = &mut participant.messages;
            match kind {
                Kind::Reliable if !active => messages.reliable.keep(Arc::clone(payload)),
                Kind::Lossy if !active => {}
                Kind::Lossy if !messages.lossy_open => messages.lossy.keep(Arc::clone(payload)),
                Kind::Reliable | Kind::Lossy => peers.push(participant.transports.primary_peer()),
            }
        }
        if !peers.is_empty() {
            self.outbox.media(Command::SendData {
                peers: peers.into(),
                channel: match kind {
                    Kind::Reliable => DataChannel::Reliable,
                    Kind::Lossy => DataChannel::Lossy,
                },
                payload: Arc::clone(payload),
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
            self.outbox.media(Command::SendData {
                peers: Arc::clone(&peers),
                channel,
                payload,
            });
        }
    }

    /// A message on a channel of the client's own is for everybody who is active.
    fn handle_unlabelled(&mut self, key: ParticipantKey, payload: Vec<u8>) {
        let Some(participant) = self.roster.get(key) else {
            return;
        };
        let packet = proto::DataPacket {
            participant_identity: participant.identity.as_str().to_owned(),
            value: Some(Value::User(proto::UserPacket {
                payload,
                ..proto::UserPacket::default()
            })),
            ..proto::DataPacket::default()
        };
        let payload: Arc<[u8]> = packet.encode_to_vec().into();
        if payload.len() > MAX_MESSAGE {
            return;
        }
        let others = self.roster.iter();
        let others = others.filter(|other| other.is_active() && other.key != key);
        let others: Vec<_> = others.map(|other| other.key).collect();
        self.send_message(&others, Kind::Reliable, &payload);
    }

    /// Sends a message for the `SendData` call.
    pub(crate) fn send_user_data(&mut self, now: Now, request: proto::SendDataRequest) {
        let kind = request.kind();
        let packet = proto::DataPacket {
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
        let bytes = packet.encode_to_vec();
        self.deliver(now, None, kind, packet, bytes);
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
