use sfu_model::{Bitrate, Mid, Ssrc};

use super::{NackPair, ReportBlock, SenderReport};

/// Appends a sender report with report blocks; those after the 31st are left out.
pub fn write_sender_report(out: &mut Vec<u8>, sender: &SenderReport, blocks: &[ReportBlock]) {
    todo!()
}

/// Appends a receiver report; blocks after the 31st are left out.
pub fn write_receiver_report(out: &mut Vec<u8>, ssrc: Ssrc, blocks: &[ReportBlock]) {
    todo!()
}

/// Appends a source description: CNAME, cut at 255 bytes, and the media section (RFC 9143 section
/// 9.2).
pub fn write_sdes(out: &mut Vec<u8>, ssrc: Ssrc, cname: &str, mid: Option<Mid>) {
    todo!()
}

/// Appends a BYE of one stream (RFC 3550 section 6.6).
pub fn write_bye(out: &mut Vec<u8>, ssrc: Ssrc) {
    todo!()
}

/// Appends a NACK (RFC 4585 section 6.2.1).
pub fn write_nack(out: &mut Vec<u8>, sender: Ssrc, media: Ssrc, pairs: &[NackPair]) {
    todo!()
}

/// Appends a picture loss indication (RFC 4585 section 6.3.1).
pub fn write_pli(out: &mut Vec<u8>, sender: Ssrc, media: Ssrc) {
    todo!()
}

/// Appends a full intra request (RFC 5104 section 4.3.1); `count` grows with each new request.
pub fn write_fir(out: &mut Vec<u8>, sender: Ssrc, media: Ssrc, count: u8) {
    todo!()
}

/// Appends a REMB (draft-alvestrand-rmcat-remb-03 section 2.2) about at most 255 streams.
pub fn write_remb(out: &mut Vec<u8>, sender: Ssrc, bitrate: Bitrate, media: &[Ssrc]) {
    todo!()
}
