use std::net::{IpAddr, SocketAddr};

use sfu_model::{
    Codec, Extension, ExtensionId, ExtensionMap, Fingerprint, IceCredentials, LinkProtocol,
    MediaKind, PayloadType, Ssrc,
};

use crate::Inbound;

/// Most sections of a description.
const MAX_SECTIONS: usize = 4_096;
/// Most streams, and most formats, of a section.
const MAX_OF_SECTION: usize = 64;

/// A description of the server's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Its ICE credentials.
    pub ice: IceCredentials,
    /// Its certificate.
    pub fingerprint: Fingerprint,
    /// Whether it is ICE-lite.
    pub lite: bool,
    /// Where it may be reached by UDP.
    pub candidates: Vec<Candidate>,
    /// Its media sections, in order.
    pub sections: Vec<Section>,
}

/// A media section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// What it is for.
    pub kind: SectionKind,
    /// Its name.
    pub mid: String,
    /// Whether its port is 0: it carries nothing.
    pub rejected: bool,
    /// Which way media flows, as the server says it.
    pub direction: Direction,
    /// Its formats, preferred first.
    pub formats: Vec<Format>,
    /// Its header extensions.
    pub extensions: ExtensionMap,
    /// The streams that the server sends, each with its retransmissions.
    pub streams: Vec<(Ssrc, Option<Ssrc>)>,
}

/// What a section is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionKind {
    /// Audio or video.
    Media(MediaKind),
    /// Data channels.
    Data,
}

/// Which way media flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From whom the description is.
    SendOnly,
    /// To whom the description is.
    RecvOnly,
    /// Both ways.
    SendRecv,
    /// Not at all.
    Inactive,
}

/// A payload format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// Its number.
    pub payload_type: PayloadType,
    /// The text of its `a=rtpmap`, such as `VP8/90000`.
    pub rtpmap: String,
    /// The text of its `a=fmtp`.
    pub fmtp: Option<String>,
    /// The texts of its `a=rtcp-fb`.
    pub feedback: Vec<String>,
}

impl Format {
    /// Returns the codec, if it is a known one.
    pub fn codec(&self) -> Option<Codec> {
        Codec::from_name(self.rtpmap.split('/').next()?)
    }

    /// Returns what this format retransmits (RFC 4588 section 8.6).
    pub fn retransmits(&self) -> Option<PayloadType> {
        let fmtp = self.fmtp.as_deref()?;
        let apt = fmtp
            .split(';')
            .find_map(|part| part.trim().strip_prefix("apt="))?;
        self.rtpmap
            .to_ascii_lowercase()
            .starts_with("rtx/")
            .then(|| apt.parse().ok().map(PayloadType))?
    }
}

/// Why a description cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// There are no ICE credentials.
    #[error("the description names no ICE credentials")]
    NoCredentials,
    /// There is no SHA-256 fingerprint.
    #[error("the description names no SHA-256 fingerprint")]
    NoFingerprint,
    /// A section has neither a known kind nor a name.
    #[error("a section of the description is malformed")]
    MalformedSection,
    /// There are more sections, streams or formats than any server writes.
    #[error("the description is too long")]
    TooLong,
}

impl Description {
    /// Reads a description. Lines that mean nothing here are passed over.
    ///
    /// # Errors
    ///
    /// See [`SdpError`].
    pub fn read(sdp: &str) -> Result<Self, SdpError> {
        let mut reader = Reader::default();
        for line in sdp.lines() {
            reader.line(line)?;
        }
        if reader.sections.iter().any(|section| section.mid.is_empty()) {
            return Err(SdpError::MalformedSection);
        }
        Ok(Self {
            ice: IceCredentials {
                ufrag: reader.ufrag.ok_or(SdpError::NoCredentials)?,
                pwd: reader.pwd.ok_or(SdpError::NoCredentials)?,
            },
            fingerprint: reader.fingerprint.ok_or(SdpError::NoFingerprint)?,
            lite: reader.lite,
            candidates: reader.candidates,
            sections: reader.sections,
        })
    }

