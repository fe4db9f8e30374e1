#![no_main]

use libfuzzer_sys::fuzz_target;
use signaling_protocol::{MAX_PROXY_HEADER, ProxyHeader};

// The first bytes of a connection of a trusted proxy. A header that is whole is the same however much follows it, and no part
// of it is something else.
fuzz_target!(|bytes: &[u8]| {
    if let ProxyHeader::Whole { length, .. } = ProxyHeader::read(bytes) {
        assert!(length <= bytes.len() && length <= MAX_PROXY_HEADER);
        assert_eq!(
            ProxyHeader::read(&bytes[..length]),
            ProxyHeader::read(bytes)
        );
        for part in 1..length {
            assert_eq!(ProxyHeader::read(&bytes[..part]), ProxyHeader::Partial);
        }
    }
});
