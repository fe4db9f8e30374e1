//! The way of events from shards to rooms.
//!
//! A media thread must never wait, so its end of the queue drops what does not fit; the other end is
//! a task that finds each event's room.

use sfu_model::Event;
use tokio::sync::mpsc;

/// Events that may wait for the control runtime. It takes seconds of standstill to fill this.
const CAPACITY: usize = 65_536;

/// The end for the media threads.
#[derive(Clone, Debug)]
pub struct EventSink(mpsc::Sender<Event>);

/// The end for [`crate::Rooms::route_media_events`].
#[derive(Debug)]
pub struct MediaEvents(pub(crate) mpsc::Receiver<Event>);

/// Creates the queue.
pub fn media_events() -> (EventSink, MediaEvents) {
    let (sender, receiver) = mpsc::channel(CAPACITY);
    (EventSink(sender), MediaEvents(receiver))
}

impl EventSink {
    /// Queues an event without waiting.
    pub fn send(&self, event: Event) {
        if let Err(mpsc::error::TrySendError::Full(event)) = self.0.try_send(event) {
            tracing::error!(
                room = event.room().0,
                "An event of the media plane was lost: rooms do not keep up"
            );
        }
    }
}
