//! Writing our descriptions.

use std::fmt::Write as _;

use sfu_model::limits::TOLD_DATA_MESSAGE_BYTES;
use sfu_model::{Extension, MediaKind, Mid};

use super::TransportFacts;
use super::codecs::rtpmap;
use super::description::{Content, Description, Media, Section, TransportDescription, media_name};
use super::payload::{Format, Payload};

/// Usual size of a section's text.
const SECTION_BYTES: usize = 1_024;

/// `o=`: the session's number and which of its descriptions this is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) session: u64,
    pub(super) version: u64,
}

/// Writes a description of ours: ICE-lite, everything in one bundle, all candidates inline.
pub(super) fn write(description: &Description, origin: Origin, facts: &TransportFacts) -> String {
    let mut text = Text(String::with_capacity(
        SECTION_BYTES * (1 + description.sections.len()),
    ));
    // The number is a positive 63-bit one for the parsers that read it as signed.
    text.line(format_args!(
        "v=0\r\no=- {} {} IN IP4 0.0.0.0\r\ns=-\r\nt=0 0",
        origin.session >> 1,
        origin.version
    ));
    let served = || {
        let sections = description.sections.iter();
        sections.filter(|section| section.content != Content::Rejected)
    };
    let mids: Vec<&str> = served()
        .filter_map(|section| section.mid.as_ref())
        .map(|mid| mid.0.as_str())
        .collect();
    if !mids.is_empty() {
        text.line(format_args!("a=group:BUNDLE {}", mids.join(" ")));
    }
    if description.mixed_extensions {
        text.line(format_args!("a=extmap-allow-mixed"));
    }
    text.line(format_args!("a=msid-semantic: WMS *\r\na=ice-lite"));
    let first = served().next().and_then(|section| section.mid);
    for section in &description.sections {
        let candidates = (section.mid == first && first.is_some()).then_some(facts);
        text.section(section, &description.transport, candidates);
    }
    text.0
}

/// A text under construction.
struct Text(String);

impl Text {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        self.0.write_fmt(line).expect("a String takes any text");
        self.0.push_str("\r\n");
    }

    fn section(
        &mut self,
        section: &Section,
        transport: &TransportDescription,
        candidates: Option<&TransportFacts>,
    ) {
        match &section.content {
            Content::Rejected => self.rejected(section),
            Content::DataChannels => {
                let protocol = &section.line.protocol;
                self.line(format_args!(
                    "m=application 9 {protocol} webrtc-datachannel"
                ));
                self.transport(section.mid, transport, candidates);
                self.line(format_args!("a=sctp-port:5000"));
                self.line(format_args!("a=max-message-size:{TOLD_DATA_MESSAGE_BYTES}"));
            }
            Content::Media(media) => {
                let types: Vec<String> = media
                    .payloads
                    .iter()
                    .map(|payload| payload.payload_type.0.to_string())
                    .collect();
                self.line(format_args!(
                    "m={} 9 {} {}",
                    media_name(media.kind),
                    section.line.protocol,
                    types.join(" ")
                ));
                self.transport(section.mid, transport, candidates);
                self.media(media);
            }
        }
    }

    /// RFC 3264 section 6: port 0, and at least one format, which means nothing.
    fn rejected(&mut self, section: &Section) {
        let line = &section.line;
        self.line(format_args!(
            "m={} 0 {} {}",
            line.media, line.protocol, line.formats
        ));
        self.line(format_args!("c=IN IP4 0.0.0.0"));
        if let Some(mid) = section.mid {
            self.line(format_args!("a=mid:{mid}", mid = mid.0));
        }
        self.line(format_args!("a=inactive"));
    }

    fn transport(
        &mut self,
        mid: Option<Mid>,
        transport: &TransportDescription,
        candidates: Option<&TransportFacts>,
    ) {
        self.line(format_args!("c=IN IP4 0.0.0.0"));
        if let Some(mid) = mid {
            self.line(format_args!("a=mid:{mid}", mid = mid.0));
        }
        self.line(format_args!("a=ice-ufrag:{}", transport.ice.ufrag));
        self.line(format_args!("a=ice-pwd:{}", transport.ice.pwd));
        self.line(format_args!(
            "a=fingerprint:sha-256 {}",
            transport.fingerprint
        ));
        self.line(format_args!("a=setup:{}", transport.setup.name()));
        if let Some(facts) = candidates {
            for candidate in facts.candidate_attributes() {
                self.line(format_args!("a={candidate}"));
            }
            self.line(format_args!("a=end-of-candidates"));
        }
    }

    fn media(&mut self, media: &Media) {
        self.line(format_args!("a=rtcp-mux\r\na=rtcp-rsize"));
        self.line(format_args!("a={}", media.direction.name()));
        for (extension, id) in media.extensions.iter() {
            self.extension(extension, id.0);
        }
        for payload in &media.payloads {
            self.payload(payload, media.kind);
        }
        if !media.simulcast.is_empty() {
            let rids: Vec<&str> = media.simulcast.iter().map(|rid| rid.0.as_str()).collect();
            for rid in &rids {
                self.line(format_args!("a=rid:{rid} recv"));
            }
            self.line(format_args!("a=simulcast:recv {}", rids.join(";")));
        }
        self.streams(media);
    }

    fn extension(&mut self, extension: Extension, id: u8) {
        self.line(format_args!("a=extmap:{id} {}", extension.uri()));
    }

    fn payload(&mut self, payload: &Payload, kind: MediaKind) {
        let number = payload.payload_type.0;
        match payload.format {
            Format::Codec(codec) => {
                self.line(format_args!("a=rtpmap:{number} {}", rtpmap(codec)));
            }
            Format::Rtx { of } => {
                let clock_rate = match kind {
                    MediaKind::Audio => 48_000,
                    MediaKind::Video => 90_000,
                };
                self.line(format_args!("a=rtpmap:{number} rtx/{clock_rate}"));
                self.line(format_args!("a=fmtp:{number} apt={}", of.0));
            }
            Format::FlexFec => self.line(format_args!("a=rtpmap:{number} flexfec-03/90000")),
        }
        if let Some(fmtp) = &payload.fmtp {
            self.line(format_args!("a=fmtp:{number} {fmtp}"));
        }
        for feedback in &payload.feedback {
            self.line(format_args!("a=rtcp-fb:{number} {}", feedback.name()));
        }
    }

    /// `a=msid` and `a=ssrc`: only where we send.
    fn streams(&mut self, media: &Media) {
        let Some(msid) = &media.msid else {
            return;
        };
        let track = msid.track.as_deref().unwrap_or_default();
        self.line(format_args!("a=msid:{} {track}", msid.stream));
        for stream in &media.streams {
            let ssrc = stream.ssrc.0;
            if let Some(rtx) = stream.rtx {
                self.line(format_args!("a=ssrc-group:FID {ssrc} {}", rtx.0));
            }
            for ssrc in [Some(stream.ssrc), stream.rtx].into_iter().flatten() {
                self.line(format_args!("a=ssrc:{} cname:{}", ssrc.0, stream.cname));
                self.line(format_args!(
                    "a=ssrc:{} msid:{} {track}",
                    ssrc.0, msid.stream
                ));
            }
        }
    }
}
