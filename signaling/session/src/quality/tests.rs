use super::*;

/// A window in which so many percent of the packets were lost.
fn losing(fragility: Fragility, percent: u64) -> Window {
    Window {
        fragility,
        packets: 1_000,
        lost: percent * 10,
        is_heard: true,
        ..Window::default()
    }
}

/// A track that sends.
fn begun() -> TrackQuality {
    let mut quality = TrackQuality::default();
    quality.judge(Expectation::Sends, &Window::default());
    quality
}

fn after(windows: &[Window]) -> ConnectionQuality {
    let mut quality = begun();
    let mut judge = |window| quality.judge(Expectation::Sends, window);
    windows.iter().for_each(&mut judge);
    quality.score().quality()
}

#[test]
fn loss_lowers_the_quality_by_what_it_does_to_the_codec() {
    let cases = [
        (Fragility::Video, 1, ConnectionQuality::Excellent),
        (Fragility::Video, 3, ConnectionQuality::Good),
        (Fragility::Video, 8, ConnectionQuality::Poor),
        (Fragility::Audio, 2, ConnectionQuality::Excellent),
        (Fragility::Audio, 4, ConnectionQuality::Good),
        (Fragility::Audio, 10, ConnectionQuality::Poor),
        (Fragility::RedundantAudio, 4, ConnectionQuality::Excellent),
        (Fragility::RedundantAudio, 8, ConnectionQuality::Good),
        (Fragility::RedundantAudio, 20, ConnectionQuality::Poor),
    ];
    for (fragility, percent, expected) in cases {
        let windows = [losing(fragility, percent); 6];
        assert_eq!(after(&windows), expected, "{fragility:?} at {percent} %");
    }
}

#[test]
fn quality_falls_within_a_window_and_comes_back_slowly() {
    let mut quality = begun();
    quality.judge(Expectation::Sends, &losing(Fragility::Video, 10));
    assert_eq!(quality.score().quality(), ConnectionQuality::Poor);
    let windows = (1..10).find(|_| {
        quality.judge(Expectation::Sends, &losing(Fragility::Video, 0));
        quality.score().quality() == ConnectionQuality::Excellent
    });
    assert_eq!(windows, Some(3));
}

#[test]
fn delay_and_jitter_count_as_a_listener_feels_them() {
    let far = Window {
        round_trip: Duration::from_millis(800),
        ..losing(Fragility::Audio, 0)
    };
    assert_eq!(after(&[far; 6]), ConnectionQuality::Good);
    let near = Window {
        round_trip: Duration::from_millis(100),
        jitter: Duration::from_millis(20),
        ..losing(Fragility::Audio, 0)
    };
    assert_eq!(after(&[near; 6]), ConnectionQuality::Excellent);
}

#[test]
fn each_layer_less_than_wanted_is_a_step() {
    let missing = |distance| Window {
        distance,
        ..losing(Fragility::Video, 0)
    };
    assert_eq!(after(&[missing(1.0); 6]), ConnectionQuality::Good);
    assert_eq!(after(&[missing(2.0); 6]), ConnectionQuality::Poor);
}

#[test]
fn a_track_without_packets_is_poor_and_lost_when_nobody_is_heard() {
    let silent = Window {
        is_heard: true,
        ..Window::default()
    };
    assert_eq!(after(&[silent]), ConnectionQuality::Poor);
    assert_eq!(after(&[silent, Window::default()]), ConnectionQuality::Lost);
}

#[test]
fn the_window_in_which_a_track_begins_or_goes_on_says_nothing() {
    let mut quality = begun();
    assert_eq!(quality.score().quality(), ConnectionQuality::Excellent);
    quality.judge(Expectation::Muted, &Window::default());
    quality.judge(Expectation::Sends, &Window::default());
    assert_eq!(quality.score().quality(), ConnectionQuality::Excellent);
    quality.judge(Expectation::Sends, &Window::default());
    assert_eq!(quality.score().quality(), ConnectionQuality::Lost);
}

#[test]
fn a_muted_track_is_excellent_unless_it_was_lost() {
    let mut quality = begun();
    quality.judge(Expectation::Sends, &losing(Fragility::Audio, 10));
    quality.judge(Expectation::Muted, &Window::default());
    assert_eq!(quality.score().quality(), ConnectionQuality::Excellent);
    let mut quality = begun();
    quality.judge(Expectation::Sends, &Window::default());
    quality.judge(Expectation::Muted, &Window::default());
    assert_eq!(quality.score().quality(), ConnectionQuality::Lost);
}

#[test]
fn a_paused_track_is_poor_at_once() {
    let mut quality = begun();
    quality.judge(Expectation::Paused, &losing(Fragility::Video, 0));
    assert_eq!(quality.score().quality(), ConnectionQuality::Poor);
}

#[test]
fn opinions_lie_between_one_and_four_and_a_half() {
    assert!((Score(100.0).opinion() - 4.5).abs() < 0.01);
    assert!((Score(0.0).opinion() - 1.0).abs() < 0.01);
    assert!(Score(80.0).opinion() > Score(60.0).opinion());
    assert_eq!(Score::BEST.worse(Score(3.0)), Score(3.0));
}
