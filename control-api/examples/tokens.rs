//! What a token costs: `cargo xtask bench tokens`.

#![expect(clippy::print_stdout, reason = "its figures are what it is for")]

use std::time::{Duration, Instant};

use auth::{Claims, Keys, Secret, VideoGrant, sign_as, verify};
use sfu_model::UnixTime;

const TIMES: u32 = 200_000;

fn main() {
    let secret = Secret::from("0123456789abcdef0123456789abcdef");
    let keys = Keys::new([("APIxxxxxxxxxxxx".into(), secret)]).expect("one key with a secret");
    let now = UnixTime(Duration::from_secs(1_700_000_000));
    let mut claims = Claims::of("alice-1234".into());
    claims.name = "Alice".to_owned();
    claims.metadata = "{\"team\": 7}".to_owned();
    claims.video = Some(VideoGrant::to_join("lobby"));

    let sign = || {
        sign_as(
            &claims,
            "TK_123456789012",
            keys.first(),
            now,
            Duration::from_secs(600),
        )
    };
    print("made", || drop(sign()));
    let token = sign();
    print("checked", || drop(verify(&token, &keys, now)));
}

fn print(what: &str, mut once: impl FnMut()) {
    let begun = Instant::now();
    for _ in 0..TIMES {
        once();
    }
    let each = begun.elapsed().as_secs_f64() / f64::from(TIMES);
    println!(
        "a token is {what} in {:.1} us: {:.0} a second on a core",
        each * 1e6,
        1.0 / each
    );
}
