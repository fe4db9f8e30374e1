use sfu_model::{SpatialLayer, TemporalLayer};

use super::*;

fn step(spatial: u8, temporal: u8) -> Step {
    Step {
        spatial: SpatialLayer(spatial),
        temporal: TemporalLayer(temporal),
    }
}

/// How spatial layers need each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Each needs those below it (`L3T2`).
    Full,
    /// Each needs those below it in key frames only (`L3T2_KEY`).
    Key,
}

/// An encoder of three spatial and two temporal layers, as libwebrtc's.
struct Encoder {
    mode: Mode,
    picture: u64,
    /// The layers that need no earlier picture in the next one.
    refreshed: Option<u8>,
}

impl Encoder {
    fn new(mode: Mode) -> Self {
        Self {
            mode,
            picture: 0,
            refreshed: Some(0),
        }
    }

    /// Makes the next picture.
    fn picture(&mut self) -> [Described; 3] {
        let frames = [0, 1, 2].map(|spatial| self.frame(spatial));
        self.picture += 1;
        self.refreshed = None;
        frames
    }

    fn frame(&self, spatial: u8) -> Described {
        let temporal = u8::from(self.picture % 2 == 1);
        let is_new = self.refreshed.is_some_and(|from| spatial >= from);
        let is_key = self.refreshed == Some(0);
        let mut distances = Vec::new();
        if spatial > 0 && (self.mode == Mode::Full || is_new) {
            distances.push(1);
        }
        if !is_new {
            // Of the lowest temporal layer, the picture before the last.
            distances.push(if temporal == 0 { 6 } else { 3 });
        }
        let belongs = |step: &Step| {
            let reaches = match self.mode == Mode::Full || is_key {
                true => spatial <= step.spatial.0,
                false => spatial == step.spatial.0,
            };
            reaches && temporal <= step.temporal.0
        };
        let switch = |step: &Step| {
            let own = step.spatial.0 == spatial && (temporal == 0 || step.temporal.0 > temporal);
            belongs(step) && (own || is_key)
        };
        Described {
            number: 100_000 + self.picture * 3 + u64::from(spatial),
            spatial,
            temporal,
            start: true,
            end: true,
            begins_picture: spatial == 0,
            is_key: is_key && spatial == 0,
            belongs: Steps::all().filter(belongs).collect(),
            switch: Steps::all().filter(switch).collect(),
            references: distances.into_iter().collect(),
            is_layered: true,
        }
    }
}

struct Viewer {
    selector: ByDescriptor,
    at: Step,
    wanted: Step,
}

impl Viewer {
    /// Begins with a key frame, of which the rest follows.
    fn of(encoder: &mut Encoder, wanted: Step) -> Self {
        let [lowest, middle, highest] = encoder.picture();
        let mut viewer = Self {
            selector: ByDescriptor::default(),
            at: wanted,
            wanted,
        };
        viewer.selector.begin(&lowest);
        viewer.take(&middle);
        viewer.take(&highest);
        viewer
    }

    fn take(&mut self, frame: &Described) -> bool {
        self.selector.select(&mut self.at, self.wanted, frame)
    }

    /// Takes a picture. Returns the spatial layers that are forwarded.
    fn layers(&mut self, picture: &[Described]) -> Vec<u8> {
        let taken = picture.iter().filter(|frame| self.take(frame));
        taken.map(|frame| frame.spatial).collect()
    }
}

#[test]
fn layers_above_the_wanted_one_are_left_out_and_those_below_it_if_it_needs_none_of_them() {
    for (mode, expected) in [(Mode::Full, [0, 1].as_slice()), (Mode::Key, &[1])] {
        let mut encoder = Encoder::new(mode);
        let mut viewer = Viewer::of(&mut encoder, step(1, 1));
        for _ in 0..10 {
            assert_eq!(viewer.layers(&encoder.picture()), expected);
        }
        assert!(!viewer.selector.is_blocked());
    }
}

#[test]
fn temporal_layers_go_at_once_and_come_back_at_the_next_frame_that_they_go_on_from() {
    let mut encoder = Encoder::new(Mode::Key);
    let mut viewer = Viewer::of(&mut encoder, step(2, 1));
    viewer.wanted = step(2, 0);
    assert_eq!(viewer.layers(&encoder.picture()), []);
    assert_eq!(viewer.layers(&encoder.picture()), [2]);
    viewer.wanted = step(2, 1);
    assert_eq!(viewer.layers(&encoder.picture()), []);
    assert_eq!(viewer.layers(&encoder.picture()), [2]);
    assert_eq!(viewer.layers(&encoder.picture()), [2]);
    assert!(!viewer.selector.is_blocked());
}

