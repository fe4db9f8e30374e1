use sfu_model::{SpatialLayer, TemporalLayer};

use super::*;

/// Puts bits one behind the other.
#[derive(Default)]
struct Text(Vec<bool>);

impl Text {
    fn put(&mut self, count: u32, value: u32) -> &mut Self {
        self.0
            .extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| {
            let bits = bits.iter().enumerate();
            bits.fold(0, |byte, (i, bit)| byte | u8::from(*bit) << (7 - i))
        };
        self.0.chunks(8).map(byte).collect()
    }
}

/// The descriptor of a key frame of two spatial and two temporal layers, ids from 60 on; its
/// decode targets are (0, 0), (0, 1), (1, 0) and (1, 1).
fn key_frame(active_decode_targets: Option<u32>) -> Vec<u8> {
    let mut bits = Text::default();
    bits.put(1, 1).put(1, 0).put(6, 60).put(16, 0x1234);
    let active = u32::from(active_decode_targets.is_some());
    bits.put(1, 1).put(1, active).put(3, 0);
    // template_id_offset, dt_cnt_minus_one
    bits.put(6, 60).put(5, 3);
    // next_layer_idc: T0 and T1 of S0, T0, another T0 and T1 of S1
    for idc in [1, 2, 0, 1, 3] {
        bits.put(2, idc);
    }
    let indications = [
        [2, 2, 2, 2],
        [0, 1, 0, 1],
        [0, 0, 2, 2],
        [0, 0, 3, 3],
        [0, 0, 0, 1],
    ];
    for indication in indications.into_iter().flatten() {
        bits.put(2, indication);
    }
    // template_fdiffs: none, and twice one
    for differences in [0, 2, 0, 1, 1] {
        for difference in 0..differences {
            bits.put(1, 1).put(4, difference);
        }
        bits.put(1, 0);
    }
    // Two chains of 0..=4: ns(5) of 2 is "10"; each target's chain is ns(2): one bit.
    bits.put(2, 0b10).put(4, 0b0011);
    for _ in 0..5 * 2 {
        bits.put(4, 1);
    }
    bits.put(1, 1);
    for side in [319, 179, 639, 359] {
        bits.put(16, side);
    }
    bits.put(4 * active, active_decode_targets.unwrap_or(0));
    bits.bytes()
}

fn structure() -> TemplateStructure {
    TemplateStructure::parse(&key_frame(None)).unwrap()
}

fn layer(spatial: u8, temporal: u8) -> FrameLayer {
    FrameLayer {
        spatial: SpatialLayer(spatial),
        temporal: TemporalLayer(temporal),
    }
}

/// A frame of template 61 with everything of its own: what it is to decode targets, what it needs, chains.
fn custom() -> Vec<u8> {
    let mut bits = Text::default();
    bits.put(2, 0b01).put(6, 61).put(16, 7);
    bits.put(5, 0b00111);
    for indication in [0, 2, 3, 1] {
        bits.put(2, indication);
    }
    // frame_fdiffs: 1, 16, 63 and 64, in as few nibbles as each takes.
    bits.put(2, 1).put(4, 0).put(2, 1).put(4, 15);
    bits.put(2, 2).put(8, 62).put(2, 3).put(12, 63).put(2, 0);
    // frame_chains
    bits.put(8, 0x2a).put(8, 0x0f);
    bits.bytes()
}

#[test]
fn the_mandatory_part_is_three_bytes() {
    let descriptor = DependencyDescriptor::parse(&[0x7d, 0x12, 0x34], Some(&structure())).unwrap();
    assert_eq!(
        (descriptor.start_of_frame, descriptor.end_of_frame),
        (false, true)
    );
    assert_eq!(descriptor.frame_number, 0x1234);
    assert_eq!(descriptor.dependencies.layer, layer(0, 1));
    assert!(!descriptor.has_structure);
    assert_eq!(descriptor.active_decode_targets, None);
}

#[test]
fn a_descriptor_without_a_known_structure_or_template_is_refused() {
    let parse = |bytes: &[u8], known| DependencyDescriptor::parse(bytes, known);
    assert_eq!(
        parse(&[0x7d, 0, 1], None),
        Err(DescriptorError::NoStructure)
    );
    assert_eq!(
        parse(&[0x7d, 0, 1, 0], None),
        Err(DescriptorError::NoStructure)
    );
    assert_eq!(
        parse(&[0x05, 0, 1], Some(&structure())),
        Err(DescriptorError::NoTemplate)
    );
}

#[test]
fn a_key_frame_has_its_structure_attached() {
    let bytes = key_frame(None);
    assert!(DependencyDescriptor::is_structure_attached(&bytes));
    assert!(!DependencyDescriptor::is_structure_attached(&bytes[..3]));
    let descriptor = DependencyDescriptor::parse(&bytes, None).unwrap();
    assert!(descriptor.has_structure && descriptor.start_of_frame);
    assert_eq!(descriptor.active_decode_targets, Some(0b1111));
    let structure = structure();
    let ids = (58..64).chain(0..2);
    let layers: Vec<_> = ids
        .map(|id| structure.template(id).map(|template| template.layer))
        .collect();
    assert_eq!(
        layers,
        [
            None,
            None,
            Some(layer(0, 0)),
            Some(layer(0, 1)),
            Some(layer(1, 0)),
            Some(layer(1, 0)),
            Some(layer(1, 1)),
            None
        ]
    );
}

