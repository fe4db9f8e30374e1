//! Values of RTP header extensions, and where a packet has them (RFC 8285).

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
    /// Finds the extensions of `table` in `packet`, whose header it is; of one that is there twice, the first counts.
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
        Some(self.range(extension)?.of(packet))
    }

    /// Returns where the value of `extension` lies.
    #[inline]
    pub fn range(&self, extension: Extension) -> Option<ByteRange> {
        self.ranges.get(extension as usize).copied().flatten()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(elements: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x90, 96, 0, 1, 0, 0, 0, 9, 0, 0, 0, 7, 0xbe, 0xde, 0];
        packet.push(u8::try_from(elements.len().div_ceil(4)).unwrap());
        packet.extend_from_slice(elements);
        packet.resize(packet.len().next_multiple_of(4), 0);
        packet
    }

    fn find(packet: &[u8], bindings: &[(Extension, u8)]) -> ExtensionRanges {
        let bindings = bindings.iter().map(|(e, id)| (*e, ExtensionId(*id)));
        let map: ExtensionMap = bindings.collect();
        let header = RtpHeader::parse(packet).unwrap();
        ExtensionRanges::find(&header, packet, &ExtensionTable::from(&map))
    }

    #[test]
    fn values_are_read_by_what_the_identifiers_stand_for() {
        let packet = packet(b"\x10x\x22mid\x30\x85\x41\x01\x02\x57\0\0\0\x01\x80\0\0\0");
        let found = find(
            &packet,
            &[
                (Extension::Rid, 1),
                (Extension::Mid, 2),
                (Extension::AudioLevel, 3),
                (Extension::TransportCc, 4),
                (Extension::AbsCaptureTime, 5),
            ],
        );
        assert_eq!(found.rid(&packet).unwrap().0.as_str(), "x");
        assert_eq!(found.mid(&packet).unwrap().0.as_str(), "mid");
        let level = found.audio_level(&packet).unwrap();
        assert_eq!((level.level, level.voice), (5, true));
        assert_eq!(found.transport_cc(&packet), Some(SeqNo(0x0102)));
        assert_eq!(
            found.abs_capture_time(&packet),
            Some(NtpTime(0x1_8000_0000))
        );
        assert_eq!(found.repaired_rid(&packet), None);
    }

    #[test]
    fn unbound_identifiers_and_short_values_are_nothing() {
        let packet = packet(b"\x10x\x20y");
        let found = find(&packet, &[(Extension::TransportCc, 2)]);
        assert_eq!(found.rid(&packet), None);
        assert_eq!(found.transport_cc(&packet), None);
    }

    #[test]
    fn the_first_of_two_values_counts() {
        let packet = packet(b"\x10x\x10y");
        let found = find(&packet, &[(Extension::Rid, 1)]);
        assert_eq!(found.rid(&packet).unwrap().0.as_str(), "x");
    }

    #[test]
    fn send_time_is_six_bits_of_seconds_and_eighteen_of_fraction() {
        // 1970 began 2,208,988,800 s after 1900: a multiple of 64.
        let time = UnixTime(Duration::from_millis(65_500));
        assert_eq!(AbsSendTime::from(time), AbsSendTime((1 << 18) + (1 << 17)));
        assert_eq!(AbsSendTime(0x01_02_03).to_bytes(), [1, 2, 3]);
    }

    #[test]
    fn playout_delay_is_in_steps_of_ten_milliseconds() {
        let delay = PlayoutDelay {
            min: Duration::from_millis(100),
            max: Duration::from_secs(1_000),
        };
        assert_eq!(delay.to_bytes(), [0x00, 0xaf, 0xff]);
    }
}
