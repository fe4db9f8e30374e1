//! How loud a stream is, by what its packets say (RFC 6464).

use std::time::{Duration, Instant};

use sfu_model::AudioLevel;

/// Audio level of one packet (RFC 6464 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketAudioLevel {
    /// Loudness in -dBov: 0 loudest, 127 silence.
    pub level: u8,
    /// Whether the sender says that there is voice.
    pub voice: bool,
}

impl PacketAudioLevel {
    /// The quietest level.
    pub const SILENCE: u8 = 127;

    /// Reads the byte of the extension: one bit of voice activity, seven of level.
    pub fn from_byte(byte: u8) -> Self {
        Self {
            level: byte & 0x7f,
            voice: byte & 0x80 != 0,
        }
    }
}

/// When a track counts as audible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioLevelParameters {
    /// The quietest level that counts, in -dBov.
    pub active_level: u8,
    /// How much of a window must be that loud, in percent.
    pub min_percentile: u8,
    /// Length of a window.
    pub window: Duration,
    /// Over how many windows the level is averaged; 0 and 1 do not average.
    pub smooth_windows: u32,
}

impl Default for AudioLevelParameters {
    /// LiveKit's defaults: -35 dBov for 40 % of 400 ms, averaged over two windows.
    fn default() -> Self {
        Self {
            active_level: 35,
            min_percentile: 40,
            window: Duration::from_millis(400),
            smooth_windows: 2,
        }
    }
}

/// How loud an audio track is, over windows of its own time.
///
/// A window is audible when enough of it was; its level is its loudest packet's, lowered by how much
/// of it was not audible.
#[derive(Clone, Copy, Debug)]
pub struct AudioLevelWindow {
    parameters: AudioLevelParameters,
    /// When the newest packet came.
    newest: Option<Instant>,
    /// Linear, averaged over windows.
    smoothed: f64,
    loudest: u8,
    active: Duration,
    observed: Duration,
}

impl AudioLevelWindow {
    /// Time without packets from which on it is no jitter but discontinuous transmission: silence.
    pub const PAUSE: Duration = Duration::from_millis(100);

    /// Begins in silence.
    pub fn new(parameters: &AudioLevelParameters) -> Self {
        Self {
            parameters: *parameters,
            newest: None,
            smoothed: 0.0,
            loudest: PacketAudioLevel::SILENCE,
            active: Duration::ZERO,
            observed: Duration::ZERO,
        }
    }

    /// Takes the level of a packet that plays for `duration`. A pause before it counts as silence.
    pub fn on_packet(&mut self, now: Instant, level: PacketAudioLevel, duration: Duration) {
        if self.is_stale(now) {
            self.reset(0.0);
        }
        let since = self.newest.unwrap_or(now);
        let pause = now.saturating_duration_since(since);
        if pause >= Self::PAUSE {
            self.observed += pause.saturating_sub(duration);
        }
        self.newest = Some(now);
        let duration = duration.min(self.parameters.window);
        self.observed += duration;
        if level.level <= self.parameters.active_level {
            self.active += duration;
            self.loudest = self.loudest.min(level.level);
        }
        if self.observed >= self.parameters.window {
            self.close_window();
        }
    }

    fn close_window(&mut self) {
        let share = self.active.as_secs_f64() / self.parameters.window.as_secs_f64();
        let smoothed = if share * 100.0 >= f64::from(self.parameters.min_percentile) {
            let level = (linear(self.loudest) * share).min(1.0);
            // Exponential averaging with the centre of mass of a plain average over the windows.
            let weight = 2.0 / (f64::from(self.parameters.smooth_windows.max(1)) + 1.0);
            self.smoothed + (level - self.smoothed) * weight
        } else {
            0.0
        };
        self.reset(smoothed);
    }

    fn reset(&mut self, smoothed: f64) {
        self.smoothed = smoothed;
        self.loudest = PacketAudioLevel::SILENCE;
        self.active = Duration::ZERO;
        self.observed = Duration::ZERO;
    }

    fn is_stale(&self, now: Instant) -> bool {
        self.newest.is_none_or(|newest| {
            now.saturating_duration_since(newest) >= self.parameters.window * 2
        })
    }

    /// Returns the level on LiveKit's scale. `None` when the track is not audible, or has not sent for
    /// two windows.
    pub fn level(&self, now: Instant) -> Option<AudioLevel> {
        if self.is_stale(now) || self.smoothed < linear(self.parameters.active_level) {
            return None;
        }
        Some(AudioLevel(self.smoothed as f32))
    }
}

/// Returns the amplitude of a level in -dBov: 1 for 0, a tenth for 20.
fn linear(level: u8) -> f64 {
    10_f64.powf(-f64::from(level) / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(20);

    struct Track {
        window: AudioLevelWindow,
        now: Instant,
    }

    impl Track {
        fn new(smooth_windows: u32) -> Self {
            let parameters = AudioLevelParameters {
                smooth_windows,
                ..AudioLevelParameters::default()
            };
            Self {
                window: AudioLevelWindow::new(&parameters),
                now: crate::any_instant(),
            }
        }

        fn send(&mut self, frames: usize, level: u8) -> &mut Self {
            for _ in 0..frames {
                self.now += FRAME;
                let level = PacketAudioLevel { level, voice: true };
                self.window.on_packet(self.now, level, FRAME);
            }
            self
        }

        fn level(&self) -> Option<f32> {
            self.window.level(self.now).map(|level| level.0)
        }
    }

    fn assert_near(level: Option<f32>, expected: f32) {
        let level = level.expect("an audible track");
        assert!(
            (level - expected).abs() < 0.001,
            "{level} is not {expected}"
        );
    }

    #[test]
    fn a_loud_window_is_as_loud_as_its_loudest_packet() {
        let mut track = Track::new(0);
        assert_eq!(track.send(19, 20).level(), None);
        assert_near(track.send(1, 20).level(), 0.1);
        assert_near(track.send(19, 30).send(1, 0).level(), 1.0);
    }

    #[test]
    fn a_window_half_silent_is_half_as_loud() {
        let mut track = Track::new(0);
        assert_near(track.send(10, 20).send(10, 127).level(), 0.05);
    }

    #[test]
    fn too_little_sound_is_silence() {
        let mut track = Track::new(0);
        assert_eq!(track.send(7, 0).send(13, 127).level(), None);
        assert_near(track.send(8, 0).send(12, 127).level(), 0.4);
        assert_eq!(track.send(20, 36).level(), None);
    }

    #[test]
    fn levels_are_averaged_over_windows() {
        let mut track = Track::new(2);
        assert_near(track.send(20, 0).level(), 0.667);
        assert_near(track.send(20, 0).level(), 0.889);
        assert_eq!(track.send(20, 127).level(), None);
    }

    #[test]
    fn a_track_that_stopped_is_silent() {
        let mut track = Track::new(0);
        track.send(20, 0);
        track.now += Duration::from_millis(799);
        assert_near(track.level(), 1.0);
        track.now += Duration::from_millis(1);
        assert_eq!(track.level(), None);
        assert_eq!(track.send(1, 0).level(), None);
    }

    #[test]
    fn a_pause_of_discontinuous_transmission_is_silence() {
        let mut track = Track::new(0);
        assert_near(track.send(20, 0).level(), 1.0);
        track.now += Duration::from_millis(380);
        assert_eq!(track.send(1, 127).level(), None);
    }

    #[test]
    fn the_byte_holds_voice_and_level() {
        let expected = PacketAudioLevel {
            level: 5,
            voice: true,
        };
        assert_eq!(PacketAudioLevel::from_byte(0x85), expected);
    }
}
