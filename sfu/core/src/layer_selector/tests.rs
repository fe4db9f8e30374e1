use sfu_model::TemporalLayer;

use super::*;

fn up_to(spatial: u8, temporal: u8) -> Forwarding {
    Forwarding::UpTo {
        spatial: SpatialLayer(spatial),
        temporal: TemporalLayer(temporal),
    }
}

fn live(members: &[u8]) -> Layers {
    members.iter().copied().collect()
}

pub(super) fn delta(temporal: u8) -> Frame {
    Frame {
        key: false,
        intra: false,
        picture: true,
        start: true,
        end: false,
        spatial: 0,
        temporal,
        switching_point: temporal == 0,
        spatial_switching_point: false,
        vp8: None,
        described: None,
    }
}

fn key() -> Frame {
    Frame {
        key: true,
        ..delta(0)
    }
}

fn selecting(wanted: Forwarding) -> LayerSelector {
    LayerSelector::new(wanted, Guidance::Payload)
}

/// Takes a packet that comes after all before.
fn next(selector: &mut LayerSelector, encoding: u8, live: Layers, frame: &Frame) -> Selection {
    let newest = selector.by_payload.newest();
    let seq = newest.map_or(ExtendedSeqNo(70_000), |newest| newest.plus(1));
    selector.select((encoding, seq), live, frame)
}

const SWITCH: Selection = Selection::Switch { ends_frame: false };
const FORWARD: Selection = Selection::Forward { ends_frame: false };

#[test]
fn nothing_is_forwarded_before_a_key_frame() {
    let mut selector = selecting(up_to(2, 3));
    let live = live(&[0]);
    assert_eq!(next(&mut selector, 0, live, &delta(0)), Selection::Ignore);
    assert!(selector.awaits_key_frame(0, live, Codec::Vp8));
    assert_eq!(next(&mut selector, 0, live, &key()), SWITCH);
    assert_eq!(next(&mut selector, 0, live, &delta(0)), FORWARD);
    assert!(!selector.awaits_key_frame(0, live, Codec::Vp8));
}

#[test]
fn a_switch_waits_for_the_key_frame_of_the_wanted_encoding() {
    let mut selector = selecting(up_to(0, 3));
    let live = live(&[0, 1, 2]);
    next(&mut selector, 0, live, &key());
    selector.set_wanted(up_to(2, 3));
    assert_eq!(next(&mut selector, 2, live, &delta(0)), Selection::Ignore);
    assert_eq!(next(&mut selector, 1, live, &key()), Selection::Ignore);
    assert_eq!(next(&mut selector, 0, live, &delta(0)), FORWARD);
    assert_eq!(next(&mut selector, 2, live, &key()), SWITCH);
    assert_eq!(next(&mut selector, 0, live, &delta(0)), Selection::Ignore);
}

#[test]
fn a_lower_encoding_is_taken_up_while_the_wanted_one_has_no_key_frame() {
    let mut selector = selecting(up_to(2, 3));
    let live = live(&[0, 2]);
    assert_eq!(next(&mut selector, 0, live, &key()), SWITCH);
    assert!(selector.awaits_key_frame(2, live, Codec::Vp8));
    assert!(!selector.awaits_key_frame(0, live, Codec::Vp8));
}

#[test]
fn a_paused_subscription_needs_a_key_frame_again() {
    let mut selector = selecting(up_to(0, 3));
    let live = live(&[0]);
    next(&mut selector, 0, live, &key());
    assert!(!selector.set_wanted(Forwarding::Paused));
    assert_eq!(next(&mut selector, 0, live, &delta(0)), Selection::Ignore);
    assert!(selector.set_wanted(up_to(0, 3)));
    assert_eq!(next(&mut selector, 0, live, &delta(0)), Selection::Ignore);
    assert_eq!(next(&mut selector, 0, live, &key()), SWITCH);
}

#[test]
fn what_is_forwarded_and_what_is_waited_for_is_needed() {
    let all = live(&[0, 1, 2]);
    let mut selector = selecting(up_to(1, 3));
    // Until there is a picture, a lower encoding will do.
    assert_eq!(selector.needed(all), live(&[0, 1]));
    next(&mut selector, 1, all, &key());
    assert_eq!(selector.needed(all), live(&[1]));
    selector.set_wanted(up_to(2, 3));
    assert_eq!(selector.needed(all), live(&[1, 2]));
    next(&mut selector, 2, all, &key());
    assert_eq!(selector.needed(all), live(&[2]));
    selector.set_wanted(Forwarding::Paused);
    assert_eq!(selector.needed(all), live(&[]));
    assert_eq!(selector.needed(live(&[])), live(&[]));
}

#[test]
fn an_encoding_that_would_be_better_is_needed_from_its_beginning() {
    let mut selector = selecting(up_to(1, 3));
    assert_eq!(selector.needed(live(&[])), live(&[0, 1, 2]));
    next(&mut selector, 0, live(&[0]), &key());
    assert_eq!(selector.needed(live(&[0])), live(&[0, 1]));
    let mut selector = selecting(up_to(0, 3));
    next(&mut selector, 2, live(&[2]), &key());
    assert_eq!(selector.needed(live(&[2])), live(&[0, 1, 2]));
}

#[test]
fn temporal_layers_go_down_at_once_and_up_at_switching_points() {
    let mut selector = selecting(up_to(0, 2));
    let live = live(&[0]);
    next(&mut selector, 0, live, &key());
    selector.set_wanted(up_to(0, 0));
    assert_eq!(next(&mut selector, 0, live, &delta(2)), Selection::LeaveOut);
    selector.set_wanted(up_to(0, 2));
    assert_eq!(next(&mut selector, 0, live, &delta(1)), Selection::LeaveOut);
    let switching = Frame {
        switching_point: true,
        ..delta(1)
    };
    assert_eq!(next(&mut selector, 0, live, &switching), FORWARD);
    assert_eq!(next(&mut selector, 0, live, &delta(2)), Selection::LeaveOut);
}
