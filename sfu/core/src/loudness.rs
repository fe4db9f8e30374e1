//! How loud one audio publication is, by its packets.

use std::time::{Duration, Instant};

use sfu_model::AudioLevel;
use sfu_rtp::{AudioLevelParameters, AudioLevelWindow, PacketAudioLevel};

/// How loud an audio publication is.
#[derive(Debug, Default)]
pub(crate) struct Loudness {
    /// Made by the first packet with a level.
    window: Option<Box<AudioLevelWindow>>,
    /// Whether the room's list of those heard lately has it.
    listed: bool,
}

impl Loudness {
    /// Takes the level of a packet that plays for `duration`. Returns whether the publication is to be listed
    /// among those heard lately.
    pub(crate) fn hear(
        &mut self,
        now: Instant,
        level: PacketAudioLevel,
        duration: Duration,
        parameters: &AudioLevelParameters,
    ) -> bool {
        let window = self
            .window
            .get_or_insert_with(|| Box::new(AudioLevelWindow::new(parameters)));
        window.on_packet(now, level, duration);
        if self.listed || window.level(now).is_none() {
            return false;
        }
        self.listed = true;
        true
    }

    /// Returns how loud it is by now. If it cannot be heard any more, it is not listed from here on.
    pub(crate) fn level(&mut self, now: Instant) -> Option<AudioLevel> {
        let window = self.window.as_ref();
        let level = window.and_then(|window| window.level(now));
        self.listed = level.is_some();
        level
    }
}
