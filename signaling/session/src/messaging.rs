//! Messages between participants: the part of a room that decides who gets them.

mod of_ours;
mod received;
mod waiting;

use std::collections::BTreeSet;
use std::sync::Arc;

use prost::Message as _;
use sfu_model::limits::MAX_DATA_MESSAGE_OUT_BYTES;
use sfu_model::{Command, DataChannel, DataMessage, Now};

use crate::data_history::{DataHistory, RecentMessage};
use crate::ids::Ids;
use crate::outputs::Outputs;
use crate::participant_key::ParticipantKey;
use crate::proto::data_packet::{Kind, Value};
use crate::roster::Roster;
use crate::rpc::Rpcs;
use crate::timers::Timers;
use crate::{Room, proto};

/// Decides who may send messages and who gets them, and has them sent.
///
/// It is all of a room that this may touch.
#[derive(Debug)]
pub(crate) struct Messaging<'a> {
    ids: &'a mut Ids,
    roster: &'a mut Roster,
    history: &'a mut DataHistory,
    rpcs: &'a mut Rpcs,
    timers: &'a mut Timers,
    outputs: &'a mut Outputs,
}

/// Who is to get a message.
#[derive(Debug, Default)]
struct Audience {
    identities: Vec<String>,
    sids: Vec<String>,
}

impl Room {
    /// Returns the part that takes and sends messages.
    pub(crate) fn messaging(&mut self) -> Messaging<'_> {
        Messaging {
            ids: &mut self.ids,
            roster: &mut self.roster,
            history: &mut self.data,
            rpcs: &mut self.rpcs,
            timers: &mut self.timers,
            outputs: &mut self.outputs,
        }
    }
}

impl Messaging<'_> {
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
            && self.history.nonces.is_repeated(&user.nonce)
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
            self.history.remember(RecentMessage {
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
    fn send_message(&mut self, receivers: &[ParticipantKey], kind: Kind, message: &DataMessage) {
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