    /// Returns the streams that the server sends.
    pub fn inbound(&self) -> Vec<Inbound> {
        let sections = self.sections.iter().filter(|section| section.is_sent());
        sections.flat_map(Section::inbound).collect()
    }

    /// Returns the header extension that numbers the packets of the transport.
    pub fn transport_cc(&self) -> Option<ExtensionId> {
        let mut sections = self.sections.iter();
        sections.find_map(|section| section.extensions.id(Extension::TransportCc))
    }
}

impl Section {
    /// Reports whether the server sends here.
    pub fn is_sent(&self) -> bool {
        !self.rejected && matches!(self.direction, Direction::SendOnly | Direction::SendRecv)
    }

    fn inbound(&self) -> Vec<Inbound> {
        let SectionKind::Media(kind) = self.kind else {
            return Vec::new();
        };
        let codecs = self.formats.iter();
        let codecs: Vec<_> = codecs
            .filter_map(|format| Some((format.payload_type, format.codec()?)))
            .collect();
        let mut feedback = self.formats.iter().flat_map(|format| &format.feedback);
        let nack = feedback.any(|feedback| feedback == "nack");
        let streams = self.streams.iter().map(|(ssrc, rtx)| Inbound {
            kind,
            ssrc: *ssrc,
            rtx: *rtx,
            codecs: codecs.clone(),
            nack,
        });
        streams.collect()
    }
}

/// Where a server can be reached, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// UDP, or TCP to a port on which it listens.
    pub protocol: LinkProtocol,
    /// Its address.
    pub address: SocketAddr,
}

/// Reads a `candidate:` attribute (RFC 8839 section 5.1) of UDP, or of TCP where the server listens (`tcptype passive`,
/// RFC 6544 section 4.5).
pub fn parse_candidate(text: &str) -> Option<Candidate> {
    let mut words = text.strip_prefix("candidate:")?.split_ascii_whitespace();
    let (_foundation, component, protocol) = (words.next()?, words.next()?, words.next()?);
    let (_priority, ip, port) = (words.next()?, words.next()?, words.next()?);
    let address = SocketAddr::new(ip.parse::<IpAddr>().ok()?, port.parse().ok()?);
    let protocol = match protocol.to_ascii_lowercase().as_str() {
        "udp" => LinkProtocol::Udp,
        "tcp" if words.skip_while(|word| *word != "tcptype").nth(1)? == "passive" => {
            LinkProtocol::Tcp
        }
        _ => return None,
    };
    (component == "1").then_some(Candidate { protocol, address })
}

