//! How a backlog is gathered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use prost::Message as _;
use signaling_protocol::proto;
use signaling_protocol::proto::signal_response::Message;

use crate::limits::UPDATE_BYTES;
use crate::responses::response::SharedResponse;

use super::piece::{Aspect, Piece, Topic, pieces};

/// Leaves out what later messages make superfluous.
///
/// A participant's latest state takes the place of the first that waits, because its tracks must be
/// known before an offer or answer that carries them. Anything else takes the place of the last.
pub(super) fn gather(queue: VecDeque<Arc<SharedResponse>>) -> VecDeque<Arc<SharedResponse>> {
    let mut told = Told::default();
    for response in queue {
        for (topic, piece) in pieces(&response) {
            told.tell(topic, piece);
        }
    }
    written(told.pieces.into_iter().flatten())
}

/// What is left so far.
#[derive(Default)]
struct Told {
    pieces: Vec<Option<Piece>>,
    places: BTreeMap<Topic, usize>,
}

impl Told {
    fn tell(&mut self, topic: Option<Topic>, piece: Piece) {
        match (topic, piece) {
            (None, Piece::Whole(response)) if is_move(&response) => {
                // What was told of the room before is no place for what is told of this one.
                self.places.clear();
                self.pieces.push(Some(Piece::Whole(response)));
            }
            (None, piece) => self.pieces.push(Some(piece)),
            (Some(topic), Piece::Participant(info)) => match topic.0 == Aspect::Gone {
                true => self.tell_gone(topic, info),
                false => self.tell_present(topic, info),
            },
            (Some(topic), piece) => {
                if let Some(place) = self.places.remove(&topic) {
                    self.leave_out(place);
                }
                self.append(topic, piece);
            }
        }
    }

    fn tell_present(&mut self, topic: Topic, info: Box<proto::ParticipantInfo>) {
        let piece = Piece::Participant(info);
        let place = self.places.get(&topic).copied();
        match place.and_then(|place| self.pieces.get_mut(place)) {
            Some(told) => *told = Some(piece),
            None => self.append(topic, piece),
        }
    }

    /// A session that came and went while the listener was told nothing is not told at all: what it
    /// has to hear is that the one before has gone.
    fn tell_gone(&mut self, topic: Topic, mut info: Box<proto::ParticipantInfo>) {
        let present = Topic(Aspect::Present, topic.1.clone());
        let of_session = |place: &usize| {
            let piece = self.pieces.get(*place)?.as_ref()?;
            matches!(piece, Piece::Participant(told) if told.sid == info.sid).then_some(*place)
        };
        if let Some(place) = self.places.get(&present).and_then(of_session) {
            self.places.remove(&present);
            self.leave_out(place);
        }
        if !self.places.contains_key(&topic) {
            // Nobody reads these of who has gone, and they may be most of it.
            info.metadata.clear();
            info.attributes.clear();
            self.append(topic, Piece::Participant(info));
        }
    }

    fn append(&mut self, topic: Topic, piece: Piece) {
        self.places.insert(topic, self.pieces.len());
        self.pieces.push(Some(piece));
    }

    fn leave_out(&mut self, place: usize) {
        if let Some(piece) = self.pieces.get_mut(place) {
            *piece = None;
        }
    }
}

/// Reports whether all that follows is told of another room.
fn is_move(response: &SharedResponse) -> bool {
    matches!(response.message(), Some(Message::RoomMoved(_)))
}

/// Writes neighbours of one kind as one message.
fn written(pieces: impl Iterator<Item = Piece>) -> VecDeque<Arc<SharedResponse>> {
    let mut messages = VecDeque::new();
    let mut open: Option<Message> = None;
    let mut bytes = 0;
    for piece in pieces {
        let length = piece.bytes();
        let full = bytes + length > UPDATE_BYTES;
        let piece = match open.as_mut().filter(|_| !full) {
            Some(message) => match piece.join(message) {
                None => {
                    bytes += length;
                    continue;
                }
                Some(piece) => piece,
            },
            None => piece,
        };
        messages.extend(open.take().map(SharedResponse::of));
        bytes = length;
        match piece.begin() {
            Ok(message) => open = Some(message),
            Err(whole) => messages.push_back(whole),
        }
    }
    messages.extend(open.map(SharedResponse::of));
    messages
}

impl Piece {
    fn bytes(&self) -> usize {
        match self {
            Self::Participant(info) => info.encoded_len(),
            Self::Speaker(speaker) => speaker.encoded_len(),
            Self::Quality(quality) => quality.encoded_len(),
            Self::StreamState(state) => state.encoded_len(),
            Self::Whole(response) => response.bytes(),
        }
    }

    /// Adds it to a message of its kind; else returns it.
    fn join(self, message: &mut Message) -> Option<Self> {
        match (self, message) {
            (Self::Participant(info), Message::Update(update)) => update.participants.push(*info),
            (Self::Speaker(speaker), Message::SpeakersChanged(changed)) => {
                changed.speakers.push(speaker);
            }
            (Self::Quality(quality), Message::ConnectionQuality(update)) => {
                update.updates.push(quality);
            }
            (Self::StreamState(state), Message::StreamStateUpdate(update)) => {
                update.stream_states.push(state);
            }
            (piece, _) => return Some(piece),
        }
        None
    }

    /// Begins a message that others of its kind may join, or is one.
    fn begin(self) -> Result<Message, Arc<SharedResponse>> {
        Ok(match self {
            Self::Participant(info) => Message::Update(proto::ParticipantUpdate {
                participants: vec![*info],
            }),
            Self::Speaker(speaker) => Message::SpeakersChanged(proto::SpeakersChanged {
                speakers: vec![speaker],
            }),
            Self::Quality(quality) => Message::ConnectionQuality(proto::ConnectionQualityUpdate {
                updates: vec![quality],
            }),
            Self::StreamState(state) => Message::StreamStateUpdate(proto::StreamStateUpdate {
                stream_states: vec![state],
            }),
            Self::Whole(response) => return Err(response),
        })
    }
}
