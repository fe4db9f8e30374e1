//! Reading a client's description: its sections, and the transport that they share.

use std::collections::BTreeSet;

use sfu_model::{Fingerprint, IceCredentials, MediaKind, Mid, Token};

use super::SdpError;
use super::description::{
    Content, Description, Direction, MediaLine, Section, Setup, TransportDescription,
};
use super::lines::{Attributes, Lines, SectionLines};
use super::parse_media;

/// Most bytes of `a=ice-ufrag` and `a=ice-pwd` (RFC 8839 section 5.4).
const MAX_CREDENTIAL: usize = 256;

impl Description {
    /// Parses a client's description.
    ///
    /// What is not understood is ignored; a section that cannot be served reads as rejected.
    ///
    /// # Errors
    ///
    /// Fails when a bound is exceeded, when what is understood breaks its grammar, or when no
    /// section can be served.
    pub(super) fn parse(text: &str) -> Result<Self, SdpError> {
        let lines = Lines::cut(text)?;
        let bundle = Bundle::of(&lines);
        let mut mids = BTreeSet::new();
        let mut sections = Vec::with_capacity(lines.sections.len());
        let direction = parse_direction(&lines.session).unwrap_or(Direction::SendRecv);
        for raw in &lines.sections {
            let section = parse_section(raw, direction, &bundle)?;
            if section.mid.is_some_and(|mid| !mids.insert(mid)) {
                return Err(SdpError::SectionsChanged("two share a mid"));
            }
            sections.push(section);
        }
        let tagged = bundle.tagged(&lines, &sections);
        let tagged = tagged.ok_or(SdpError::Missing("media section that can be served"))?;
        Ok(Self {
            transport: parse_transport(&tagged.attributes, &lines.session)?,
            mixed_extensions: lines.session.first("extmap-allow-mixed").is_some()
                || tagged.attributes.first("extmap-allow-mixed").is_some(),
            sections,
        })
    }
}

/// Which sections share the transport (RFC 9143).
enum Bundle<'a> {
    /// Those of the first `a=group:BUNDLE`, in its order.
    Group(Vec<&'a str>, BTreeSet<&'a str>),
    /// There is no group: the first section that is not rejected has the transport for itself.
    Alone(Option<usize>),
}

impl<'a> Bundle<'a> {
    fn of(lines: &Lines<'a>) -> Self {
        let group = lines
            .session
            .all("group")
            .find_map(|group| group.value.strip_prefix("BUNDLE"));
        if let Some(group) = group {
            let mids: Vec<&str> = group.split_ascii_whitespace().collect();
            let set = mids.iter().copied().collect();
            return Self::Group(mids, set);
        }
        let first = lines.sections.iter().find(|section| section.port != 0);
        Self::Alone(first.map(|section| section.number))
    }

    fn contains(&self, section: &SectionLines<'_>) -> bool {
        match self {
            Self::Group(_, mids) => section
                .attributes
                .first("mid")
                .is_some_and(|mid| mids.contains(mid.value)),
            Self::Alone(number) => *number == Some(section.number),
        }
    }

    /// Returns the section whose transport attributes count: the first of the group that is not
    /// rejected.
    fn tagged<'l>(
        &self,
        lines: &'l Lines<'a>,
        sections: &[Section],
    ) -> Option<&'l SectionLines<'a>> {
        let served = || {
            lines
                .sections
                .iter()
                .zip(sections)
                .filter(|(_, section)| section.content != Content::Rejected)
                .map(|(raw, _)| raw)
        };
        match self {
            Self::Group(mids, _) => {
                let first = mids.first().copied();
                let is_first = |raw: &&SectionLines<'_>| {
                    raw.attributes.first("mid").map(|mid| mid.value) == first
                };
                served().find(is_first).or_else(|| served().next())
            }
            Self::Alone(_) => served().next(),
        }
    }
}

