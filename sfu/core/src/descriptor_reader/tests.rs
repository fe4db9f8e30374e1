use sfu_rtp::DependencyDescriptor;

use super::*;

/// The first packet of a key frame of two spatial and two temporal layers, each needing those below it, as Chromium
/// sends it: frame 1, templates from 0 on. Decode targets are (0, 0), (0, 1), (1, 0) and (1, 1).
const KEY_FRAME: [u8; 33] = [
    0xc0, 0x00, 0x01, 0x80, 0x03, 0x18, 0x7a, 0xaa, 0xf1, 0x30, 0xa0, 0xa0, 0x14, 0xd1, 0x41, 0x38,
    0x23, 0x04, 0x60, 0x08, 0x64, 0x22, 0x22, 0x26, 0x50, 0x13, 0xf0, 0x0b, 0x30, 0x27, 0xf0, 0x16,
    0x70,
];

fn step(spatial: u8, temporal: u8) -> Step {
    Step {
        spatial: SpatialLayer(spatial),
        temporal: TemporalLayer(temporal),
    }
}

/// The first packet of a key frame with another number.
fn key_frame(number: u16) -> Vec<u8> {
    let mut bytes = KEY_FRAME.to_vec();
    bytes[1..3].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// A packet of a whole frame that follows a template.
fn frame(template: u8, number: u16) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    vec![0xc0 | template, high, low]
}

fn read(reader: &mut DescriptorReader, seq: u64, bytes: &[u8]) -> Option<Described> {
    reader.read(ExtendedSeqNo(70_000 + seq), bytes)
}

#[test]
fn nothing_is_known_of_frames_before_their_structure() {
    let mut reader = DescriptorReader::default();
    assert_eq!(read(&mut reader, 0, &frame(1, 2)), None);
    let first = read(&mut reader, 1, &key_frame(1)).unwrap();
    assert!(first.is_key && first.is_layered && first.begins_picture);
    assert!(Steps::all().all(|step| first.belongs.contains(step) && first.switch.contains(step)));
    let upper = read(&mut reader, 2, &frame(4, 2)).unwrap();
    assert_eq!((upper.spatial, upper.number), (1, first.number + 1));
    assert!(!upper.begins_picture && !upper.is_key);
    assert!(!upper.belongs.contains(step(0, 3)) && upper.belongs.contains(step(1, 0)));
    assert!(upper.belongs.contains(step(2, 3)));
    assert!(read(&mut reader, 3, &frame(1, 3)).unwrap().begins_picture);
}

#[test]
fn layers_that_are_not_sent_count_as_the_next_lower_ones() {
    let mut reader = DescriptorReader::default();
    read(&mut reader, 0, &key_frame(1));
    assert!(reader.limit(&frame(1, 2), step(1, 1)).is_none());
    // Flags, and the mask 0011.
    let mut bytes = frame(1, 2);
    bytes.extend_from_slice(&[0b0100_0001, 0b1000_0000]);
    let lower = read(&mut reader, 1, &bytes).unwrap();
    assert!(lower.belongs.contains(step(2, 3)));
    assert!(reader.limit(&frame(1, 2), step(0, 3)).is_none());
    let limited = reader.limit(&frame(1, 2), step(2, 0)).unwrap();
    let structure = TemplateStructure::parse(&KEY_FRAME).unwrap();
    let told = DependencyDescriptor::parse(limited.as_bytes(), Some(&structure)).unwrap();
    assert_eq!(told.active_decode_targets, Some(0b0001));
}

#[test]
fn a_publisher_that_counts_anew_goes_on_with_higher_numbers() {
    let mut reader = DescriptorReader::default();
    read(&mut reader, 0, &key_frame(500));
    let before = read(&mut reader, 1, &frame(1, 600)).unwrap().number;
    for number in [300, 600, 7] {
        let first = read(&mut reader, 2, &key_frame(number)).unwrap();
        assert!(first.number > before + 64);
        let second = read(&mut reader, 3, &frame(4, number + 1)).unwrap();
        assert_eq!(second.number, first.number + 1);
    }
}

#[test]
fn a_key_frame_that_comes_late_says_nothing_of_what_came_after_it() {
    let mut reader = DescriptorReader::default();
    let old = read(&mut reader, 5, &key_frame(500)).unwrap();
    let new = read(&mut reader, 9, &key_frame(510)).unwrap();
    let late = read(&mut reader, 4, &key_frame(490)).unwrap();
    assert_eq!(late.number, old.number - 10);
    let next = read(&mut reader, 10, &frame(1, 511)).unwrap();
    assert_eq!(next.number, new.number + 1);
}

#[test]
fn what_is_no_descriptor_changes_nothing() {
    let mut reader = DescriptorReader::default();
    read(&mut reader, 0, &key_frame(1));
    assert_eq!(read(&mut reader, 1, &[]), None);
    assert_eq!(read(&mut reader, 1, &[0xc0, 0]), None);
    assert_eq!(read(&mut reader, 1, &KEY_FRAME[..12]), None);
    assert_eq!(
        read(&mut reader, 1, &frame(60, 9)),
        None,
        "an unknown template"
    );
    let mut none_active = frame(1, 2);
    none_active.extend_from_slice(&[0b0100_0000, 0]);
    assert!(read(&mut reader, 1, &none_active).is_some());
    assert!(
        read(&mut reader, 2, &frame(4, 3))
            .unwrap()
            .belongs
            .contains(step(1, 1))
    );
}
