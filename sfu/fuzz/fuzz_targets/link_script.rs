#![no_main]

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use sfu_link::{Fate, Link, MAX_WAIT, Random, Script, Seed};

static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

// What can be read describes a link that carries packets: none arrives before it was sent, none waits for too long.
fuzz_target!(|text: &str| {
    let Ok(script) = Script::read(text) else {
        return;
    };
    for schedule in [script.up, script.down] {
        let mut link = Link::scripted(schedule, *BEGIN, Random::new(Seed(1), 0));
        for packet in 0..50 {
            let now = *BEGIN + Duration::from_millis(packet * packet);
            if let Fate::Arrives {
                waited,
                first,
                copy,
            } = link.carry(now, 1_200)
            {
                assert!(waited <= MAX_WAIT && first >= now + waited);
                assert!(copy.is_none_or(|copy| copy >= first));
            }
        }
    }
});
