use std::time::Duration;

use sfu_model::{Extension, ExtensionId, ExtensionMap, Mid, Rid, Token, UnixTime};

use crate::{ByteRange, NtpTime, PacketAudioLevel, RtpHeader, SeqNo};

/// Which extension an identifier stands for, as a table: built once per transport, read per packet.
///
/// All bundled media sections bind an identifier to the same extension (RFC 9143 section 9.3), so a
/// transport needs only one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtensionTable {
    extensions: [Option<Extension>; 256],
}

impl Default for ExtensionTable {
    fn default() -> Self {
        Self {
            extensions: [None; 256],
        }
    }
}

impl ExtensionTable {
    /// Adds the bindings of one media section.
    pub fn add(&mut self, map: &ExtensionMap) {
        for (extension, id) in map.iter() {
            if let Some(slot) = self.extensions.get_mut(usize::from(id.0)) {
                *slot = Some(extension);
            }
        }
    }

    /// Returns the extension that `id` stands for.
    #[inline]
    pub fn extension(&self, id: ExtensionId) -> Option<Extension> {
        self.extensions.get(usize::from(id.0)).copied().flatten()
    }
}

impl From<&ExtensionMap> for ExtensionTable {
    fn from(map: &ExtensionMap) -> Self {
        let mut table = Self::default();
        table.add(map);
        table
    }
}

/// Where the known extensions of a packet lie. Small and `Copy`; the values are read from the packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtensionRanges {
    ranges: [Option<ByteRange>; Extension::ALL.len()],
}

impl ExtensionRanges {
    /// Finds the extensions of `table` in `packet`; of one that is there twice, the first counts.
    #[inline]
    pub fn find(header: &RtpHeader, packet: &[u8], table: &ExtensionTable) -> Self {
        let mut found = Self::default();
        header.for_each_extension(packet, |id, range| {
            if let Some(extension) = table.extension(id)
                && let Some(slot @ None) = found.ranges.get_mut(extension as usize)
            {
                *slot = Some(range);
            }
        });
        found
    }

    /// Returns the value of `extension` in `packet`, the one that was searched.
    #[inline]
    pub fn get<'a>(&self, packet: &'a [u8], extension: Extension) -> Option<&'a [u8]> {
        let range = self.ranges.get(extension as usize).copied().flatten()?;
        Some(range.of(packet))
    }

    /// Returns the media section's tag.
    pub fn mid(&self, packet: &[u8]) -> Option<Mid> {
        self.token(packet, Extension::Mid).map(Mid)
    }

    /// Returns the identifier of the simulcast encoding.
    pub fn rid(&self, packet: &[u8]) -> Option<Rid> {
        self.token(packet, Extension::Rid).map(Rid)
    }

    /// Returns the identifier of the encoding that a retransmission repairs.
    pub fn repaired_rid(&self, packet: &[u8]) -> Option<Rid> {
        self.token(packet, Extension::RepairedRid).map(Rid)
    }

    /// Returns the audio level.
    pub fn audio_level(&self, packet: &[u8]) -> Option<PacketAudioLevel> {
        let value = self.get(packet, Extension::AudioLevel)?.first()?;
        Some(PacketAudioLevel::from_byte(*value))
    }

    /// Returns the transport-wide sequence number.
    pub fn transport_cc(&self, packet: &[u8]) -> Option<SeqNo> {
        let value = self.get(packet, Extension::TransportCc)?.first_chunk()?;
        Some(SeqNo(u16::from_be_bytes(*value)))
    }

    /// Returns when the first sample was captured, by the sender's clock.
    pub fn abs_capture_time(&self, packet: &[u8]) -> Option<NtpTime> {
        let value = self.get(packet, Extension::AbsCaptureTime)?.first_chunk()?;
        Some(NtpTime(u64::from_be_bytes(*value)))
    }

    /// Returns the bytes of the dependency descriptor.
    pub fn dependency_descriptor<'a>(&self, packet: &'a [u8]) -> Option<&'a [u8]> {
        self.get(packet, Extension::DependencyDescriptor)
    }

    fn token(&self, packet: &[u8], extension: Extension) -> Option<Token> {
        Token::new(self.get(packet, extension)?).ok()
    }
}

/// Departure time of a packet: 24 bits, seconds in 6.18 fixed point
/// (`http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AbsSendTime(pub u32);

impl From<UnixTime> for AbsSendTime {
    /// Takes bits 14 to 37 of the NTP timestamp.
    fn from(time: UnixTime) -> Self {
        Self(((time.ntp() >> 14) & 0x00ff_ffff) as u32)
    }
}

impl AbsSendTime {
    /// Returns the three bytes on the wire.
    pub fn to_bytes(self) -> [u8; 3] {
        let [_, high, middle, low] = self.0.to_be_bytes();
        [high, middle, low]
    }
}

/// Bounds of a receiver's playout delay, each 12 bits in units of 10 ms
/// (`http://www.webrtc.org/experiments/rtp-hdrext/playout-delay`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlayoutDelay {
    /// Least delay.
    pub min: Duration,
    /// Most delay.
    pub max: Duration,
}

impl PlayoutDelay {
    /// Returns the three bytes on the wire; delays above 40.95 s are written as that.
    pub fn to_bytes(self) -> [u8; 3] {
        let [min, max] = [self.min, self.max].map(|delay| {
            let units = (delay.as_millis() / 10).min(0xfff);
            u32::try_from(units).unwrap_or(0xfff)
        });
        let [_, high, middle, low] = (min << 12 | max).to_be_bytes();
        [high, middle, low]
    }
}
