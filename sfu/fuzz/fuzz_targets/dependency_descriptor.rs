#![no_main]

use libfuzzer_sys::fuzz_target;
use sfu_rtp::{DependencyDescriptor, TemplateStructure};

fuzz_target!(|bytes: &[u8]| {
    let descriptor = DependencyDescriptor::parse(bytes);
    let structure = TemplateStructure::parse(bytes);
    if descriptor.is_ok_and(|descriptor| descriptor.has_structure) {
        assert!(structure.is_ok());
    }
    let Ok(structure) = structure else {
        return;
    };
    for id in 0..=255 {
        structure.layer(id);
        structure.belongs_to(id, usize::from(id));
        let target = structure.decode_target(usize::from(id));
        assert_eq!(
            target.is_some(),
            usize::from(id) < structure.decode_targets()
        );
    }
    if let Ok(known) = DependencyDescriptor::parse_with(bytes, Some(&structure)) {
        assert!(known.template_id < 64);
    }
});
