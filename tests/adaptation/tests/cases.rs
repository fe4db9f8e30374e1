//! Some cases, cut short, against the aims that they reach. `cargo xtask bench adaptation` plays all of them whole.

#![expect(clippy::print_stdout, reason = "figures are what these tests are for")]
#![expect(clippy::unwrap_used, reason = "what does not hold here fails the test")]

use adaptation::{Case, Figures, Media, Record, cases, heading, run};
use sfu_sim::Seed;

const SEED: Seed = Seed(1);

fn case(name: &str) -> Case {
    let mut all = cases().into_iter();
    all.find(|case| case.name.starts_with(name)).unwrap()
}

/// Plays a case, and prints what it comes to.
fn play(case: &Case, media: Media) -> Figures {
    let figures = Figures::of(&run(case, media, SEED));
    println!("{}\n{}", heading(), figures.row(case.name));
    figures
}

fn trace_of(case: &Case, media: Media) -> sfu_sim::Trace {
    let Record { trace, .. } = run(case, media, SEED);
    trace
}

#[test]
fn a_case_happens_the_same_way_twice() {
    for media in [Media::Simulcast, Media::Scalable] {
        let short = case("5.7").shortened(15);
        let [one, other] = [(); 2].map(|()| trace_of(&short, media));
        assert_eq!(one.difference(&other), None);
    }
}

#[test]
fn a_link_of_its_own_is_used_and_followed() {
    let figures = play(&case("5.1"), Media::Simulcast);
    assert!(figures.used >= 68.0, "{figures:?}");
    assert!(figures.queue <= 60.0, "{figures:?}");
    assert!(figures.up <= 5.0, "{figures:?}");
    assert!(figures.concealed <= 1.5, "{figures:?}");
}

#[test]
fn layers_of_one_stream_follow_a_link_too() {
    let figures = play(&case("5.1"), Media::Scalable);
    assert!(figures.used >= 50.0, "{figures:?}");
    assert!(figures.concealed <= 2.0, "{figures:?}");
}

#[test]
fn viewers_behind_one_link_get_about_the_same_and_little_is_lost() {
    let figures = play(&case("5.8").shortened(80), Media::Simulcast);
    assert!(figures.used >= 60.0, "{figures:?}");
    assert!(figures.fairness >= 0.8, "{figures:?}");
    assert!(figures.loss <= 1.0, "{figures:?}");
    assert!(figures.concealed <= 2.0, "{figures:?}");
}
