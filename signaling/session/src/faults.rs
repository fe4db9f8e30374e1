//! Faults that clients ask for, to test how they deal with them.

use std::time::{Duration, Instant};

/// Faults that a client asked for, to test how it deals with them.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Until when a resume is answered and then cut off.
    pub(crate) cut_resume: Option<Instant>,
    /// Until when a resume is cut off unanswered. LiveKit's server gives up three attempts of its own, but within one
    /// request of the client.
    pub(crate) cut_resume_unanswered: Option<Instant>,
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

    /// Says what is to befall a resume at `now`, and remembers that it did.
    pub(crate) fn on_resume(&mut self, now: Instant) -> Option<ResumeFault> {
        let armed = |fault: &mut Option<Instant>| fault.take().is_some_and(|until| now < until);
        if armed(&mut self.cut_resume_unanswered) {
            return Some(ResumeFault::Unanswered);
        }
        armed(&mut self.cut_resume).then_some(ResumeFault::Answered)
    }
}