#[test]
fn templates_say_whom_frames_are_for_and_what_they_need() {
    let structure = structure();
    let read = [60, 61, 62, 63, 0].map(|id| {
        let template = structure.template(id).unwrap();
        (
            template.present,
            template.switch,
            template.references.near(),
        )
    });
    let expected = [
        (0b1111, 0b1111, 0),
        (0b1010, 0, 0b110),
        (0b1100, 0b1100, 0),
        (0b1100, 0, 0b10),
        (0b1000, 0, 0b10),
    ];
    assert_eq!(read, expected);
}

#[test]
fn a_frame_may_say_for_itself_whom_it_is_for_and_what_it_needs() {
    let descriptor = DependencyDescriptor::parse(&custom(), Some(&structure())).unwrap();
    let dependencies = descriptor.dependencies;
    assert_eq!(dependencies.layer, layer(0, 1));
    assert_eq!(
        (dependencies.present, dependencies.switch),
        (0b1110, 0b0010)
    );
    let references = dependencies.references;
    assert_eq!(references.near(), 1 << 1 | 1 << 16 | 1 << 63);
    assert!(references.has_far() && !references.is_empty());
}

#[test]
fn decode_targets_have_the_layers_of_their_frames() {
    let structure = structure();
    let targets: Vec<_> = (0..5).map(|i| structure.decode_target(i)).collect();
    let expected = [layer(0, 0), layer(0, 1), layer(1, 0), layer(1, 1)].map(Some);
    assert_eq!(targets[..4], expected);
    assert_eq!((targets[4], structure.decode_targets()), (None, 4));
}

#[test]
fn the_best_decode_target_is_the_highest_that_is_active_and_within_a_limit() {
    let structure = structure();
    let best = |spatial, temporal, active| structure.best_target(layer(spatial, temporal), active);
    assert_eq!(best(2, 3, 0b1111), Some(3));
    assert_eq!(best(1, 0, 0b1111), Some(2));
    assert_eq!(best(2, 3, 0b0011), Some(1));
    assert_eq!(best(0, 0, 0b1100), Some(2), "the least that there is");
    assert_eq!(best(0, 0, 0), None);
    assert_eq!(structure.targets_within(layer(1, 0), 0b1111), 0b0101);
    assert_eq!(structure.targets_within(layer(0, 3), 0b0010), 0b0010);
}

#[test]
fn layers_are_independent_where_only_key_frames_join_them() {
    let mut structure = key_frame(None);
    // The second template is of the lower spatial layer, and for the target (1, 1) as well.
    assert!(
        !TemplateStructure::parse(&structure)
            .unwrap()
            .has_independent_layers()
    );
    // Indications begin at bit 24 + 5 + 11 + 10 = 50; those of the second template at 58, its last at 64.
    structure[8] &= 0b0011_1111;
    assert!(
        TemplateStructure::parse(&structure)
            .unwrap()
            .has_independent_layers()
    );
}

#[test]
fn active_decode_targets_are_read_behind_the_structure_and_by_it() {
    let bytes = key_frame(Some(0b0011));
    let descriptor = DependencyDescriptor::parse(&bytes, None).unwrap();
    assert_eq!(descriptor.active_decode_targets, Some(0b0011));
    let mut bits = Text::default();
    bits.put(8, 60).put(16, 0).put(5, 0b01000).put(4, 0b0111);
    let later = DependencyDescriptor::parse(&bits.bytes(), Some(&structure())).unwrap();
    assert_eq!(later.active_decode_targets, Some(0b0111));
}

#[test]
fn every_truncation_is_refused() {
    let bytes = key_frame(Some(0b0011));
    for len in 0..bytes.len() {
        assert!(DependencyDescriptor::parse(&bytes[..len], None).is_err());
        assert!(TemplateStructure::parse(&bytes[..len]).is_err());
        assert!(LimitedDescriptor::new(&bytes[..len], &structure(), 1).is_err() || len == 3);
    }
    assert_eq!(
        TemplateStructure::parse(&[0, 0, 0, 0]),
        Err(DescriptorError::NoStructure)
    );
}

#[test]
fn endless_templates_are_refused() {
    let mut bytes = vec![0x80, 0, 1, 0x80];
    bytes.resize(200, 0);
    assert_eq!(
        TemplateStructure::parse(&bytes),
        Err(DescriptorError::TooMany)
    );
}

#[test]
fn a_limited_descriptor_says_the_same_but_for_what_is_active() {
    let structure = structure();
    let originals = [
        vec![0x7d, 0x12, 0x34],
        custom(),
        key_frame(None),
        key_frame(Some(0b0011)),
    ];
    for original in originals {
        let read = DependencyDescriptor::parse(&original, Some(&structure)).unwrap();
        let limited = LimitedDescriptor::new(&original, &structure, 0b0101).unwrap();
        let again = DependencyDescriptor::parse(limited.as_bytes(), Some(&structure)).unwrap();
        let expected = DependencyDescriptor {
            active_decode_targets: Some(0b0101),
            ..read
        };
        assert_eq!(again, expected);
        assert!(limited.as_bytes().len() <= original.len() + 2);
    }
}

#[test]
fn a_descriptor_without_room_for_what_is_active_is_refused() {
    let mut bytes = key_frame(None);
    bytes[3] |= 0x20;
    bytes.resize(255, 0);
    let limited = LimitedDescriptor::new(&bytes, &structure(), 1);
    assert_eq!(limited.unwrap_err(), DescriptorError::TooLong);
}
