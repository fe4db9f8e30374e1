//! The cases of RFC 8867 section 5.

use std::time::Duration;

use crate::figures::{Row, carried, fairness, time_down, time_up};
use crate::media::Source;
use crate::tcp::Transfers;
use crate::world::{Passed, World};
use crate::{Member, back, one, path, run, varying};

const fn s(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// What each flow got in that time, in bits per second.
fn shares(passed: &[Passed], from: f64, until: f64) -> Vec<f64> {
    let each = passed.iter();
    each.map(|passed| carried(passed, from, until)).collect()
}

#[test]
fn case_5_1_variable_capacity_with_one_flow() {
    let capacity = [(0, 1_000), (40, 2_500), (60, 600), (80, 1_000)];
    let (media, passed) = one(Source::Video(20e6), varying(&capacity), 100);
    let spans = [(5.0, 40.0), (40.0, 60.0), (60.0, 80.0), (80.0, 100.0)];
    let used = spans
        .iter()
        .zip(capacity)
        .map(|((from, until), (_, kbit))| {
            carried(&passed[0], *from, *until) * (until - from) / (kbit as f64 * 1e3)
        });
    let row = Row {
        used: 100.0 * used.sum::<f64>() / 95.0,
        down: time_down(&media, 60.0, 0.63e6),
        up: time_up(&media, 40.0, 2.125e6).max(time_up(&media, 80.0, 0.85e6)),
        ..Row::of(&passed, 5.0, 100.0)
    };
    row.print("5.1 variable capacity, one flow");
    assert!(row.used >= 85.0, "{row:?}");
    assert!(row.queue <= 60.0, "{row:?}");
    assert!(row.down <= 1.0, "{row:?}");
    assert!(row.up <= 5.0, "{row:?}");
}

#[test]
fn case_5_2_variable_capacity_with_several_flows() {
    let mut members = [Member::video(0), Member::video(0)];
    let capacity = [
        (0, 4_000),
        (25, 2_000),
        (50, 3_500),
        (75, 1_000),
        (100, 2_000),
    ];
    let passed = run(varying(&capacity), &mut members, 125);
    let shares = shares(&passed, 25.0, 75.0);
    let row = Row {
        used: shares.iter().sum::<f64>() / (0.5 * 2e6 + 0.5 * 3.5e6) * 100.0,
        fairness: fairness(&shares),
        ..Row::of(&passed, 5.0, 125.0)
    };
    row.print("5.2 variable capacity, two flows");
    assert!(row.used >= 80.0, "{row:?}");
    assert!(row.fairness >= 0.8, "{row:?}");
}

#[test]
fn case_5_3_congested_feedback() {
    let mut members = [Member::video(0)];
    let forward = varying(&[(0, 4_000), (20, 2_000), (40, 1_000), (60, 4_000)]);
    // Feedback alone fills the way back from 35 s to 70 s.
    let backward = varying(&[(0, 40), (35, 8), (70, 40)]);
    let mut world = World::new(forward, backward, 1);
    world.add(&mut members[0].media, s(0), s(0));
    let passed = world.run(s(100));
    let row = Row {
        used: carried(&passed[0], 42.0, 60.0) / 1e4,
        down: time_down(&members[0].media, 40.0, 1.05e6),
        ..Row::of(&passed, 5.0, 100.0)
    };
    row.print("5.3 congested feedback");
    assert!(row.used >= 75.0, "{row:?}");
    assert!(row.down <= 2.0, "{row:?}");
}

#[test]
fn case_5_4_competing_flows() {
    let mut members = [0, 20, 40].map(Member::video);
    let passed = run(varying(&[(0, 3_500)]), &mut members, 120);
    let shares = shares(&passed, 60.0, 120.0);
    let row = Row {
        used: shares.iter().sum::<f64>() / 3.5e4,
        fairness: fairness(&shares),
        ..Row::of(&passed, 5.0, 120.0)
    };
    row.print("5.4 three flows, one after the other");
    assert!(row.used >= 80.0, "{row:?}");
    assert!(row.fairness >= 0.8, "{row:?}");
}

#[test]
fn case_5_5_round_trip_fairness() {
    let mut members =
        [(0, 0), (10, 15), (20, 40), (30, 90), (40, 140)].map(|(start, delay)| Member {
            delay: Duration::from_millis(delay),
            ..Member::video(start)
        });
    let passed = run(path("0s down rate=4Mbit delay=10ms\n"), &mut members, 200);
    let shares = shares(&passed, 100.0, 200.0);
    let row = Row {
        used: shares.iter().sum::<f64>() / 4e4,
        fairness: fairness(&shares),
        ..Row::of(&passed, 5.0, 200.0)
    };
    row.print("5.5 five flows of 20 to 300 ms");
    assert!(row.used >= 80.0, "{row:?}");
    assert!(row.fairness >= 0.75, "{row:?}");
}

#[test]
fn case_5_6_beside_a_long_tcp_flow() {
    let mut member = Member::video(0);
    let mut tcp = Transfers::endless();
    let mut world = World::new(varying(&[(0, 2_000)]), back(), 1);
    world.add(&mut member.media, s(0), s(0));
    world.add(&mut tcp, s(10), s(0));
    let passed = world.run(s(120));
    let shares = shares(&passed, 20.0, 120.0);
    let row = Row {
        used: shares[0] / 2e4,
        fairness: fairness(&shares),
        ..Row::of(&passed[..1], 20.0, 120.0)
    };
    row.print("5.6 beside a long TCP flow");
    // Enough for sound and a small picture; a queue of TCP's own stands for as long as it sends.
    assert!(row.used >= 10.0, "{row:?}");
}

#[test]
fn case_5_7_beside_short_tcp_flows() {
    let mut members = [Member::video(0), Member::video(0)];
    let transfers = (0..10).map(|i| Transfers::of(20 + i * 15, s(5 + i)));
    let mut transfers: Vec<Transfers> = transfers.collect();
    let mut world = World::new(varying(&[(0, 2_000)]), back(), 1);
    for member in &mut members {
        world.add(&mut member.media, s(0), s(0));
    }
    for (tcp, start) in transfers.iter_mut().zip(5..) {
        world.add(tcp, s(start), s(0));
    }
    let passed = world.run(s(120));
    let shares = shares(&passed[..2], 20.0, 120.0);
    let row = Row {
        used: shares.iter().sum::<f64>() / 2e4,
        fairness: fairness(&shares),
        ..Row::of(&passed[..2], 20.0, 120.0)
    };
    row.print("5.7 two flows beside short TCP flows");
    assert!(row.used >= 12.0, "{row:?}");
    assert!(row.fairness >= 0.7, "{row:?}");
}

#[test]
fn case_5_8_pause_and_resume() {
    let mut members = [0, 0, 0].map(Member::video);
    members[1].media.pause = Some((s(40), s(60)));
    let passed = run(varying(&[(0, 3_500)]), &mut members, 120);
    let shares = shares(&passed, 65.0, 120.0);
    let row = Row {
        used: shares.iter().sum::<f64>() / 3.5e4,
        up: time_up(&members[1].media, 60.0, 0.7e6),
        fairness: fairness(&shares),
        ..Row::of(&passed, 5.0, 120.0)
    };
    row.print("5.8 one of three flows pauses and resumes");
    assert!(row.used >= 80.0, "{row:?}");
    assert!(row.up <= 5.0, "{row:?}");
}