fn parse_section(
    raw: &SectionLines<'_>,
    default: Direction,
    bundle: &Bundle<'_>,
) -> Result<Section, SdpError> {
    let mid = match raw.attributes.first("mid") {
        Some(attribute) => {
            let token = Token::new(attribute.value.as_bytes());
            let token = token.map_err(|_| attribute.malformed("a mid has at most 16 bytes"))?;
            Some(Mid(token))
        }
        None => None,
    };
    let content = parse_content(raw, default, bundle)?;
    if mid.is_none_or(|mid| mid.0.as_bytes().is_empty()) && content != Content::Rejected {
        return Err(SdpError::Missing("a=mid in a media section"));
    }
    Ok(Section {
        mid,
        line: MediaLine {
            media: raw.media.to_owned(),
            protocol: raw.protocol.to_owned(),
            formats: raw.formats.to_owned(),
        },
        content,
    })
}

fn parse_content(
    raw: &SectionLines<'_>,
    default: Direction,
    bundle: &Bundle<'_>,
) -> Result<Content, SdpError> {
    let has = |key| raw.attributes.first(key).is_some();
    let rejected = raw.port == 0 && !has("bundle-only");
    if rejected || !bundle.contains(raw) {
        return Ok(Content::Rejected);
    }
    let kind = match raw.media {
        "audio" => MediaKind::Audio,
        "video" => MediaKind::Video,
        "application" if is_data_channels(raw) => return Ok(Content::DataChannels),
        _ => return Ok(Content::Rejected),
    };
    if !raw.protocol.ends_with("RTP/SAVPF") || !has("rtcp-mux") {
        return Ok(Content::Rejected);
    }
    let direction = parse_direction(&raw.attributes).unwrap_or(default);
    let media = parse_media::parse(raw, kind, direction)?;
    Ok(Content::Media(media))
}

fn is_data_channels(raw: &SectionLines<'_>) -> bool {
    raw.protocol.ends_with("DTLS/SCTP") && raw.formats.trim() == "webrtc-datachannel"
}

fn parse_direction(attributes: &Attributes<'_>) -> Option<Direction> {
    attributes
        .iter()
        .find_map(|attribute| Direction::from_name(attribute.key))
}

fn parse_transport(
    section: &Attributes<'_>,
    session: &Attributes<'_>,
) -> Result<TransportDescription, SdpError> {
    let credential = |key, name| {
        let found = section.first(key).or_else(|| session.first(key));
        let attribute = found.ok_or(SdpError::Missing(name))?;
        let graphic = attribute.value.bytes().all(|byte| byte.is_ascii_graphic());
        if attribute.value.is_empty() || attribute.value.len() > MAX_CREDENTIAL || !graphic {
            return Err(attribute.malformed("ICE credentials are 1 to 256 characters"));
        }
        Ok(attribute.value.to_owned())
    };
    let fingerprint = parse_fingerprint(section)?;
    let fingerprint = match fingerprint {
        Some(fingerprint) => fingerprint,
        None => parse_fingerprint(session)?.ok_or(SdpError::Missing("a=fingerprint:sha-256"))?,
    };
    let setup = section.first("setup").or_else(|| session.first("setup"));
    let setup = match setup {
        Some(attribute) => match attribute.value {
            "actpass" => Setup::ActPass,
            "active" => Setup::Active,
            "passive" => Setup::Passive,
            _ => return Err(attribute.malformed("a=setup is actpass, active or passive")),
        },
        None => return Err(SdpError::Missing("a=setup")),
    };
    Ok(TransportDescription {
        ice: IceCredentials {
            ufrag: credential("ice-ufrag", "a=ice-ufrag")?,
            pwd: credential("ice-pwd", "a=ice-pwd")?,
        },
        fingerprint,
        setup,
    })
}

/// Returns the first SHA-256 fingerprint; others are of hashes that we do not compute.
fn parse_fingerprint(attributes: &Attributes<'_>) -> Result<Option<Fingerprint>, SdpError> {
    for attribute in attributes.all("fingerprint") {
        let (hash, value) = attribute
            .value
            .split_once(' ')
            .ok_or_else(|| attribute.malformed("a=fingerprint is a hash and its value"))?;
        if hash.eq_ignore_ascii_case("sha-256") {
            let fingerprint = value.trim().parse();
            return fingerprint
                .map(Some)
                .map_err(|_| attribute.malformed("a SHA-256 fingerprint has 32 bytes"));
        }
    }
    Ok(None)
}
