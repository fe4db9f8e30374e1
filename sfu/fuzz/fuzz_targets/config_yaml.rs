#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_config::{Config, Inputs, Text};

// The file, and behind a form feed the body that wins over it.
fuzz_target!(|text: &str| {
    let (file, body) = match text.split_once('\u{c}') {
        Some((file, body)) => (file, Some(body)),
        None => (text, None),
    };
    for dev in [false, true] {
        let inputs = Inputs {
            file: Some(Text {
                name: "file",
                text: file,
            }),
            body: body.map(|text| Text { name: "body", text }),
            dev,
            ..Inputs::default()
        };
        if let Err(faults) = Config::load(&inputs) {
            assert!(!faults.is_empty(), "a refusal says why");
            faults.iter().for_each(|fault| drop(fault.to_string()));
        }
    }
});
