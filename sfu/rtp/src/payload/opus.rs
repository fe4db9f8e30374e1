//! Opus (RFC 6716, RFC 7587): how long a packet plays.

use std::time::Duration;

/// Returns how long `payload` plays, by its TOC byte (RFC 6716 section 3.1): 2.5 to 120 ms. `None`
/// when it is empty or breaks the rules.
pub fn duration(payload: &[u8]) -> Option<Duration> {
    todo!()
}
