//! The part of [`Description::parse`](super::description::Description::parse) that reads what is
//! said of audio and video.

use std::collections::BTreeMap;

use sfu_model::{Extension, ExtensionId, ExtensionMap, MediaKind, PayloadType, Rid, Ssrc, Token};

use super::SdpError;
use super::codecs;
use super::description::{Direction, EncodingSize, Media, Msid, Stream};
use super::lines::{Attribute, Attributes, SectionLines, check_limit};
use super::payload::{Feedback, Format, Payload, parameter};
use crate::limits::MAX_FORMAT_PARAMETERS_BYTES;

/// Most payload types: all there are.
const MAX_PAYLOADS: usize = 128;
/// Most SSRCs. Three simulcast layers with retransmissions are six.
const MAX_SSRCS: usize = 64;
/// Most rids.
const MAX_RIDS: usize = 16;
/// `max-fs` counts macroblocks of 16 by 16.
const PIXELS_OF_MACROBLOCK: u64 = 256;

pub(super) fn parse(
    raw: &SectionLines<'_>,
    kind: MediaKind,
    direction: Direction,
) -> Result<Media, SdpError> {
    let sources = Sources::parse(&raw.attributes)?;
    Ok(Media {
        kind,
        direction,
        payloads: parse_payloads(raw, kind)?,
        extensions: parse_extensions(&raw.attributes)?,
        simulcast: parse_simulcast(&raw.attributes)?,
        sizes: parse_sizes(&raw.attributes),
        msid: match raw.attributes.first("msid") {
            Some(attribute) => parse_msid(attribute.value),
            None => sources.msid.clone(),
        },
        streams: sources.streams(),
    })
}

/// What the attributes say of one payload type.
struct Said<'a> {
    payload_type: PayloadType,
    rtpmap: Option<&'a str>,
    fmtp: Option<&'a str>,
    feedback: Vec<Feedback>,
}

impl Said<'_> {
    fn nothing(payload_type: PayloadType) -> Self {
        Self {
            payload_type,
            rtpmap: None,
            fmtp: None,
            feedback: Vec::new(),
        }
    }

    fn add(&mut self, feedback: Feedback) {
        if !self.feedback.contains(&feedback) {
            self.feedback.push(feedback);
        }
    }
}

fn parse_payloads(raw: &SectionLines<'_>, kind: MediaKind) -> Result<Vec<Payload>, SdpError> {
    // In the order of the `m=` line.
    let mut said: Vec<Said<'_>> = Vec::new();
    for format in raw.formats.split_ascii_whitespace() {
        check_limit("payload types", said.len() + 1, MAX_PAYLOADS)?;
        let payload_type = parse_payload_type(format).ok_or(SdpError::Malformed {
            line: raw.number,
            reason: "a payload type is 0 to 127",
        })?;
        if find(&mut said, payload_type).is_none() {
            said.push(Said::nothing(payload_type));
        }
    }
    for attribute in raw.attributes.iter() {
        note_payload(attribute, &mut said);
    }
    let payloads = said.into_iter();
    Ok(payloads
        .filter_map(|said| build_payload(said, kind))
        .collect())
}

fn find<'s, 'a>(said: &'s mut [Said<'a>], payload_type: PayloadType) -> Option<&'s mut Said<'a>> {
    said.iter_mut()
        .find(|said| said.payload_type == payload_type)
}

fn parse_payload_type(text: &str) -> Option<PayloadType> {
    let number: u8 = text.parse().ok()?;
    (number < 128).then_some(PayloadType(number))
}

/// Adds `a=rtpmap`, `a=fmtp` and `a=rtcp-fb` to the payload type that they name, if the `m=` line
/// has it.
fn note_payload<'a>(attribute: Attribute<'a>, said: &mut [Said<'a>]) {
    let Some((target, value)) = attribute.value.split_once(' ') else {
        return;
    };
    let value = value.trim();
    match attribute.key {
        "rtpmap" => note(target, said, |said| said.rtpmap = Some(value)),
        "fmtp" => note(target, said, |said| said.fmtp = Some(value)),
        "rtcp-fb" => match (Feedback::from_name(value), target) {
            (None, _) => {}
            (Some(feedback), "*") => said.iter_mut().for_each(|said| said.add(feedback)),
            (Some(feedback), _) => note(target, said, |said| said.add(feedback)),
        },
        _ => {}
    }
}

fn note<'a>(target: &str, said: &mut [Said<'a>], note: impl FnOnce(&mut Said<'a>)) {
    if let Some(said) = parse_payload_type(target).and_then(|named| find(said, named)) {
        note(said);
    }
}

