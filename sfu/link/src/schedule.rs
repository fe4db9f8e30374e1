use std::time::Duration;

use crate::LinkProfile;

/// How a direction of a link changes with time, from when it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// How it is at first.
    first: LinkProfile,
    /// How it is from these times on, which increase.
    changes: Vec<(Duration, LinkProfile)>,
    /// When it begins again; never if there is none.
    period: Option<Duration>,
}

/// A time in which a link stays the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// How it is.
    pub profile: LinkProfile,
    /// When that ends; `None` if it lasts for ever.
    pub end: Option<Duration>,
}

impl Schedule {
    /// Makes that of a link which never changes.
    pub fn constant(profile: LinkProfile) -> Self {
        Self {
            first: profile,
            changes: Vec::new(),
            period: None,
        }
    }

    /// Makes it another from a time on, which is not before the last such time.
    pub(crate) fn change(&mut self, at: Duration, profile: LinkProfile) {
        match self.changes.last_mut() {
            _ if at.is_zero() => self.first = profile,
            Some(last) if last.0 == at => last.1 = profile,
            Some(_) | None => self.changes.push((at, profile)),
        }
    }

    /// Has it begin again each time that so much has passed, which is later than the last change.
    pub(crate) fn repeat(&mut self, period: Duration) {
        self.period = Some(period);
    }

    /// Returns how it is in the end, before it begins again.
    pub(crate) fn last(&self) -> LinkProfile {
        self.changes.last().map_or(self.first, |change| change.1)
    }

    /// Returns how it is when so much time has passed, and until when.
    pub fn span(&self, passed: Duration) -> Span {
        let within = match self.period {
            Some(period) => remainder(passed, period),
            None => passed,
        };
        let next = self.changes.partition_point(|(from, _)| *from <= within);
        let current = next
            .checked_sub(1)
            .and_then(|index| self.changes.get(index));
        let end = self.changes.get(next).map(|(from, _)| *from);
        Span {
            profile: current.map_or(self.first, |change| change.1),
            end: end.or(self.period).map(|end| passed + (end - within)),
        }
    }
}

/// What is left of a time when a period has been taken off as often as it fits.
fn remainder(passed: Duration, period: Duration) -> Duration {
    let nanos = passed.as_nanos().checked_rem(period.as_nanos());
    let nanos = nanos.and_then(|nanos| u64::try_from(nanos).ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PerMille;

    const SECOND: Duration = Duration::from_secs(1);
    const LOSSY: LinkProfile = LinkProfile::losing(PerMille(100));

    #[test]
    fn a_constant_one_lasts_for_ever() {
        let schedule = Schedule::constant(LOSSY);
        let span = schedule.span(1_000 * SECOND);
        assert_eq!((span.profile, span.end), (LOSSY, None));
    }

    #[test]
    fn each_profile_lasts_from_its_time_to_the_next() {
        let mut schedule = Schedule::constant(LinkProfile::CLEAN);
        schedule.change(SECOND, LOSSY);
        schedule.change(3 * SECOND, LinkProfile::CUT);
        let seen = [0, 1, 2, 3].map(|seconds| schedule.span(seconds * SECOND));
        let profiles = seen.map(|span| span.profile);
        let ends = seen.map(|span| span.end);
        let expected = [LinkProfile::CLEAN, LOSSY, LOSSY, LinkProfile::CUT];
        assert_eq!(profiles, expected);
        assert_eq!(
            ends,
            [Some(SECOND), Some(3 * SECOND), Some(3 * SECOND), None]
        );
    }

    #[test]
    fn one_that_repeats_begins_again_after_its_period() {
        let mut schedule = Schedule::constant(LinkProfile::CLEAN);
        schedule.change(SECOND, LOSSY);
        schedule.repeat(4 * SECOND);
        let again = schedule.span(8 * SECOND);
        assert_eq!(
            (again.profile, again.end),
            (LinkProfile::CLEAN, Some(9 * SECOND))
        );
        let lossy = schedule.span(9 * SECOND);
        assert_eq!((lossy.profile, lossy.end), (LOSSY, Some(12 * SECOND)));
    }

    #[test]
    fn the_last_of_two_changes_at_one_time_counts() {
        let mut schedule = Schedule::constant(LinkProfile::IDEAL);
        schedule.change(Duration::ZERO, LinkProfile::CLEAN);
        schedule.change(SECOND, LinkProfile::CUT);
        schedule.change(SECOND, LOSSY);
        assert_eq!(schedule.span(Duration::ZERO).profile, LinkProfile::CLEAN);
        assert_eq!(schedule.span(SECOND).profile, LOSSY);
    }
}
