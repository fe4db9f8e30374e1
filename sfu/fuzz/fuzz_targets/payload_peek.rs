#![no_main]

use libfuzzer_sys::fuzz_target;
use sfu_model::Codec;
use sfu_rtp::payload::{Descriptor, Vp8Descriptor, Vp8Munger, opus, peek, picture_size};

const CODECS: [Codec; 6] = [
    Codec::Opus,
    Codec::Vp8,
    Codec::Vp9,
    Codec::H264,
    Codec::H265,
    Codec::Av1,
];

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, payload)) = bytes.split_first() else {
        return;
    };
    opus::duration(payload);
    let codec = CODECS[usize::from(*choice) % CODECS.len()];
    picture_size(codec, payload);
    let Ok(read) = peek(codec, payload) else {
        return;
    };
    if let Descriptor::Vp8(descriptor) = read.descriptor {
        let mut munger = Vp8Munger::new();
        munger.leave_out(&descriptor);
        let rewrite = munger.forward(&descriptor).expect("the first picture");
        let mut out = Vec::new();
        rewrite.write(&descriptor, payload, &mut out);
        out.extend_from_slice(&payload[usize::from(descriptor.len)..]);
        let again = Vp8Descriptor::parse(&out).expect("what was written");
        assert_eq!(again.key_frame, descriptor.key_frame);
        assert_eq!(again.tl0_pic_idx, descriptor.tl0_pic_idx);
        assert_eq!(again.temporal, descriptor.temporal);
        munger.switch_source(&descriptor);
        assert!(munger.forward(&descriptor).is_some());
    }
});
