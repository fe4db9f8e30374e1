//! Faults that clients ask for, to test how they deal with them.

use std::time::{Duration, Instant};

/// Faults that a client asked for, to test how it deals with them.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Until when a resume is answered and then cut off.
    pub(crate) cut_resume: Option<Instant>,
    /// Until when resumes are cut off unanswered, and how many.
    pub(crate) cut_resume_unanswered: Option<(Instant, u8)>,
}

/// When a resume is to be cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResumeFault {
    Unanswered,
    Answered,
}

impl Faults {
    /// For how long a fault is armed.
    pub(crate) const ARMED: Duration = Duration::from_secs(5);
    /// How many resumes go unanswered.
    pub(crate) const UNANSWERED: u8 = 3;

    /// Says what is to befall a resume at `now`, and remembers that it did.
    pub(crate) fn on_resume(&mut self, now: Instant) -> Option<ResumeFault> {
        if let Some((until, left)) = self.cut_resume_unanswered.take()
            && now < until
        {
            self.cut_resume_unanswered = (left > 1).then_some((until, left - 1));
            return Some(ResumeFault::Unanswered);
        }
        let until = self.cut_resume.take()?;
        (now < until).then_some(ResumeFault::Answered)
    }
}