fn build_payload(said: Said<'_>, kind: MediaKind) -> Option<Payload> {
    if said
        .fmtp
        .is_some_and(|fmtp| fmtp.len() > MAX_FORMAT_PARAMETERS_BYTES)
    {
        return None;
    }
    let payload_type = said.payload_type;
    let is_named = |format: &str| {
        said.rtpmap.is_some_and(|rtpmap| {
            let name = rtpmap.split('/').next().unwrap_or(rtpmap);
            name.eq_ignore_ascii_case(format)
        })
    };
    let is_rtx = is_named("rtx");
    let format = if is_named("flexfec-03") && kind == MediaKind::Video {
        Format::FlexFec
    } else if is_rtx {
        let of = said.fmtp.and_then(|fmtp| parameter(fmtp, "apt"));
        Format::Rtx {
            of: of.and_then(parse_payload_type)?,
        }
    } else {
        let codec = match said.rtpmap {
            Some(rtpmap) => codecs::codec_of_rtpmap(rtpmap, kind)?,
            None => codecs::static_codec(payload_type).filter(|codec| codec.kind() == kind)?,
        };
        if !codecs::is_known_profile(codec, said.fmtp) {
            return None;
        }
        Format::Codec(codec)
    };
    Some(Payload {
        payload_type,
        format,
        fmtp: said.fmtp.filter(|_| !is_rtx).map(str::to_owned),
        feedback: said.feedback,
    })
}

/// Reads `a=extmap:<id>[/<direction>] <uri>`. Identifiers are `1..=14` and `16..=255` (RFC 8285
/// sections 4.2 and 4.3); one that is taken stays with its first extension.
fn parse_extensions(attributes: &Attributes<'_>) -> Result<ExtensionMap, SdpError> {
    let mut map = ExtensionMap::default();
    for attribute in attributes.all("extmap") {
        let mut words = attribute.value.split_ascii_whitespace();
        let (Some(id), Some(uri)) = (words.next(), words.next()) else {
            return Err(attribute.malformed("a=extmap is an identifier and a URI"));
        };
        let Some(extension) = Extension::from_uri(uri) else {
            continue;
        };
        let id = id.split('/').next().and_then(|id| id.parse().ok());
        let id = id.filter(|id| !matches!(id, 0 | 15)).map(ExtensionId);
        if let Some(id) = id
            && map.id(extension).is_none()
            && map.extension(id).is_none()
        {
            map.set(extension, id);
        }
    }
    Ok(map)
}

/// Reads the rids that the client sends: of `a=simulcast:send q;h;f`, or of its `a=rid` lines if
/// there is no such attribute. Of alternatives (`a,b`) the first is taken.
fn parse_simulcast(attributes: &Attributes<'_>) -> Result<Vec<Rid>, SdpError> {
    let mut rids = Vec::new();
    let mut push = |attribute: &Attribute<'_>, rid: &str| -> Result<(), SdpError> {
        let token = Token::new(rid.as_bytes());
        let rid = Rid(token.map_err(|_| attribute.malformed("a rid has at most 16 bytes"))?);
        check_limit("rids", rids.len() + 1, MAX_RIDS)?;
        if !rid.0.as_bytes().is_empty() && !rids.contains(&rid) {
            rids.push(rid);
        }
        Ok(())
    };
    if let Some(attribute) = attributes.first("simulcast") {
        let mut words = attribute.value.split_ascii_whitespace();
        let sent = words
            .find(|word| *word == "send")
            .and_then(|_| words.next());
        for alternatives in sent.unwrap_or_default().split(';') {
            let first = alternatives.split(',').next().unwrap_or(alternatives);
            let first = first.strip_prefix("rid=").unwrap_or(first);
            push(&attribute, first.strip_prefix('~').unwrap_or(first))?;
        }
        return Ok(rids);
    }
    for attribute in attributes.all("rid") {
        let mut words = attribute.value.split_ascii_whitespace();
        if let (Some(rid), Some("send")) = (words.next(), words.next()) {
            push(&attribute, rid)?;
        }
    }
    Ok(rids)
}

/// Reads what `a=rid:<rid> send <restrictions>` restricts the client's own encodings to. What cannot be read is as if it
/// were not there.
fn parse_sizes(attributes: &Attributes<'_>) -> Vec<(Rid, EncodingSize)> {
    let size = |attribute: Attribute<'_>| {
        let mut words = attribute.value.splitn(3, ' ');
        let rid = Rid(Token::new(words.next()?.as_bytes()).ok()?);
        let restrictions = words
            .next()
            .filter(|word| *word == "send")
            .and_then(|_| words.next())?;
        let get = |key| parameter(restrictions, key)?.parse::<u64>().ok();
        let picture = get("max-width").zip(get("max-height"));
        let picture = picture.map(|(width, height)| width.saturating_mul(height));
        let macroblocks = get("max-fs").map(|blocks| blocks.saturating_mul(PIXELS_OF_MACROBLOCK));
        let size = EncodingSize {
            pixels: picture.or(macroblocks),
            bitrate: get("max-br"),
        };
        Some((rid, size))
    };
    let rids = attributes.all("rid").take(MAX_RIDS);
    rids.filter_map(size).collect()
}

