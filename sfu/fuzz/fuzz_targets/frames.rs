#![no_main]

use libfuzzer_sys::fuzz_target;
use signaling_protocol::{
    Encoding, FrameError, InvalidJson, MAX_FRAME_BYTES, decode_request, decode_response,
    encode_request, encode_response,
};

// What is read is written again and read again. JSON may leave out what has no name there, so only
// the binary form has to come out the same; and it has values where the binary form packs numbers.
fuzz_target!(|bytes: &[u8]| {
    for encoding in [Encoding::Binary, Encoding::Text] {
        if let Ok(request) = decode_request(encoding, bytes, MAX_FRAME_BYTES) {
            let binary = encode_request(Encoding::Binary, &request);
            let again = decode_request(Encoding::Binary, &binary, usize::MAX).unwrap();
            assert_eq!(encode_request(Encoding::Binary, &again), binary);
            let text = encode_request(Encoding::Text, &request);
            assert_readable(decode_request(Encoding::Text, &text, usize::MAX));
        }
        if let Ok(response) = decode_response(encoding, bytes, MAX_FRAME_BYTES) {
            let text = encode_response(Encoding::Text, &response);
            assert_readable(decode_response(Encoding::Text, &text, usize::MAX));
        }
    }
});

fn assert_readable<M>(read: Result<M, FrameError>) {
    match read {
        Ok(_) | Err(FrameError::Text(InvalidJson::TooManyValues)) => {}
        Err(error) => panic!("{error}"),
    }
}
