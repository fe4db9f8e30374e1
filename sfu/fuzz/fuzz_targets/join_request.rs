#![no_main]

use libfuzzer_sys::fuzz_target;
use signaling_protocol::decode_join_request;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = str::from_utf8(bytes) {
        decode_join_request(text).ok();
    }
    // Most texts are no base64: what is inside it is reached this way.
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .fold(0, |word, byte| word << 8 | u32::from(*byte));
        let word = word << (8 * (3 - chunk.len()));
        for i in 0..=chunk.len() {
            let digit = word >> (18 - 6 * i) & 63;
            text.push(char::from(ALPHABET[digit as usize]));
        }
    }
    decode_join_request(&text).ok();
});
