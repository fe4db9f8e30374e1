use super::super::tests::delta;
use super::*;
use sfu_model::Step;
use sfu_model::{SpatialLayer, TemporalLayer};

fn step(spatial: u8, temporal: u8) -> Step {
    Step {
        spatial: SpatialLayer(spatial),
        temporal: TemporalLayer(temporal),
    }
}

/// A frame of a temporal layer that receivers of the one below can go up at.
fn sync(temporal: u8) -> Frame {
    Frame {
        switching_point: true,
        ..delta(temporal)
    }
}

/// A packet in the midst of a frame.
fn rest(frame: Frame) -> Frame {
    Frame {
        start: false,
        ..frame
    }
}

/// Takes packets with a number each, where layers `from` are forwarded and others are wanted. Returns those that
/// are forwarded.
fn forwarded(from: Step, wanted: Step, packets: &[(u64, Frame)]) -> Vec<u64> {
    let (mut selector, mut at) = (ByPayload::default(), from);
    selector.begin(ExtendedSeqNo(70_000), from);
    let packets = packets.iter().filter(|(seq, frame)| {
        selector.select(&mut at, wanted, ExtendedSeqNo(70_000 + seq), frame)
    });
    packets.map(|(seq, _)| *seq).collect()
}

#[test]
fn a_temporal_layer_is_taken_up_where_one_can_go_on_from_the_layer_below() {
    let packets = [
        (1, sync(2)),
        (2, delta(1)),
        (3, sync(1)),
        (4, delta(2)),
        (5, sync(2)),
        (6, delta(1)),
    ];
    assert_eq!(forwarded(step(0, 0), step(0, 2), &packets), [3, 5, 6]);
    assert_eq!(forwarded(step(0, 0), step(0, 1), &packets), [3, 6]);
}

#[test]
fn a_frame_whose_first_packet_comes_late_raises_nothing() {
    let packets = [
        (2, rest(sync(1))),
        (1, sync(1)),
        (3, delta(0)),
        (4, delta(1)),
        (5, sync(1)),
    ];
    assert_eq!(forwarded(step(0, 0), step(0, 1), &packets), [3, 5]);
}

#[test]
fn a_packet_that_comes_late_goes_by_what_was_forwarded_at_its_place() {
    let packets = [
        (1, delta(1)),
        (3, delta(0)),
        (2, rest(delta(1))),
        (4, delta(1)),
    ];
    assert_eq!(forwarded(step(0, 1), step(0, 0), &packets), [3]);
    let lowered_later = [(1, delta(0)), (3, delta(0)), (2, delta(1))];
    let (mut selector, mut at) = (ByPayload::default(), step(0, 1));
    selector.begin(ExtendedSeqNo(70_000), at);
    let wanted = [step(0, 1), step(0, 0), step(0, 0)];
    let taken = lowered_later
        .iter()
        .zip(wanted)
        .map(|((seq, frame), wanted)| {
            selector.select(&mut at, wanted, ExtendedSeqNo(70_000 + seq), frame)
        });
    assert_eq!(taken.collect::<Vec<_>>(), [true, true, true]);
}

/// A frame of a spatial layer.
fn upper(spatial: u8, needs_no_earlier_picture: bool) -> Frame {
    Frame {
        spatial,
        spatial_switching_point: needs_no_earlier_picture,
        ..delta(0)
    }
}

#[test]
fn a_spatial_layer_is_taken_up_where_it_needs_no_earlier_picture() {
    let packets = [
        (1, delta(0)),
        (2, upper(1, false)),
        (3, upper(2, true)),
        (4, delta(0)),
        (5, upper(1, true)),
        (6, upper(2, false)),
        (7, delta(0)),
        (8, upper(1, false)),
        (9, upper(2, true)),
    ];
    assert_eq!(
        forwarded(step(0, 3), step(2, 3), &packets),
        [1, 4, 5, 7, 8, 9]
    );
}

#[test]
fn spatial_layers_are_left_where_a_picture_begins() {
    let packets = [
        (1, upper(1, false)),
        (2, upper(2, false)),
        (3, delta(0)),
        (4, upper(1, false)),
    ];
    assert_eq!(forwarded(step(2, 3), step(0, 3), &packets), [1, 2, 3]);
}
