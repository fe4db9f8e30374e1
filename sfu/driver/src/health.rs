//! Whether the threads of the media plane are alive: each leaves a pulse, and others look at its age.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sfu_model::ShardIndex;

use crate::limits::STANDSTILL;

/// How a thread of the media plane fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadHealth {
    /// It works.
    Running,
    /// It has not come round for [`STANDSTILL`](ThreadHealth::STANDSTILL). It may come back.
    Standing,
    /// It has ended, by a fault of ours or of the system, and does not come back: nothing of what lived
    /// on it is left.
    Ended,
}

impl ThreadHealth {
    /// How long a thread may take for one turn: a hundred times what its longest turns take.
    pub const STANDSTILL: Duration = STANDSTILL;
}

/// How the threads of the media plane fare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaHealth {
    /// Each shard, by [`ShardIndex`].
    pub shards: Vec<ThreadHealth>,
    /// The thread that accepts ICE-TCP, if there is one. It is idle for as long as nobody connects, so
    /// that only its end is seen.
    pub acceptor: Option<ThreadHealth>,
}

impl MediaHealth {
    /// Reports whether a shard's thread works.
    pub fn works(&self, shard: ShardIndex) -> bool {
        let thread = self.shards.get(usize::from(shard.0));
        thread == Some(&ThreadHealth::Running)
    }

    /// Reports whether all threads work.
    pub fn is_good(&self) -> bool {
        let mut all = self.shards.iter().chain(&self.acceptor);
        all.all(|thread| *thread == ThreadHealth::Running)
    }
}

/// When a thread came round last.
#[derive(Clone, Debug)]
pub(crate) struct Pulse {
    begin: Instant,
    /// Milliseconds since `begin`.
    last: Arc<AtomicU64>,
}

impl Pulse {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            begin: now,
            last: Arc::default(),
        }
    }

    /// Says that the thread is alive.
    pub(crate) fn beat(&self, now: Instant) {
        let since = now.saturating_duration_since(self.begin).as_millis();
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        self.last.store(since, Ordering::Relaxed);
    }

    /// Judges a thread that has not ended.
    pub(crate) fn health(&self, now: Instant) -> ThreadHealth {
        let last = self.begin + Duration::from_millis(self.last.load(Ordering::Relaxed));
        match now.saturating_duration_since(last) > STANDSTILL {
            true => ThreadHealth::Standing,
            false => ThreadHealth::Running,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_does_not_come_round_stands_still_until_it_does() {
        let begin = crate::clock::now().mono;
        let pulse = Pulse::new(begin);
        let thread = pulse.clone();
        let late = begin + STANDSTILL + Duration::from_millis(1);
        assert_eq!(pulse.health(begin + STANDSTILL), ThreadHealth::Running);
        assert_eq!(pulse.health(late), ThreadHealth::Standing);
        thread.beat(late);
        assert_eq!(pulse.health(late), ThreadHealth::Running);
    }

    #[test]
    fn one_thread_that_has_ended_spoils_the_health_of_all() {
        let mut health = MediaHealth {
            shards: vec![ThreadHealth::Running; 2],
            acceptor: None,
        };
        assert!(health.is_good());
        health.acceptor = Some(ThreadHealth::Ended);
        assert!(!health.is_good());
    }
}
