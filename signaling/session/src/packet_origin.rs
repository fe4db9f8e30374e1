//! Writes into messages who sent them.

use crate::participant::Participant;
use crate::proto;
use crate::proto::data_packet::Value;

/// What is to become of a client's message.
pub(crate) enum Routing {
    /// It goes on, with these fields written.
    Forward(proto::DataPacket),
    /// It goes on as it came, behind which what we say is written: we do not know what it is, and
    /// would lose it.
    ForwardUnknown(proto::DataPacket),
    /// It ends here.
    Consume,
}

/// Writes into a client's packet who sent it, and says whether it goes on. Agents may speak for
/// others: in transcriptions, generated chat messages and text streams.
pub(crate) fn route(sender: &Participant, mut packet: proto::DataPacket) -> Routing {
    let speaks_for_other = sender.is_agent()
        && !packet.participant_identity.is_empty()
        && packet.participant_identity != sender.identity.as_str();
    let mut keep_identity = false;
    match &mut packet.value {
        Some(Value::User(user)) => {
            user.participant_sid = visible_sid(sender);
            user.participant_identity = visible_identity(sender);
            if packet.destination_identities.is_empty() {
                packet
                    .destination_identities
                    .clone_from(&user.destination_identities);
            } else {
                user.destination_identities
                    .clone_from(&packet.destination_identities);
            }
        }
        Some(Value::Transcription(_)) if !sender.is_agent() => return Routing::Consume,
        // Who speaks, and what was measured, is the server's to say.
        Some(Value::Speaker(_) | Value::Metrics(_)) => return Routing::Consume,
        Some(Value::ChatMessage(chat)) if speaks_for_other => {
            chat.generated = true;
            keep_identity = true;
        }
        Some(Value::StreamHeader(header)) if speaks_for_other => {
            use proto::data_stream::header::ContentHeader;
            if let Some(ContentHeader::TextHeader(text)) = &mut header.content_header {
                text.generated = true;
                keep_identity = true;
            }
        }
        Some(_) | None => {}
    }
    if !keep_identity {
        packet.participant_identity = visible_identity(sender);
    }
    match packet.value {
        Some(_) => Routing::Forward(packet),
        None => Routing::ForwardUnknown(packet),
    }
}

/// Appends what `packet` says of its kind and sender to `payload`. In protobuf the last value of a
/// field counts.
pub(crate) fn with_sender(payload: &[u8], packet: &proto::DataPacket) -> Vec<u8> {
    use prost::encoding::{int32, string};
    let mut bytes = payload.to_vec();
    int32::encode(1, &packet.kind, &mut bytes);
    string::encode(4, &packet.participant_identity, &mut bytes);
    string::encode(17, &packet.participant_sid, &mut bytes);
    bytes
}

pub(crate) fn visible_sid(sender: &Participant) -> String {
    match sender.is_hidden() {
        true => String::new(),
        false => sender.sid.as_str().to_owned(),
    }
}

fn visible_identity(sender: &Participant) -> String {
    match sender.is_hidden() {
        true => String::new(),
        false => sender.identity.as_str().to_owned(),
    }
}
