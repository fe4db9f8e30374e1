use sfu_model::{Codec, MediaKind, PayloadType};

use super::read::{Description, Format, Section, SectionKind};
use super::{Direction, LocalTransport};

/// Answers an offer of the server's: what it sends is received, as far as we know the codec.
pub fn write_answer(transport: &LocalTransport<'_>, version: u32, offer: &Description) -> String {
    let mut mids = String::new();
    for section in offer.sections.iter().filter(|section| !section.rejected) {
        mids.push(' ');
        mids.push_str(&section.mid);
    }
    let mut sdp = String::with_capacity(1_024 + offer.sections.len() * 900);
    transport.write(version, &mids, &mut sdp);
    for (at, section) in offer.sections.iter().enumerate() {
        write_section(transport, at == 0, section, &mut sdp);
    }
    sdp
}

fn write_section(transport: &LocalTransport<'_>, first: bool, section: &Section, sdp: &mut String) {
    let port = if section.rejected { 0 } else { 9 };
    let media = match section.kind {
        SectionKind::Data => {
            sdp.push_str(&format!(
                "m=application {port} UDP/DTLS/SCTP webrtc-datachannel\r\n"
            ));
            transport.write_section(first, sdp);
            sdp.push_str(&format!(
                "a=mid:{}\r\na=sctp-port:5000\r\na=max-message-size:65536\r\n",
                section.mid
            ));
            return;
        }
        SectionKind::Media(MediaKind::Audio) => "audio",
        SectionKind::Media(MediaKind::Video) => "video",
    };
    let accepted: Vec<_> = section
        .formats
        .iter()
        .filter(|format| is_known(format, section))
        .collect();
    sdp.push_str(&format!("m={media} {port} UDP/TLS/RTP/SAVPF"));
    for PayloadType(number) in accepted.iter().map(|format| format.payload_type) {
        sdp.push_str(&format!(" {number}"));
    }
    sdp.push_str("\r\n");
    transport.write_section(first, sdp);
    sdp.push_str(&format!(
        "a=mid:{}\r\na=rtcp-mux\r\na=rtcp-rsize\r\n",
        section.mid
    ));
    for format in accepted {
        write_format(format, sdp);
    }
    for (extension, id) in section.extensions.iter() {
        sdp.push_str(&format!("a=extmap:{} {}\r\n", id.0, extension.uri()));
    }
    sdp.push_str(match section.direction {
        Direction::SendOnly | Direction::SendRecv => "a=recvonly\r\n",
        Direction::RecvOnly | Direction::Inactive => "a=inactive\r\n",
    });
}

/// Tells whether we can account for a format: a codec of ours, or the retransmissions of one.
fn is_known(format: &Format, section: &Section) -> bool {
    let codec = match format.retransmits() {
        Some(original) => {
            let mut formats = section.formats.iter();
            let original = formats.find(|format| format.payload_type == original);
            original.and_then(Format::codec)
        }
        None => format.codec(),
    };
    matches!(codec, Some(Codec::Opus | Codec::Vp8 | Codec::H264))
}

fn write_format(format: &Format, sdp: &mut String) {
    let PayloadType(number) = format.payload_type;
    sdp.push_str(&format!("a=rtpmap:{number} {}\r\n", format.rtpmap));
    if let Some(fmtp) = &format.fmtp {
        sdp.push_str(&format!("a=fmtp:{number} {fmtp}\r\n"));
    }
    for feedback in &format.feedback {
        sdp.push_str(&format!("a=rtcp-fb:{number} {feedback}\r\n"));
    }
}
