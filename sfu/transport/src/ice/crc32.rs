//! The checksum of FINGERPRINT.

/// CRC-32 of ISO/IEC 3309, as FINGERPRINT has it (RFC 8489 section 14.7).
pub(super) fn crc32(parts: [&[u8]; 2]) -> u32 {
    let mut crc = u32::MAX;
    for byte in parts.into_iter().flatten() {
        let index = (crc ^ u32::from(*byte)) & 0xFF;
        let entry = usize::try_from(index).ok().and_then(|i| TABLE.get(i));
        crc = (crc >> 8) ^ entry.copied().unwrap_or(0);
    }
    !crc
}

#[expect(clippy::indexing_slicing, reason = "the compiler runs this, below 256")]
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xEDB8_8320
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_standard_comes_out() {
        assert_eq!(crc32([b"1234", b"56789"]), 0xCBF4_3926);
    }
}
