use std::time::Duration;

use crate::group::Group;
use crate::value;

/// How active speakers are found: the group `audio`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audio {
    /// `active_level`: the quietest level that counts as speech, in -dBov from 0 (loudest) to 127.
    /// Default 35, between speech at arm's length and a fan.
    pub active_level: u8,
    /// `min_percentile`: how much of an interval must be speech, in percent. Default 40, so that a
    /// cough is no speaker.
    pub min_percentile: u8,
    /// `update_interval`: how often speakers are told, in milliseconds. Default 400: often enough
    /// to follow a conversation.
    pub update_interval: Duration,
    /// `smooth_intervals`: over how many intervals levels are averaged. Default 2; 0 and 1 do not
    /// average.
    pub smooth_intervals: u32,
}

impl Default for Audio {
    fn default() -> Self {
        Self {
            active_level: 35,
            min_percentile: 40,
            update_interval: Duration::from_millis(400),
            smooth_intervals: 2,
        }
    }
}

impl Audio {
    pub(crate) fn read(group: &mut Group<'_>) -> Self {
        let default = Self::default();
        group.unsupported(
            "active_red_encoding",
            &["true"],
            "has no effect: redundancy is added to audio for subscribers who lose packets, and for no others",
        );
        group.unsupported(
            "enable_loss_proxying",
            &["false"],
            "has no effect: publishers are not told of their subscribers' loss",
        );
        Self {
            active_level: group
                .get("active_level", value::audio_level)
                .unwrap_or(default.active_level),
            min_percentile: group
                .get("min_percentile", value::percent)
                .unwrap_or(default.min_percentile),
            update_interval: group
                .get("update_interval", value::millis)
                .unwrap_or(default.update_interval),
            smooth_intervals: group
                .get("smooth_intervals", value::count)
                .unwrap_or(default.smooth_intervals),
        }
    }
}
