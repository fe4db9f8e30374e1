//! What waits for one room, without locks or tasks.

use std::collections::{BTreeMap, VecDeque};

use sfu_model::{DataChannel, Event, PeerId, PublicationId, Rid, ShardIndex, SubscriptionId};

use crate::limits::{LOSSY_BYTES, LOSSY_MESSAGES, LOSSY_MESSAGES_EACH};

/// The events that a room has not taken yet, in their order.
///
/// What a shard tells of state (a peer connected, fell silent, is gone; how loud tracks are) waits
/// at most once: the latest, at the place of the first. So it is bounded by what the room itself
/// holds, and none is ever dropped. Of lossy data the oldest goes when there is no place; reliable
/// data is bounded by what its senders may have in flight.
#[derive(Debug, Default)]
pub(crate) struct WaitingEvents {
    queue: BTreeMap<u64, Event>,
    /// Where the latest of each state waits.
    states: BTreeMap<State, u64>,
    lossy: Lossy,
    next: u64,
}

/// What an event tells the latest of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Connected(PeerId),
    /// Whether anything comes from a peer.
    Heard(PeerId),
    Channel(PeerId, DataChannel),
    Closed(PeerId),
    Codec(PublicationId),
    Encoding(PublicationId, Option<Rid>),
    PictureSize(PublicationId, Rid),
    Pause(SubscriptionId),
    Levels(ShardIndex),
    Statistics(ShardIndex, u32),
}

/// Where lossy messages wait, by sender.
#[derive(Debug, Default)]
struct Lossy {
    places: BTreeMap<PeerId, VecDeque<u64>>,
    messages: usize,
    bytes: usize,
}

/// How an event waits.
enum Kind {
    State(State),
    Reliable,
    Lossy { sender: PeerId, bytes: usize },
}

impl WaitingEvents {
    /// Adds an event. Returns how many lossy messages went for it.
    pub(crate) fn put(&mut self, event: Event) -> u64 {
        let place = self.next;
        self.next += 1;
        match kind(&event) {
            Kind::State(state) => {
                let place = *self.states.entry(state).or_insert(place);
                self.queue.insert(place, event);
                0
            }
            Kind::Reliable => {
                self.queue.insert(place, event);
                0
            }
            Kind::Lossy { sender, bytes } => {
                self.queue.insert(place, event);
                self.lossy.note(sender, place, bytes);
                self.drop_lossy(sender)
            }
        }
    }

    /// Returns the next event.
    pub(crate) fn take(&mut self) -> Option<Event> {
        let (_, event) = self.queue.pop_first()?;
        match kind(&event) {
            Kind::State(state) => {
                self.states.remove(&state);
            }
            Kind::Reliable => {}
            Kind::Lossy { sender, bytes } => {
                self.lossy.pop_oldest(sender);
                self.lossy.bytes -= bytes;
            }
        }
        Some(event)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Makes room after a message of `sender`: the oldest of whoever has more waiting than others.
    fn drop_lossy(&mut self, sender: PeerId) -> u64 {
        let mut dropped = 0;
        while let Some(victim) = self.lossy.over_limit(sender) {
            let place = self.lossy.pop_oldest(victim);
            let event = place.and_then(|place| self.queue.remove(&place));
            if let Some(Kind::Lossy { bytes, .. }) = event.as_ref().map(kind) {
                self.lossy.bytes -= bytes;
            }
            dropped += 1;
        }
        dropped
    }
}

impl Lossy {
    fn note(&mut self, sender: PeerId, place: u64, bytes: usize) {
        self.places.entry(sender).or_default().push_back(place);
        self.messages += 1;
        self.bytes += bytes;
    }

    fn pop_oldest(&mut self, sender: PeerId) -> Option<u64> {
        let places = self.places.get_mut(&sender)?;
        let place = places.pop_front()?;
        if places.is_empty() {
            self.places.remove(&sender);
        }
        self.messages -= 1;
        Some(place)
    }

    /// Returns who loses a message, if somebody must.
    fn over_limit(&self, sender: PeerId) -> Option<PeerId> {
        let of_sender = self.places.get(&sender).map_or(0, VecDeque::len);
        if of_sender > LOSSY_MESSAGES_EACH {
            return Some(sender);
        }
        if self.messages <= LOSSY_MESSAGES && self.bytes <= LOSSY_BYTES {
            return None;
        }
        let most = self.places.iter().max_by_key(|(_, places)| places.len());
        most.map(|(sender, _)| *sender)
    }
}

fn kind(event: &Event) -> Kind {
    Kind::State(match event {
        Event::PeerConnected { peer, .. } => State::Connected(*peer),
        Event::PeerSilent { peer } | Event::PeerResumed { peer } => State::Heard(*peer),
        Event::PeerClosed { peer, .. } => State::Closed(*peer),
        Event::CodecChanged { publication, .. } => State::Codec(*publication),
        Event::EncodingStarted {
            publication, rid, ..
        } => State::Encoding(*publication, *rid),
        Event::PictureSized {
            publication, rid, ..
        } => State::PictureSize(*publication, *rid),
        Event::SubscriptionPaused { subscription }
        | Event::SubscriptionResumed { subscription } => State::Pause(*subscription),
        Event::DataChannelOpened { peer, channel } => State::Channel(*peer, *channel),
        Event::AudioLevels { shard, .. } => State::Levels(*shard),
        Event::Statistics { shard, part, .. } => State::Statistics(*shard, *part),
        Event::DataReceived {
            peer,
            channel,
            message,
        } => {
            return match channel {
                DataChannel::Reliable | DataChannel::Unlabelled => Kind::Reliable,
                DataChannel::Lossy | DataChannel::DataTrack => Kind::Lossy {
                    sender: *peer,
                    bytes: message.len(),
                },
            };
        }
    })
}

#[cfg(test)]
mod tests;
