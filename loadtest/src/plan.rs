use std::time::Duration;

use sfu_model::Codec;

use crate::cli::{Signalling, TestFlags};

/// What one participant does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParticipantPlan {
    /// Its place among all, which chooses its media thread.
    pub(crate) number: usize,
    pub(crate) room: String,
    pub(crate) identity: String,
    pub(crate) signalling: Signalling,
    /// The codec of its camera, if it has one on.
    pub(crate) video: Option<Video>,
    /// Whether its microphone is on.
    pub(crate) audio: bool,
    pub(crate) subscribes: bool,
}

/// How a camera is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Video {
    pub(crate) codec: Codec,
    pub(crate) simulcast: bool,
}

/// Everybody, in the order of their joins: those who publish first.
pub(crate) fn participants(flags: &TestFlags, room: &str) -> Vec<ParticipantPlan> {
    let mut plans = Vec::new();
    for room in rooms(flags, room) {
        let publishers = flags.video_publishers.max(flags.audio_publishers);
        for at in 0..publishers {
            plans.push(ParticipantPlan {
                number: plans.len(),
                room: room.clone(),
                identity: format!("{}_pub_{at}", flags.identity_prefix),
                signalling: flags.signalling,
                video: (at < flags.video_publishers).then_some(Video {
                    codec: flags.video_codec.codec(),
                    simulcast: !flags.no_simulcast,
                }),
                audio: at < flags.audio_publishers,
                subscribes: false,
            });
        }
    }
    for room in rooms(flags, room) {
        for at in 0..flags.subscribers {
            plans.push(ParticipantPlan {
                number: plans.len(),
                room: room.clone(),
                identity: format!("{}_sub_{at}", flags.identity_prefix),
                signalling: flags.signalling,
                video: None,
                audio: false,
                subscribes: true,
            });
        }
    }
    plans
}

fn rooms(flags: &TestFlags, room: &str) -> Vec<String> {
    match flags.rooms {
        0 | 1 => vec![room.to_owned()],
        rooms => (0..rooms).map(|at| format!("{room}-{at}")).collect(),
    }
}

/// Returns the time between two joins.
pub(crate) fn pace(per_second: f64) -> Duration {
    Duration::try_from_secs_f64(1.0 / per_second.max(0.01)).unwrap_or(Duration::from_secs(100))
}