fn parse_msid(value: &str) -> Option<Msid> {
    let mut words = value.split_ascii_whitespace();
    Some(Msid {
        stream: words.next()?.to_owned(),
        track: words.next().map(str::to_owned),
    })
}

/// What `a=ssrc` and `a=ssrc-group` say.
#[derive(Default)]
struct Sources {
    /// In the order of their first mention.
    ssrcs: Vec<Ssrc>,
    /// `FID`: retransmissions by what they retransmit.
    rtx: BTreeMap<Ssrc, Ssrc>,
    /// `FEC-FR`: what repairs a stream, by the stream.
    flexfec: BTreeMap<Ssrc, Ssrc>,
    /// `SIM`: simulcast layers, lowest first.
    simulcast: Vec<Ssrc>,
    cnames: BTreeMap<Ssrc, String>,
    /// `a=ssrc:… msid:…`, from before `a=msid`.
    msid: Option<Msid>,
}

impl Sources {
    fn parse(attributes: &Attributes<'_>) -> Result<Self, SdpError> {
        let mut sources = Self::default();
        for attribute in attributes.all("ssrc") {
            sources.note(attribute)?;
        }
        for attribute in attributes.all("ssrc-group") {
            sources.note_group(attribute)?;
        }
        Ok(sources)
    }

    fn note(&mut self, attribute: Attribute<'_>) -> Result<(), SdpError> {
        let mut words = attribute.value.splitn(2, ' ');
        let ssrc = words.next().and_then(|ssrc| ssrc.parse().ok()).map(Ssrc);
        let ssrc = ssrc.ok_or_else(|| attribute.malformed("an SSRC is a 32-bit number"))?;
        if !self.ssrcs.contains(&ssrc) {
            check_limit("SSRCs of a section", self.ssrcs.len() + 1, MAX_SSRCS)?;
            self.ssrcs.push(ssrc);
        }
        match words.next().and_then(|words| words.split_once(':')) {
            Some(("cname", cname)) => {
                self.cnames.insert(ssrc, cname.trim().to_owned());
            }
            Some(("msid", msid)) if self.msid.is_none() => self.msid = parse_msid(msid),
            Some(_) | None => {}
        }
        Ok(())
    }

    fn note_group(&mut self, attribute: Attribute<'_>) -> Result<(), SdpError> {
        let mut words = attribute.value.split_ascii_whitespace();
        let semantics = words.next().unwrap_or_default();
        let members: Option<Vec<Ssrc>> = words
            .take(MAX_SSRCS)
            .map(|ssrc| ssrc.parse().ok().map(Ssrc))
            .collect();
        let members = members.ok_or_else(|| attribute.malformed("an SSRC is a 32-bit number"))?;
        match (semantics, members.as_slice()) {
            ("FID", [primary, rtx]) if self.rtx.len() < MAX_SSRCS && primary != rtx => {
                self.rtx.insert(*primary, *rtx);
            }
            ("FEC-FR", [primary, repair])
                if self.flexfec.len() < MAX_SSRCS && primary != repair =>
            {
                self.flexfec.insert(*primary, *repair);
            }
            ("SIM", [_, ..]) => self.simulcast = members,
            _ => {}
        }
        Ok(())
    }

    /// Returns what is sent: the layers of `SIM`, or everything that neither retransmits nor repairs another.
    fn streams(self) -> Vec<Stream> {
        let primaries = if self.simulcast.is_empty() {
            let serves = |ssrc: &Ssrc| {
                let mut serving = self.rtx.values().chain(self.flexfec.values());
                serving.any(|other| other == ssrc)
            };
            let mut ssrcs = self.ssrcs;
            ssrcs.retain(|ssrc| !serves(ssrc));
            ssrcs
        } else {
            self.simulcast
        };
        let streams = primaries.into_iter().map(|ssrc| Stream {
            ssrc,
            rtx: self.rtx.get(&ssrc).copied(),
            flexfec: self.flexfec.get(&ssrc).copied(),
            cname: self.cnames.get(&ssrc).cloned().unwrap_or_default(),
        });
        streams.collect()
    }
}
