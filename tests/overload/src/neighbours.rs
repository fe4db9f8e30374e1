//! Those who want nothing but their call: two of them in the offender's room, and two in another.

use std::sync::Arc;
use std::time::Duration;

use loadtest_peer::Identity;

use crate::client::{Client, Plan, Seen};
use crate::media::{Mark, TrackKind};
use crate::server::Server;

/// The room where the offender is.
pub(crate) const NEAR: &str = "near";
/// The room where it is not.
pub(crate) const FAR: &str = "far";

/// How long a call may take to begin.
const PATIENCE: Duration = Duration::from_secs(30);

/// A call of two, both with sound and picture.
#[derive(Debug)]
pub(crate) struct Call {
    room: &'static str,
    two: [Client; 2],
}

/// What two people noticed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Noticed {
    /// Longest time without sound.
    pub(crate) audio_gap: Duration,
    /// Longest time without a frame of the picture.
    pub(crate) video_gap: Duration,
    /// Why they are not in their call any more.
    pub(crate) ended: Vec<String>,
}

impl Call {
    /// Begins a call, and waits until both see and hear.
    pub(crate) async fn begin(
        server: &Server,
        identity: &Arc<Identity>,
        room: &'static str,
    ) -> Result<Self, String> {
        let two = ["alice", "bob"].map(|name| {
            let plan = Plan {
                mark: Mark::Neighbour,
                ..Plan::new(room, name)
            };
            let tracks = [TrackKind::Microphone, TrackKind::Camera];
            Client::join(server, identity, plan.publishing(&tracks))
        });
        for one in &two {
            let sees_and_hears = |seen: &Seen| {
                let [frames, _] = seen.frames;
                seen.audio > 0 && frames > 0
            };
            let began = one
                .view()
                .until(PATIENCE, "to see and hear", sees_and_hears);
            began.await.map_err(|why| format!("{room}: {why}"))?;
        }
        Ok(Self { room, two })
    }

    /// Returns one of them, to be looked at.
    pub(crate) fn witness(&self) -> &Client {
        let [witness, _] = &self.two;
        witness
    }

    /// Returns what they noticed of each other since the last time.
    pub(crate) async fn noticed(&self) -> Noticed {
        let mut noticed = Noticed::default();
        for one in &self.two {
            let tally = one.count().await;
            let ([audio, ..], [video, ..]) = (tally.audio_pause, tally.video_pause);
            noticed.audio_gap = noticed.audio_gap.max(audio);
            noticed.video_gap = noticed.video_gap.max(video);
            let ended = one.ended().map(|why| format!("{}: {why}", self.room));
            noticed.ended.extend(ended);
        }
        noticed
    }

    /// Ends the call.
    pub(crate) async fn end(self) {
        for one in self.two {
            one.leave().await;
        }
    }
}
