#![no_main]

use libfuzzer_sys::fuzz_target;
use sfu_rtp::{DependencyDescriptor, FrameLayer, LimitedDescriptor, TemplateStructure};

/// The structure that frames follow which have none attached: three temporal layers, as Chromium writes it.
const KNOWN: [u8; 20] = [
    0xc0, 0x00, 0x01, 0x80, 0x02, 0x14, 0xea, 0xa8, 0x60, 0x41, 0x4d, 0x14, 0x10, 0x20, 0x84, 0x27,
    0x02, 0x7f, 0x01, 0x67,
];

fuzz_target!(|bytes: &[u8]| {
    if let Ok(structure) = TemplateStructure::parse(bytes) {
        read_structure(&structure);
        read_frame(bytes, &structure);
    }
    if let Ok(known) = TemplateStructure::parse(&KNOWN) {
        read_frame(bytes, &known);
    }
});

fn read_structure(structure: &TemplateStructure) {
    structure.has_independent_layers();
    let all = structure.all_decode_targets();
    for id in 0..=255 {
        let template = structure.template(id);
        assert!(template.is_none_or(|template| template.switch & !template.present == 0));
        let target = structure.decode_target(usize::from(id));
        assert_eq!(target.is_some(), id < structure.decode_targets());
        if let Some(limit) = target {
            assert!(structure.best_target(limit, all).is_some());
            assert_eq!(structure.targets_within(limit, 0), 0);
        }
    }
    assert!(structure.best_target(FrameLayer::default(), all).is_some());
}

/// A frame says the same when it is told anew which decode targets are active.
fn read_frame(bytes: &[u8], known: &TemplateStructure) {
    let Ok(read) = DependencyDescriptor::parse(bytes, Some(known)) else {
        return;
    };
    assert_eq!(read.dependencies.references.near() & 1, 0);
    let Ok(limited) = LimitedDescriptor::new(bytes, known, 1) else {
        return;
    };
    let again = DependencyDescriptor::parse(limited.as_bytes(), Some(known));
    let expected = DependencyDescriptor {
        active_decode_targets: Some(1),
        ..read
    };
    assert_eq!(again, Ok(expected));
}
