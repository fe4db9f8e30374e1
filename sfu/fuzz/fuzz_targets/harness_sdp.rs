#![no_main]

use libfuzzer_sys::fuzz_target;
use loadtest_peer::sdp::{Description, parse_candidate};
use loadtest_peer::{DataStamp, Deframer, Framed, Stamp};

// What the load harness takes from a server: descriptions, candidates, packets of data, the stamps in payloads, and TCP streams.
fuzz_target!(|bytes: &[u8]| {
    std::hint::black_box(Stamp::read(bytes));
    if let Some((_, len)) = DataStamp::read_packet(bytes) {
        assert!((DataStamp::LEN..=bytes.len()).contains(&len));
    }
    let mut deframer = Deframer::new(usize::from(u16::MAX));
    for part in bytes.chunks(7) {
        deframer.push(part);
        while let Some(framed) = deframer.next_frame() {
            assert!(matches!(framed, Framed::Packet(_)), "no length is too long");
        }
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    std::hint::black_box(parse_candidate(text));
    if let Ok(description) = Description::read(text) {
        drop(description.inbound());
    }
});