#[derive(Default)]
struct Reader {
    ufrag: Option<String>,
    pwd: Option<String>,
    fingerprint: Option<Fingerprint>,
    lite: bool,
    candidates: Vec<Candidate>,
    sections: Vec<Section>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), SdpError> {
        if let Some(media) = line.strip_prefix("m=") {
            return self.begin(media);
        }
        let Some(attribute) = line.strip_prefix("a=") else {
            return Ok(());
        };
        let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
        match name {
            "ice-ufrag" => _ = self.ufrag.get_or_insert_with(|| value.to_owned()),
            "ice-pwd" => _ = self.pwd.get_or_insert_with(|| value.to_owned()),
            "ice-lite" => self.lite = true,
            "fingerprint" => {
                let sha256 = value.split_once(' ');
                let sha256 = sha256.filter(|(hash, _)| hash.eq_ignore_ascii_case("sha-256"));
                let parsed = sha256.and_then(|(_, digest)| digest.trim().parse().ok());
                self.fingerprint = self.fingerprint.or(parsed);
            }
            "candidate" => {
                let candidate = parse_candidate(attribute);
                let candidate = candidate.filter(|new| !self.candidates.contains(new));
                self.candidates.extend(candidate);
            }
            _ => {
                if let Some(section) = self.sections.last_mut() {
                    section.attribute(name, value)?;
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, media: &str) -> Result<(), SdpError> {
        let mut words = media.split_ascii_whitespace();
        let (kind, port) = (words.next(), words.next());
        let kind = match kind {
            Some("audio") => SectionKind::Media(MediaKind::Audio),
            Some("video") => SectionKind::Media(MediaKind::Video),
            Some("application") => SectionKind::Data,
            Some(_) | None => return Err(SdpError::MalformedSection),
        };
        let numbers = words.skip(1).filter_map(|word| word.parse().ok());
        let formats = numbers.take(MAX_OF_SECTION).map(|number| Format {
            payload_type: PayloadType(number),
            rtpmap: String::new(),
            fmtp: None,
            feedback: Vec::new(),
        });
        if self.sections.len() == MAX_SECTIONS {
            return Err(SdpError::TooLong);
        }
        self.sections.push(Section {
            kind,
            mid: String::new(),
            rejected: port == Some("0"),
            direction: Direction::SendRecv,
            formats: formats.collect(),
            extensions: ExtensionMap::default(),
            streams: Vec::new(),
        });
        Ok(())
    }
}

impl Section {
    fn attribute(&mut self, name: &str, value: &str) -> Result<(), SdpError> {
        match name {
            "mid" => value.trim().clone_into(&mut self.mid),
            "sendonly" => self.direction = Direction::SendOnly,
            "recvonly" => self.direction = Direction::RecvOnly,
            "sendrecv" => self.direction = Direction::SendRecv,
            "inactive" => self.direction = Direction::Inactive,
            "extmap" => self.extension(value),
            "rtpmap" => {
                if let Some((format, text)) = self.format(value) {
                    text.clone_into(&mut format.rtpmap);
                }
            }
            "fmtp" => {
                if let Some((format, text)) = self.format(value) {
                    format.fmtp = Some(text.to_owned());
                }
            }
            "rtcp-fb" => {
                if let Some((format, text)) = self.format(value) {
                    format.feedback.push(text.to_owned());
                }
            }
            "ssrc" => self.stream(value),
            "ssrc-group" => self.group(value),
            _ => {}
        }
        if self.streams.len() > MAX_OF_SECTION {
            return Err(SdpError::TooLong);
        }
        Ok(())
    }

    fn format<'a>(&mut self, value: &'a str) -> Option<(&mut Format, &'a str)> {
        let (number, text) = value.split_once(' ')?;
        let number = PayloadType(number.parse().ok()?);
        let mut formats = self.formats.iter_mut();
        let format = formats.find(|format| format.payload_type == number)?;
        Some((format, text.trim()))
    }

    fn extension(&mut self, value: &str) {
        let mut words = value.split_ascii_whitespace();
        let id = words
            .next()
            .and_then(|id| id.split('/').next()?.parse().ok());
        let extension = words.next().and_then(Extension::from_uri);
        if let Some((id, extension)) = id.zip(extension) {
            self.extensions.set(extension, ExtensionId(id));
        }
    }

    fn stream(&mut self, value: &str) {
        let ssrc = value.split(' ').next().and_then(|ssrc| ssrc.parse().ok());
        let Some(ssrc) = ssrc.map(Ssrc) else {
            return;
        };
        let mut streams = self.streams.iter();
        if !streams.any(|(known, rtx)| *known == ssrc || *rtx == Some(ssrc)) {
            self.streams.push((ssrc, None));
        }
    }

    fn group(&mut self, value: &str) {
        let mut words = value.split_ascii_whitespace();
        if words.next() != Some("FID") {
            return;
        }
        let mut ssrc = || words.next()?.parse().ok().map(Ssrc);
        let (Some(primary), Some(rtx)) = (ssrc(), ssrc()) else {
            return;
        };
        self.streams.retain(|(known, _)| *known != rtx);
        let mut streams = self.streams.iter_mut();
        match streams.find(|(known, _)| *known == primary) {
            Some(stream) => stream.1 = Some(rtx),
            None => self.streams.push((primary, Some(rtx))),
        }
    }
}
