#![no_main]

use libfuzzer_sys::fuzz_target;
use loadtest_peer::Stamp;
use loadtest_peer::sdp::{Description, parse_candidate};

// What the load harness takes from a server: descriptions, candidates, and the stamps in payloads.
fuzz_target!(|bytes: &[u8]| {
    std::hint::black_box(Stamp::read(bytes));
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    std::hint::black_box(parse_candidate(text));
    if let Ok(description) = Description::read(text) {
        drop(description.inbound());
    }
});
