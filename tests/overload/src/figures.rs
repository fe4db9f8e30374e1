//! What came of a trial.

use std::fmt;
use std::time::Duration;

/// What the neighbours, newcomers and the machine noticed of an offender.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Neighbours who lost their sessions, with what they were told.
    pub lost_sessions: Vec<String>,
    /// Longest time without sound in the other room, less what this program itself was late.
    pub far_audio_gap: Duration,
    /// Longest time without a frame there, likewise.
    pub far_video_gap: Duration,
    /// Longest time without sound in the offender's room, likewise.
    pub near_audio_gap: Duration,
    /// Longest time without a frame there, likewise.
    pub near_video_gap: Duration,
    /// How long this program itself was kept from its work at most.
    pub own_delay: Duration,
    /// The longest answer to `GET /`, likewise.
    pub slowest_answer: Duration,
    /// Answers to it that were not 200.
    pub unhealthy: usize,
    /// Median of the joins elsewhere before the offender came.
    pub idle_join: Duration,
    /// Median of the joins elsewhere meanwhile.
    pub join: Option<Duration>,
    /// The longest of them.
    pub slowest_join: Option<Duration>,
    /// Joins elsewhere that failed.
    pub failed_joins: Vec<String>,
    /// How long a join into the offender's room took when it had done its worst.
    pub near_join: Option<Duration>,
    /// Memory of the server before the offender came, at most meanwhile, and afterwards, in bytes.
    pub rss: [u64; 3],
    /// Its open files before and afterwards.
    pub files: [u64; 2],
    /// How the offender fared.
    pub offender: String,
    /// What the case itself found wrong.
    pub faults: Vec<String>,
}

impl Figures {
    /// Returns how much memory stays that was not there before, in bytes.
    pub fn rss_left(&self) -> u64 {
        let [before, _, after] = self.rss;
        after.saturating_sub(before)
    }

    /// Returns how many files stay open that were not before.
    pub fn files_left(&self) -> u64 {
        let [before, after] = self.files;
        after.saturating_sub(before)
    }
}

/// Bytes of a megabyte.
const MEGABYTE: u64 = 1_000_000;

/// One row of the table: see [`Figures::HEADINGS`].
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |duration: Duration| duration.as_millis();
        let join = |join: Option<Duration>| match join {
            Some(join) => join.as_millis().to_string(),
            None => "none".to_owned(),
        };
        let [before, most, after] = self.rss.map(|bytes| bytes / MEGABYTE);
        write!(
            f,
            "{} | {} / {} | {} / {} | {} | {} / {} / {} | {} | {before} / {most} / {after} | {} | {} | {}",
            self.lost_sessions.len(),
            millis(self.far_audio_gap),
            millis(self.far_video_gap),
            millis(self.near_audio_gap),
            millis(self.near_video_gap),
            millis(self.slowest_answer),
            millis(self.idle_join),
            join(self.join),
            join(self.slowest_join),
            join(self.near_join),
            self.files_left(),
            millis(self.own_delay),
            self.offender,
        )
    }
}

impl Figures {
    /// The headings of the table's columns.
    pub const HEADINGS: &str = "sessions lost | far gap, audio / video (ms) | near gap (ms) | GET / (ms) | \
        join elsewhere, idle / median / worst (ms) | join near (ms) | memory before / most / after (MB) | \
        files left | late ourselves (ms) | the offender";
}
