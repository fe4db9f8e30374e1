#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use auth::{Keys, Secret};
use libfuzzer_sys::fuzz_target;
use sfu_model::UnixTime;

static KEYS: LazyLock<Keys> =
    LazyLock::new(|| Keys::new([("devkey".into(), Secret::from("secret"))]).unwrap());

// The value of an `Authorization` header, or a token by itself. Nobody finds the signature of one.
fuzz_target!(|text: &str| {
    let now = UnixTime(Duration::from_secs(1_700_000_000));
    let header = auth::token_of_request(Some(text), None).ok().flatten();
    for token in header.into_iter().chain([text]) {
        if let Ok(verified) = auth::verify(token, &KEYS, now) {
            verified.claims.room_to_join().ok();
        }
    }
});
