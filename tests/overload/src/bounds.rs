//! What a trial is held against.

use std::time::Duration;

use crate::figures::Figures;

/// The most that neighbours may notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Without sound in the other room.
    pub audio_gap: Duration,
    /// Without a frame there.
    pub video_gap: Duration,
    /// For an answer to `GET /`.
    pub answer: Duration,
    /// For a join elsewhere, by the median when idle.
    pub join_ratio: u32,
    /// For a join elsewhere beyond that: two joins on a busy machine differ by as much.
    pub join_slack: Duration,
    /// For a join into the offender's room.
    pub near_join: Duration,
    /// Memory that may stay, in bytes: an allocator keeps some of what it had.
    pub rss_left: u64,
    /// Files that may stay open.
    pub files_left: u64,
}

impl Bounds {
    /// What the project promises, for the release build on a machine that has time for it.
    pub const PROMISED: Self = Self {
        audio_gap: Duration::from_millis(100),
        video_gap: Duration::from_millis(300),
        answer: Duration::from_millis(100),
        join_ratio: 2,
        join_slack: Duration::from_millis(20),
        near_join: Duration::from_secs(1),
        rss_left: 32_000_000,
        files_left: 4,
    };

    /// What any build keeps on any machine that tests run on: whoever is held up by an offender is held up for longer.
    pub const ANYWHERE: Self = Self {
        audio_gap: Duration::from_millis(1_500),
        video_gap: Duration::from_millis(2_000),
        answer: Duration::from_millis(2_000),
        join_ratio: 10,
        join_slack: Duration::from_millis(2_000),
        near_join: Duration::from_secs(6),
        rss_left: 64_000_000,
        files_left: 4,
    };

    /// Returns what of the figures is beyond the bounds, a sentence each.
    pub fn broken(&self, figures: &Figures) -> Vec<String> {
        let mut broken = figures.faults.clone();
        let lost = figures.lost_sessions.iter();
        broken.extend(lost.map(|why| format!("a neighbour lost its session: {why}")));
        let failed = figures.failed_joins.iter();
        broken.extend(failed.map(|why| format!("a join elsewhere failed: {why}")));
        if figures.unhealthy > 0 {
            broken.push(format!("GET / failed {} times", figures.unhealthy));
        }
        let join_bound = figures.idle_join * self.join_ratio + self.join_slack;
        let none = Duration::MAX;
        for (what, found, bound) in [
            (
                "the gap in the other room's audio",
                figures.far_audio_gap,
                self.audio_gap,
            ),
            (
                "the gap in the other room's video",
                figures.far_video_gap,
                self.video_gap,
            ),
            (
                "the slowest answer to GET /",
                figures.slowest_answer,
                self.answer,
            ),
            ("a join elsewhere", figures.join.unwrap_or(none), join_bound),
            (
                "a join into the room",
                figures.near_join.unwrap_or(none),
                self.near_join,
            ),
        ] {
            if found == none {
                broken.push(format!("{what} never came about"));
            } else if found > bound {
                broken.push(format!("{what}: {found:.0?}, more than {bound:.0?}"));
            }
        }
        for (what, found, bound) in [
            ("bytes of memory stay", figures.rss_left(), self.rss_left),
            ("files stay open", figures.files_left(), self.files_left),
        ] {
            if found > bound {
                broken.push(format!("{found} {what}, more than {bound}"));
            }
        }
        broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Figures {
        Figures {
            idle_join: Duration::from_millis(10),
            join: Some(Duration::from_millis(20)),
            near_join: Some(Duration::from_millis(20)),
            ..Figures::default()
        }
    }

    #[test]
    fn who_notices_nothing_breaks_no_bound() {
        assert_eq!(Bounds::PROMISED.broken(&good()), Vec::<String>::new());
    }

    #[test]
    fn every_figure_beyond_its_bound_is_named() {
        let bad = Figures {
            lost_sessions: vec!["far: gone".to_owned()],
            far_audio_gap: Duration::from_millis(101),
            far_video_gap: Duration::from_millis(301),
            slowest_answer: Duration::from_millis(101),
            unhealthy: 1,
            join: None,
            failed_joins: vec!["refused".to_owned()],
            near_join: None,
            rss: [0, 0, 32_000_001],
            files: [0, 5],
            faults: vec!["silent".to_owned()],
            ..good()
        };
        assert_eq!(Bounds::PROMISED.broken(&bad).len(), 11);
    }
}
