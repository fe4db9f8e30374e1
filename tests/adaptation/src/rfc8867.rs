//! RFC 8867 section 5. Flows are viewers; where the RFC has media on the way back as well, the way back carries feedback
//! alone.

use std::fmt::Write as _;
use std::time::Duration;

use crate::case::{Case, Transfers, Viewer};

/// The path of section 5, as the first line of a script: 50 ms each way, a queue of 300 ms, and on the way down jitter that is spread as widely
/// as the RFC's (5 ms).
const PATH: &str = "0s both delay=50ms queue=300ms\n0s down jitter=17ms\n";

/// A path whose way down carries so many kilobits per second from these seconds on.
fn varying(steps: &[(u64, u64)]) -> String {
    let mut script = PATH.to_owned();
    for (from, kbit) in steps {
        writeln!(script, "{from}s down rate={kbit}kbit").expect("text can be added to");
    }
    script
}

const fn s(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(crate) fn cases() -> Vec<Case> {
    let steps = [(0, 1_000), (40, 2_500), (60, 600), (80, 1_000)];
    let one = Case::new("5.1 variable capacity, one viewer", 100, &varying(&steps));
    let steps = [
        (0, 4_000),
        (25, 2_000),
        (50, 3_500),
        (75, 1_000),
        (100, 2_000),
    ];
    let two = Case::new("5.2 variable capacity, two viewers", 125, &varying(&steps))
        .seen_by([Viewer::default(); 2]);
    vec![
        one,
        two,
        congested_feedback(),
        competing(),
        round_trips(),
        beside_a_long_transfer(),
        beside_short_transfers(),
        pause_and_resume(),
    ]
}

fn congested_feedback() -> Case {
    let steps = [(0, 2_000), (20, 1_000), (40, 500), (60, 2_000)];
    let mut script = String::new();
    let mut lines: Vec<(u64, String)> = steps
        .map(|(from, kbit)| (from, format!("{from}s down rate={kbit}kbit\n")))
        .into();
    // Feedback alone fills the way back meanwhile.
    let narrow = [(0, "40kbit"), (35, "12kbit"), (70, "40kbit")];
    lines.extend(narrow.map(|(from, rate)| (from, format!("{from}s up rate={rate}\n"))));
    lines.sort_by_key(|(from, _)| *from);
    script.push_str(PATH);
    script.extend(lines.into_iter().map(|(_, line)| line));
    Case::new("5.3 congested feedback", 100, &script)
}

fn competing() -> Case {
    Case::new(
        "5.4 three viewers, one after the other",
        120,
        &varying(&[(0, 3_500)]),
    )
    .seen_by([0, 20, 40].map(Viewer::joining))
}

fn round_trips() -> Case {
    let script = format!("{PATH}0s both delay=10ms\n0s down rate=4Mbit\n");
    let viewers = [(0, 0), (10, 15), (20, 40), (30, 90), (40, 140)].map(|(joins, delay)| Viewer {
        delay: Duration::from_millis(delay),
        ..Viewer::joining(joins)
    });
    Case::new(
        "5.5 five viewers with round trips of 20 to 300 ms",
        200,
        &script,
    )
    .seen_by(viewers)
}

fn beside_a_long_transfer() -> Case {
    let long = Transfers {
        begins: s(10),
        each: None,
    };
    Case::new("5.6 beside a long TCP flow", 120, &varying(&[(0, 2_000)])).beside([long])
}

fn beside_short_transfers() -> Case {
    let short = (0..10).map(|number| Transfers {
        begins: s(5 + number),
        each: Some((20 + number * 15, s(5 + number))),
    });
    Case::new(
        "5.7 two viewers beside short TCP flows",
        120,
        &varying(&[(0, 2_000)]),
    )
    .seen_by([Viewer::default(); 2])
    .beside(short)
}

fn pause_and_resume() -> Case {
    let away = Viewer {
        looks_away: Some([s(40), s(60)]),
        ..Viewer::default()
    };
    Case::new(
        "5.8 one of three viewers looks away and back",
        120,
        &varying(&[(0, 3_500)]),
    )
    .seen_by([Viewer::default(), away, Viewer::default()])
}
