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
#[derive(Clone, Copy, Debug)]
pub struct AudioLevelWindow {}

impl AudioLevelWindow {
    /// Begins in silence.
    pub fn new(parameters: &AudioLevelParameters) -> Self {
        todo!()
    }

    /// Takes the level of a packet that plays for `duration`.
    pub fn on_packet(&mut self, now: Instant, level: PacketAudioLevel, duration: Duration) {
        todo!()
    }

    /// Returns the level on LiveKit's scale. `None` when the track is not audible, or has not sent for
    /// two windows.
    pub fn level(&self, now: Instant) -> Option<AudioLevel> {
        todo!()
    }
}
