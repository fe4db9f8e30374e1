#![no_main]

use libfuzzer_sys::fuzz_target;
use sfu_model::{Extension, ExtensionId, ExtensionMap, PayloadType, Ssrc};
use sfu_rtp::{
    ExtensionRanges, ExtensionTable, Outgoing, OutgoingExtensions, OutgoingPayload, RtpHeader, rtx,
    write_rtp,
};

fuzz_target!(|packet: &[u8]| {
    let Ok(header) = RtpHeader::parse(packet) else {
        return;
    };
    let map: ExtensionMap = Extension::ALL
        .into_iter()
        .zip(1..)
        .map(|(extension, id)| (extension, ExtensionId(id)))
        .collect();
    let table = ExtensionTable::from(&map);
    let found = ExtensionRanges::find(&header, packet, &table);
    found.rid(packet);
    found.repaired_rid(packet);
    found.transport_cc(packet);
    found.abs_capture_time(packet);

    let outgoing = Outgoing {
        ssrc: header.ssrc,
        seq: header.seq,
        timestamp: header.timestamp,
        payload_type: header.payload_type,
        marker: header.marker,
    };
    let passed = OutgoingExtensions {
        mid: found.mid(packet),
        audio_level: found.get(packet, Extension::AudioLevel),
        abs_capture_time: found.get(packet, Extension::AbsCaptureTime),
        dependency_descriptor: found.dependency_descriptor(packet),
        video_orientation: found.get(packet, Extension::VideoOrientation),
        ..OutgoingExtensions::default()
    };
    let payload = OutgoingPayload::plain(header.payload(packet));
    let mut out = Vec::new();
    write_rtp(&mut out, &outgoing, &map, &passed, &payload);
    let read = RtpHeader::parse(&out).expect("what was written");
    assert_eq!(read.payload(&out), header.payload(packet));
    let found_again = ExtensionRanges::find(&read, &out, &table);
    assert_eq!(
        found_again.mid(&out),
        found.mid(packet).filter(|mid| !mid.0.as_bytes().is_empty())
    );

    let mut copy = packet.to_vec();
    if let Some(original) = rtx::restore(&mut copy, &header, Ssrc(1), PayloadType(96)) {
        let read = RtpHeader::parse(original).expect("a restored packet");
        assert_eq!(read.payload.len() + rtx::OSN_LEN, header.payload.len());
    }
});
