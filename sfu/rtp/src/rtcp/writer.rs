//! Compound RTCP packets as they are written.

use sfu_model::{Bitrate, Mid, Ssrc};

use super::{NackPair, ReportBlock, SenderReport};

/// Most report blocks of one packet: the count has five bits.
const MAX_BLOCKS: usize = 31;

/// Appends a sender report with report blocks; those after the 31st are left out.
pub fn write_sender_report(out: &mut Vec<u8>, sender: &SenderReport, blocks: &[ReportBlock]) {
    let blocks = blocks.get(..MAX_BLOCKS).unwrap_or(blocks);
    let body = SenderReport::LEN + blocks.len() * ReportBlock::LEN;
    write_header(out, count_of(blocks), 200, body);
    sender.write(out);
    for block in blocks {
        block.write(out);
    }
}

/// Appends a receiver report; blocks after the 31st are left out.
pub fn write_receiver_report(out: &mut Vec<u8>, ssrc: Ssrc, blocks: &[ReportBlock]) {
    let blocks = blocks.get(..MAX_BLOCKS).unwrap_or(blocks);
    write_header(
        out,
        count_of(blocks),
        201,
        4 + blocks.len() * ReportBlock::LEN,
    );
    out.extend_from_slice(&ssrc.0.to_be_bytes());
    for block in blocks {
        block.write(out);
    }
}

/// Appends a source description: CNAME, cut at 255 bytes, and the media section (RFC 9143 section
/// 9.2).
pub fn write_sdes(out: &mut Vec<u8>, ssrc: Ssrc, cname: &str, mid: Option<Mid>) {
    const CNAME: u8 = 1;
    const MID: u8 = 15;
    let cname = cname.as_bytes();
    let cname = cname.get(..255).unwrap_or(cname);
    let mid = mid.as_ref().map(|mid| mid.0.as_bytes());
    let items = 2 + cname.len() + mid.map_or(0, |mid| 2 + mid.len());
    // At least one zero byte ends the chunk.
    let padding = 4 - items % 4;
    write_header(out, 1, 202, 4 + items + padding);
    out.extend_from_slice(&ssrc.0.to_be_bytes());
    for (kind, text) in [(CNAME, Some(cname)), (MID, mid)] {
        if let Some(text) = text {
            // Both are cut at 255 bytes.
            out.extend_from_slice(&[kind, (text.len() & 0xff) as u8]);
            out.extend_from_slice(text);
        }
    }
    out.resize(out.len() + padding, 0);
}

/// Appends a BYE of one stream (RFC 3550 section 6.6).
pub fn write_bye(out: &mut Vec<u8>, ssrc: Ssrc) {
    write_header(out, 1, 203, 4);
    out.extend_from_slice(&ssrc.0.to_be_bytes());
}

/// Appends a NACK (RFC 4585 section 6.2.1).
pub fn write_nack(out: &mut Vec<u8>, sender: Ssrc, media: Ssrc, pairs: &[NackPair]) {
    write_feedback(out, (1, 205), sender, media, pairs.len() * 4);
    for pair in pairs {
        out.extend_from_slice(&pair.first.0.to_be_bytes());
        out.extend_from_slice(&pair.following.to_be_bytes());
    }
}

/// Appends a picture loss indication (RFC 4585 section 6.3.1).
pub fn write_pli(out: &mut Vec<u8>, sender: Ssrc, media: Ssrc) {
    write_feedback(out, (1, 206), sender, media, 0);
}

/// Appends a full intra request (RFC 5104 section 4.3.1); `count` grows with each new request.
pub fn write_fir(out: &mut Vec<u8>, sender: Ssrc, media: Ssrc, count: u8) {
    write_feedback(out, (4, 206), sender, Ssrc(0), 8);
    out.extend_from_slice(&media.0.to_be_bytes());
    out.extend_from_slice(&[count, 0, 0, 0]);
}

/// Appends a REMB (draft-alvestrand-rmcat-remb-03 section 2.2) about at most 255 streams.
pub fn write_remb(out: &mut Vec<u8>, sender: Ssrc, bitrate: Bitrate, media: &[Ssrc]) {
    const MANTISSA_BITS: u32 = 18;
    let media = media.get(..255).unwrap_or(media);
    let exponent = (u64::BITS - bitrate.0.leading_zeros()).saturating_sub(MANTISSA_BITS);
    let mantissa = bitrate.0 >> exponent;
    let word = u64::from(exponent) << MANTISSA_BITS | mantissa;
    let [.., m0, m1, m2] = word.to_be_bytes();
    write_feedback(out, (15, 206), sender, Ssrc(0), 8 + media.len() * 4);
    out.extend_from_slice(b"REMB");
    out.extend_from_slice(&[(media.len() & 0xff) as u8, m0, m1, m2]);
    for ssrc in media {
        out.extend_from_slice(&ssrc.0.to_be_bytes());
    }
}

fn count_of(blocks: &[ReportBlock]) -> u8 {
    (blocks.len() & 0x1f) as u8
}

/// Appends the header of a packet; `body` is the length of what follows in bytes, a multiple of four.
fn write_header(out: &mut Vec<u8>, format: u8, packet_type: u8, body: usize) {
    let [l0, l1] = u16::try_from(body / 4).unwrap_or(u16::MAX).to_be_bytes();
    out.reserve(4 + body);
    out.extend_from_slice(&[2 << 6 | format, packet_type, l0, l1]);
}

fn write_feedback(
    out: &mut Vec<u8>,
    (format, packet_type): (u8, u8),
    sender: Ssrc,
    media: Ssrc,
    control: usize,
) {
    write_header(out, format, packet_type, 8 + control);
    out.extend_from_slice(&sender.0.to_be_bytes());
    out.extend_from_slice(&media.0.to_be_bytes());
}
