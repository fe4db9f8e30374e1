#![no_main]

use libfuzzer_sys::fuzz_target;
use signaling_protocol::{ConnectHeaders, ConnectParameters, Endpoint, Query, Strictness};

// The query of an upgrade request, and behind a line feed its `User-Agent`.
fuzz_target!(|text: &str| {
    let (query, user_agent) = text.split_once('\n').unwrap_or((text, ""));
    let query = Query::read(query);
    let headers = ConnectHeaders {
        user_agent,
        address: "192.0.2.1",
    };
    for endpoint in [Endpoint::V0, Endpoint::V1] {
        let lenient = ConnectParameters::read(endpoint, Strictness::Lenient, &query, headers);
        let strict = ConnectParameters::read(endpoint, Strictness::Strict, &query, headers);
        assert!(strict.is_err() || lenient == strict);
    }
});
