//! Entry points for fuzzers: each takes any bytes, and neither panics nor stalls. Not part of the API.

use crate::http::head_watch::HeadWatch;

/// Reads a connection's stream, whole and cut into parts as its first byte says: what HTTP is given
/// and what is kept from it are the same.
///
/// Short lines would say little about long ones, so `@` stands for 2000 times itself.
pub fn request_head(input: &[u8]) {
    let Some((cut, stream)) = input.split_first() else {
        return;
    };
    let repeat = |byte: &u8| if *byte == b'@' { 2000 } else { 1 };
    let stream: Vec<u8> = stream
        .iter()
        .flat_map(|byte| std::iter::repeat_n(*byte, repeat(byte)))
        .collect();
    let read = |part: usize| {
        let mut watch = HeadWatch::default();
        let mut output = Vec::new();
        for part in stream.chunks(part.max(1)) {
            watch.push(part, &mut output);
        }
        let taken = watch.take_query();
        if let Some(taken) = &taken {
            assert!(taken.query.len() < stream.len());
        }
        (output, taken, watch.is_over(), watch.is_in_long_head())
    };
    assert_eq!(read(stream.len()), read(usize::from(*cut)));
}
