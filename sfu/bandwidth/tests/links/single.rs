//! One subscriber on a link of its own.

use crate::figures::{Row, carried, time_down, time_up};
use crate::media::Source;
use crate::{one, path, varying};

/// The figures of a steady link of so many kilobits per second over a minute.
fn steady(case: &str, source: Source, kbit: u64) -> Row {
    // A fast link has many packets.
    let seconds = if kbit < 10_000 { 60 } else { 25 };
    let until = seconds as f64;
    let (media, passed) = one(source, varying(&[(0, kbit)]), seconds);
    let capacity = kbit as f64 * 1e3;
    let row = Row {
        used: 100.0 * carried(&passed[0], 10.0, until) / capacity,
        up: time_up(&media, 0.0, 0.85 * capacity),
        ..Row::of(&passed, 10.0, 60.0)
    };
    row.print(&format!("steady {kbit} kbit/s, {case}"));
    row
}

#[test]
fn a_steady_link_is_used_without_a_queue() {
    for kbit in [300, 600, 1_000, 2_000, 5_000, 20_000] {
        for (case, source) in [("even", Source::Everything), ("video", Source::Video(30e6))] {
            let row = steady(case, source, kbit);
            assert!(row.used >= 85.0, "{kbit} {row:?}");
            // On the slowest of them a single packet takes 32 ms.
            let most = if kbit < 600 { 75.0 } else { 60.0 };
            assert!(row.queue <= most, "{kbit} {row:?}");
            assert!(row.loss <= 0.1, "{kbit} {row:?}");
            assert!(row.up <= 5.0, "{kbit} {row:?}");
        }
    }
}

#[test]
fn layers_that_fit_are_sent_and_none_that_does_not() {
    let layers = || Source::Layers(vec![150e3, 500e3, 1.2e6, 2.5e6]);
    for (kbit, fits) in [(1_000, 50.0), (2_000, 60.0), (5_000, 50.0)] {
        let row = steady("layers", layers(), kbit);
        assert!(row.used >= fits * 0.97, "{kbit} {row:?}");
        assert!(row.queue <= 60.0, "{kbit} {row:?}");
    }
}

#[test]
fn a_link_that_falls_and_comes_back_is_followed() {
    let (media, passed) = one(
        Source::Everything,
        varying(&[(0, 2_000), (20, 300), (40, 2_000)]),
        60,
    );
    let row = Row {
        down: time_down(&media, 20.0, 0.315e6),
        up: time_up(&media, 40.0, 1.7e6),
        ..Row::of(&passed, 5.0, 60.0)
    };
    row.print("2 Mbit/s, 300 kbit/s, 2 Mbit/s");
    assert!(row.down <= 1.0, "{row:?}");
    assert!(row.up <= 5.0, "{row:?}");
}

#[test]
fn a_link_that_is_gone_for_five_seconds_is_used_again_soon() {
    let script = "0s down rate=2Mbit\n20s down loss=100%\n25s down loss=0%\n";
    let (media, passed) = one(Source::Everything, path(script), 40);
    let row = Row {
        up: time_up(&media, 25.0, 1.7e6),
        ..Row::of(&passed, 5.0, 40.0)
    };
    row.print("2 Mbit/s, cut for five seconds");
    assert!(row.up <= 5.0, "{row:?}");
}

#[test]
fn a_link_that_lost_nearly_half_is_used_again_soon() {
    let script = "0s down rate=2Mbit\n20s down loss=45%\n40s down loss=0%\n";
    let (media, passed) = one(Source::Everything, path(script), 60);
    let row = Row {
        up: time_up(&media, 40.0, 1.7e6),
        ..Row::of(&passed, 5.0, 60.0)
    };
    row.print("2 Mbit/s, 45 % lost for twenty seconds");
    assert!(row.up <= 5.0, "{row:?}");
}

#[test]
fn loss_by_the_link_itself_takes_little() {
    for percent in [2, 5, 10] {
        let script = format!("0s down rate=2Mbit loss={percent}%\n");
        let (_, passed) = one(Source::Everything, path(&script), 60);
        let row = Row {
            used: carried(&passed[0], 10.0, 60.0) / 2e4,
            ..Row::of(&passed, 10.0, 60.0)
        };
        row.print(&format!("2 Mbit/s, {percent} % lost by itself"));
        assert!(row.used >= 80.0, "{percent} {row:?}");
        assert!(row.queue <= 60.0, "{percent} {row:?}");
    }
}
