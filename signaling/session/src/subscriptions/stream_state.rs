//! Tells subscribers which of their tracks are paused because their link has no room for them.

use sfu_model::SubscriptionId;

use super::Subscriptions;
use crate::proto;
use crate::proto::StreamState;
use crate::proto::signal_response::Message;

impl Subscriptions<'_> {
    /// Tells a subscriber that a track of its is paused, or sent again.
    pub(crate) fn tell_state(&mut self, subscription: SubscriptionId, state: StreamState) {
        let Some((key, sid)) = self.tracks.of_subscription(subscription) else {
            return;
        };
        let publisher = self
            .tracks
            .get(&sid)
            .and_then(|track| self.roster.get(track.publisher));
        let (Some(publisher), Some(subscriber)) = (publisher, self.roster.get(key)) else {
            return;
        };
        let update = proto::StreamStateUpdate {
            stream_states: vec![proto::StreamStateInfo {
                participant_sid: publisher.sid.as_str().to_owned(),
                track_sid: sid.as_str().to_owned(),
                state: state.into(),
            }],
        };
        self.outputs
            .signal(subscriber.connection, Message::StreamStateUpdate(update));
    }
}
