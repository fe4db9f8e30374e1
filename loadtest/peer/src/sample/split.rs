/// Cuts a frame into parts of about equal length, `last_less` bytes less in the last one, as libwebrtc does.
pub(super) fn split(frame: &[u8], max: usize, last_less: usize) -> Vec<Vec<u8>> {
    let total = frame.len() + last_less;
    let count = total.div_ceil(max).max(1);
    let mut parts = Vec::with_capacity(count);
    let mut rest = frame;
    for at in 0..count {
        let len = (total * (at + 1) / count - total * at / count).min(rest.len());
        let (part, others) = rest.split_at(len);
        parts.push(part.to_vec());
        rest = others;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_about_equal_and_make_up_the_frame() {
        let frame: Vec<u8> = (0..=255).cycle().take(2_500).collect();
        let parts = split(&frame, 1_000, 20);
        let lens: Vec<_> = parts.iter().map(Vec::len).collect();
        assert_eq!(lens, [840, 840, 820]);
        assert_eq!(parts.concat(), frame);
    }

    #[test]
    fn a_small_frame_is_one_part() {
        assert_eq!(split(b"frame", 1_000, 20), [b"frame".to_vec()]);
    }
}
