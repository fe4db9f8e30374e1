//! What one packet costs when it is sent, and when feedback tells of it: `cargo bench -p sfu-bandwidth`.
//!
//! Prints nanoseconds of the best of many batches: what the code costs when nothing disturbs it.

#![expect(clippy::print_stdout, reason = "a bench reports to who runs it")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use sfu_bandwidth::{Estimator, TransportSeqNo};
use sfu_model::Bitrate;

/// Packets that leave from one feedback to the next: 5 Mbit/s and 100 ms.
const PER_FEEDBACK: u32 = 52;
const INTERVAL: Duration = Duration::from_micros(1_920);

fn main() {
    for (name, loses) in [("no loss", u32::MAX), ("one packet in ten lost", 10)] {
        measure(name, loses);
    }
}

/// Sends and reports packets, of which one in `loses` is lost.
fn measure(name: &str, loses: u32) {
    const ROUNDS: u32 = 20_000;
    let began = Instant::now();
    let mut estimator = Estimator::new(began, Bitrate(5_000_000));
    let (mut sent, mut told) = (Duration::MAX, Duration::MAX);
    let mut at = Duration::ZERO;
    for round in 0..ROUNDS {
        let numbers = round * PER_FEEDBACK..(round + 1) * PER_FEEDBACK;
        let start = Instant::now();
        for number in numbers.clone() {
            at += INTERVAL;
            let seq = TransportSeqNo((number & 0xffff) as u16);
            estimator.on_sent(began + at, seq, black_box(1_200), None);
        }
        sent = sent.min(start.elapsed());
        let first = at - INTERVAL * PER_FEEDBACK;
        let statuses = numbers.zip(1_u32..).map(|(number, place)| {
            let arrived = number % loses != loses - 1;
            let arrival = first + INTERVAL * place + Duration::from_millis(50);
            let seq = TransportSeqNo((number & 0xffff) as u16);
            (seq, arrived.then_some(arrival))
        });
        let start = Instant::now();
        estimator.on_feedback(began + at + Duration::from_millis(100), statuses);
        told = told.min(start.elapsed());
    }
    black_box(estimator.estimate());
    let each = |time: Duration| time.as_secs_f64() * 1e9 / f64::from(PER_FEEDBACK);
    println!(
        "{name}: sent {:.1} ns, told {:.1} ns a packet",
        each(sent),
        each(told)
    );
}