#[test]
fn a_lower_spatial_layer_that_was_sent_all_along_is_gone_down_to_at_once() {
    let mut encoder = Encoder::new(Mode::Full);
    let mut viewer = Viewer::of(&mut encoder, step(2, 1));
    viewer.wanted = step(0, 1);
    encoder.picture();
    assert_eq!(viewer.layers(&encoder.picture()), [0]);
    assert!(!viewer.selector.is_blocked());
}

#[test]
fn a_lower_spatial_layer_that_was_left_out_takes_a_key_frame_and_costs_less_until_then() {
    let mut encoder = Encoder::new(Mode::Key);
    let mut viewer = Viewer::of(&mut encoder, step(2, 1));
    for _ in 0..3 {
        assert_eq!(viewer.layers(&encoder.picture()), [2]);
    }
    viewer.wanted = step(0, 1);
    assert_eq!(viewer.layers(&encoder.picture()), [2]);
    assert!(viewer.selector.is_blocked());
    assert_eq!(viewer.layers(&encoder.picture()), []);
    assert_eq!(viewer.layers(&encoder.picture()), [2]);
    assert_eq!(viewer.layers(&encoder.picture()), []);
    encoder.refreshed = Some(0);
    assert_eq!(viewer.layers(&encoder.picture()), [0]);
    assert_eq!(viewer.layers(&encoder.picture()), [0]);
    assert!(!viewer.selector.is_blocked());
}

#[test]
fn a_higher_spatial_layer_takes_a_key_frame_or_one_that_needs_only_what_is_below_it() {
    for mode in [Mode::Full, Mode::Key] {
        for refreshed in [0, 1] {
            let mut encoder = Encoder::new(mode);
            let mut viewer = Viewer::of(&mut encoder, step(0, 1));
            viewer.layers(&encoder.picture());
            viewer.wanted = step(2, 1);
            assert_eq!(viewer.layers(&encoder.picture()), [0]);
            assert!(viewer.selector.is_blocked());
            assert_eq!(viewer.layers(&encoder.picture()), [0]);
            encoder.refreshed = Some(refreshed);
            assert_eq!(viewer.layers(&encoder.picture()), [0, 1, 2]);
            assert!(!viewer.selector.is_blocked());
            let expected: &[u8] = if mode == Mode::Full { &[0, 1, 2] } else { &[2] };
            assert_eq!(viewer.layers(&encoder.picture()), expected);
        }
    }
}

#[test]
fn packets_that_come_late_follow_what_became_of_their_frame() {
    let mut encoder = Encoder::new(Mode::Full);
    let mut viewer = Viewer::of(&mut encoder, step(2, 1));
    let pictures = [(); 4].map(|()| encoder.picture());
    viewer.layers(&pictures[0]);
    viewer.wanted = step(0, 0);
    assert_eq!(viewer.layers(&pictures[1]), [0]);
    assert_eq!(viewer.layers(&pictures[0]), [0, 1, 2]);
    assert_eq!(viewer.layers(&pictures[1]), [0]);
    for _ in 0..30 {
        viewer.layers(&encoder.picture());
    }
    assert_eq!(viewer.layers(&pictures[0]), [], "too old to be remembered");
}

#[test]
fn a_frame_that_comes_late_raises_nothing() {
    let mut encoder = Encoder::new(Mode::Key);
    let mut viewer = Viewer::of(&mut encoder, step(2, 0));
    let [late, next, other] = [(); 3].map(|()| encoder.picture());
    viewer.layers(&next);
    viewer.wanted = step(2, 1);
    assert_eq!(viewer.layers(&late), []);
    assert_eq!(viewer.at, step(2, 0));
    assert_eq!(viewer.layers(&other), []);
}

#[test]
fn nothing_is_taken_up_while_it_needs_what_has_not_come() {
    let mut encoder = Encoder::new(Mode::Full);
    let mut viewer = Viewer::of(&mut encoder, step(2, 0));
    viewer.layers(&encoder.picture());
    viewer.wanted = step(2, 1);
    // A picture is lost that the next one of its temporal layer needs.
    encoder.picture();
    encoder.picture();
    assert_eq!(viewer.layers(&encoder.picture()), [0, 1, 2]);
    assert_eq!(viewer.at, step(2, 0));
    assert!(!viewer.selector.is_blocked(), "it may come yet");
}
