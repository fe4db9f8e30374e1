//! Opus (RFC 6716, RFC 7587): how long a packet plays.

use std::time::Duration;

/// Returns how long `payload` plays, by its TOC byte (RFC 6716 section 3.1): 2.5 to 120 ms. `None`
/// when it is empty or breaks the rules.
pub fn duration(payload: &[u8]) -> Option<Duration> {
    let (&toc, rest) = payload.split_first()?;
    // RFC 6716 table 2: configurations in steps of frame length, per mode.
    let micros: u32 = match toc >> 3 {
        config @ 0..=11 => [10_000, 20_000, 40_000, 60_000]
            .get(usize::from(config & 3))
            .copied()?,
        config @ 12..=15 => 10_000 << (config & 1),
        config => 2_500 << (config & 3),
    };
    // RFC 6716 section 3.2: one frame, two, or as many as the next byte says.
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(rest.first()? & 0x3f),
    };
    let micros = micros * frames;
    (1..=120_000)
        .contains(&micros)
        .then(|| Duration::from_micros(u64::from(micros)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_toc_says_how_long_a_packet_plays() {
        let millis = |payload: &[u8]| duration(payload).map(|d| d.as_secs_f64() * 1_000.0);
        assert_eq!(millis(&[0x78]), Some(20.0), "Chrome's: hybrid, 20 ms");
        assert_eq!(millis(&[0xfc]), Some(20.0), "CELT, 20 ms");
        assert_eq!(millis(&[0x80]), Some(2.5));
        assert_eq!(millis(&[0x18]), Some(60.0));
        assert_eq!(millis(&[0x19]), Some(120.0));
        assert_eq!(millis(&[0x0b, 0x03]), Some(60.0), "three of 20 ms");
    }

    #[test]
    fn impossible_packets_have_no_duration() {
        assert_eq!(duration(&[]), None);
        assert_eq!(duration(&[0x1b, 0x3f]), None, "63 frames of 60 ms");
        assert_eq!(duration(&[0x0b, 0x00]), None, "no frames");
        assert_eq!(duration(&[0x0b]), None);
    }
}
