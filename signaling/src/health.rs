//! How the rooms and the media threads of a node fare.

use std::fmt;
use std::time::Duration;

use sfu_driver::{MediaHealth, ThreadHealth};
use sfu_model::ShardIndex;
use signaling_session::{QualityReport, ShardLife};

use crate::hits::Limit;
use crate::limits::{ROOM_BEHIND, ROOM_STUCK};

/// What the rooms of a node have to say of themselves.
#[derive(Clone, Debug, Default)]
pub struct RoomsReport {
    /// Rooms that are open.
    pub open: usize,
    /// Rooms whose tasks are behind by more than a second.
    pub behind: usize,
    /// By how much the one that is most behind is.
    pub longest: Duration,
    /// Rooms that ended by a fault of ours, since the node began.
    pub failed: u64,
    /// How often each limit was met.
    pub limit_hits: Vec<(Limit, u64)>,
    /// Whether each media thread works.
    pub threads: Vec<bool>,
    /// How well participants are connected.
    pub quality: QualityReport,
}

/// Why a node should get no further clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotReady {
    /// A media thread has ended or stands still.
    Media,
    /// The task of a room has not come to an end with what it does.
    Room,
    /// It is not known yet who may come in.
    Admission,
    /// It is about to end, and opens no rooms.
    Draining,
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Media => "a media thread has ended or stands still",
            Self::Room => "a room stands still",
            Self::Draining => "the node is about to end",
            Self::Admission => "bans are not loaded yet",
        })
    }
}

impl RoomsReport {
    /// Sums up by how much each room is behind.
    pub(crate) fn of(lags: &[Duration], media: &MediaHealth) -> Self {
        let works = |thread: &ThreadHealth| *thread == ThreadHealth::Running;
        Self {
            open: lags.len(),
            behind: lags.iter().filter(|lag| **lag > ROOM_BEHIND).count(),
            longest: lags.iter().max().copied().unwrap_or_default(),
            threads: media.shards.iter().map(works).collect(),
            ..Self::default()
        }
    }
}

/// Reports whether a node can take clients whose rooms are behind by `lags`.
pub(crate) fn ready(lags: &[Duration], media: &MediaHealth) -> Result<(), NotReady> {
    if !media.is_good() {
        return Err(NotReady::Media);
    }
    match lags.iter().any(|lag| *lag > ROOM_STUCK) {
        true => Err(NotReady::Room),
        false => Ok(()),
    }
}

/// Returns each shard, and how it fares for rooms.
pub(crate) fn shards(media: &MediaHealth) -> impl Iterator<Item = (ShardIndex, ShardLife)> {
    let life = |health: &ThreadHealth| match health {
        ThreadHealth::Running => ShardLife::Runs,
        ThreadHealth::Standing => ShardLife::Stands,
        ThreadHealth::Ended => ShardLife::Ended,
    };
    (0..).map(ShardIndex).zip(media.shards.iter().map(life))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(shard: ThreadHealth) -> MediaHealth {
        MediaHealth {
            shards: vec![ThreadHealth::Running, shard],
            acceptor: None,
        }
    }

    #[test]
    fn a_node_is_ready_unless_a_media_thread_or_a_room_stands_still() {
        let good = media(ThreadHealth::Running);
        assert_eq!(ready(&[ROOM_BEHIND, Duration::ZERO], &good), Ok(()));
        assert_eq!(ready(&[2 * ROOM_STUCK], &good), Err(NotReady::Room));
        for health in [ThreadHealth::Standing, ThreadHealth::Ended] {
            assert_eq!(ready(&[], &media(health)), Err(NotReady::Media));
        }
    }

    #[test]
    fn rooms_that_are_behind_are_counted() {
        let lags = [Duration::ZERO, 2 * ROOM_BEHIND, 3 * ROOM_BEHIND];
        let report = RoomsReport::of(&lags, &media(ThreadHealth::Standing));
        assert_eq!((report.open, report.behind), (3, 2));
        assert_eq!(report.longest, 3 * ROOM_BEHIND);
        assert_eq!(report.threads, [true, false]);
    }
}
