#![no_main]

use libfuzzer_sys::fuzz_target;
use signaling_protocol::CandidateInit;

fuzz_target!(|json: &str| {
    let Ok(candidate) = CandidateInit::read(json) else {
        return;
    };
    candidate.is_mdns();
    let written = candidate.to_json();
    // What was short as it came may be longer where every member is written.
    if let Ok(again) = CandidateInit::read(&written) {
        assert_eq!(again, candidate);
    }
});
