#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    sfu_driver::fuzz::protocol(bytes);
});
