//! How many packets a second a track usually sends.

/// Bins of the histogram, each of [`UsualRate::BIN`] packets a second; what is beyond counts in the last.
const BINS: usize = 250;

/// How many packets a second a track usually sends: the most frequent rate of its windows.
///
/// Silence (DTX) and a screen that stands still take few packets, and one that is lost of those matters less.
#[derive(Clone, Debug, Default)]
pub(super) struct UsualRate {
    /// How many windows had which rate; made by the first.
    windows: Option<Box<[u16; BINS]>>,
    noted: u16,
    usual: f64,
}

impl UsualRate {
    const BIN: f64 = 2.0;

    /// Rates below this are those of silence.
    const LEAST: f64 = 10.0;

    /// Windows before a rate counts as usual.
    const LEARNING: u16 = 10;

    /// After so many windows, two minutes of them, old ones count half.
    const HALVED_AFTER: u16 = 24;

    /// Takes the rate of a window.
    pub(super) fn note(&mut self, rate: f64) {
        let windows = self.windows.get_or_insert_with(|| Box::new([0; BINS]));
        let bin = ((rate / Self::BIN).round().max(0.0) as usize).min(BINS - 1);
        if let Some(count) = windows.get_mut(bin) {
            *count = count.saturating_add(1);
        }
        self.noted += 1;
        let known = self.usual > 0.0;
        if (!known && self.noted >= Self::LEARNING) || self.noted >= Self::HALVED_AFTER {
            self.find();
        }
    }

    fn find(&mut self) {
        let Some(windows) = self.windows.as_deref_mut() else {
            return;
        };
        let rates = (0_u16..).zip(windows.iter());
        let audible = rates.filter(|(bin, _)| f64::from(*bin) * Self::BIN >= Self::LEAST);
        if let Some((bin, count)) = audible.max_by_key(|(_, count)| **count)
            && *count > 0
        {
            self.usual = f64::from(bin) * Self::BIN;
        }
        if self.noted >= Self::HALVED_AFTER {
            windows.iter_mut().for_each(|count| *count /= 2);
            self.noted = 0;
        }
    }

    /// Returns what a loss counts at `rate`, of what it counts at the usual rate: 0 to 1.
    pub(super) fn weight_of(&self, rate: f64) -> f64 {
        match self.usual > 0.0 && rate < self.usual {
            true => (rate / self.usual).sqrt(),
            false => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_in_silence_matters_less() {
        let mut usual = UsualRate::default();
        assert_eq!(usual.weight_of(2.5), 1.0);
        for _ in 0..10 {
            usual.note(50.0);
        }
        assert_eq!(usual.weight_of(50.0), 1.0);
        assert!((usual.weight_of(2.5) - 0.05_f64.sqrt()).abs() < 0.01);
    }

    #[test]
    fn silence_is_never_what_is_usual() {
        let mut usual = UsualRate::default();
        for _ in 0..30 {
            usual.note(2.5);
        }
        assert_eq!(usual.weight_of(1.0), 1.0);
    }

    #[test]
    fn a_track_that_sends_otherwise_for_minutes_has_another_usual_rate() {
        let mut usual = UsualRate::default();
        for _ in 0..24 {
            usual.note(100.0);
        }
        for _ in 0..72 {
            usual.note(30.0);
        }
        assert_eq!(usual.weight_of(30.0), 1.0);
    }
}
