#![no_main]

use libfuzzer_sys::fuzz_target;
use signaling_protocol::{
    Encoding, MAX_FRAME_BYTES, decode_request, decode_response, encode_request, encode_response,
};

// What is read is written again and read again. JSON may leave out what has no name there, so only
// the binary form has to come out the same.
fuzz_target!(|bytes: &[u8]| {
    for encoding in [Encoding::Binary, Encoding::Text] {
        if let Ok(request) = decode_request(encoding, bytes, MAX_FRAME_BYTES) {
            let binary = encode_request(Encoding::Binary, &request);
            let again = decode_request(Encoding::Binary, &binary, usize::MAX).unwrap();
            assert_eq!(encode_request(Encoding::Binary, &again), binary);
            let text = encode_request(Encoding::Text, &request);
            decode_request(Encoding::Text, &text, usize::MAX).unwrap();
        }
        if let Ok(response) = decode_response(encoding, bytes, MAX_FRAME_BYTES) {
            let text = encode_response(Encoding::Text, &response);
            decode_response(Encoding::Text, &text, usize::MAX).unwrap();
        }
    }
});
