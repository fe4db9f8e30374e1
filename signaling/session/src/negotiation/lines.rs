//! A description cut into lines.

use super::SdpError;
use crate::limits::{MAX_SDP_BYTES, MAX_SDP_LINE_BYTES, MAX_SDP_SECTIONS};

/// A description cut into lines: nothing is interpreted but which section a line belongs to.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    /// The part before the first `m=` line.
    pub(super) session: Attributes<'a>,
    /// One for each `m=` line.
    pub(super) sections: Vec<SectionLines<'a>>,
}

/// An `m=` line and the attributes below it.
#[derive(Debug)]
pub(super) struct SectionLines<'a> {
    /// The number of the `m=` line, from 1.
    pub(super) number: usize,
    pub(super) media: &'a str,
    pub(super) port: u16,
    pub(super) protocol: &'a str,
    /// The rest of the line, as it is.
    pub(super) formats: &'a str,
    pub(super) attributes: Attributes<'a>,
}

/// The `a=` lines of one level.
#[derive(Debug, Default)]
pub(super) struct Attributes<'a>(Vec<Attribute<'a>>);

/// `a=<key>` or `a=<key>:<value>`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute<'a> {
    /// The line's number, from 1.
    pub(super) number: usize,
    pub(super) key: &'a str,
    /// Empty for a property.
    pub(super) value: &'a str,
}

impl Attribute<'_> {
    pub(super) fn malformed(&self, reason: &'static str) -> SdpError {
        SdpError::Malformed {
            line: self.number,
            reason,
        }
    }
}

impl<'a> Attributes<'a> {
    pub(super) fn iter(&self) -> impl Iterator<Item = Attribute<'a>> + '_ {
        self.0.iter().copied()
    }

    pub(super) fn all(&self, key: &'static str) -> impl Iterator<Item = Attribute<'a>> + '_ {
        self.iter().filter(move |attribute| attribute.key == key)
    }

    pub(super) fn first(&self, key: &'static str) -> Option<Attribute<'a>> {
        self.all(key).next()
    }
}

impl<'a> Lines<'a> {
    /// Cuts `text`.
    ///
    /// # Errors
    ///
    /// Fails when a bound is exceeded, a line is not `<letter>=<value>` or has control characters
    /// (they could end a line of what is written from it), or an `m=` line lacks a word.
    pub(super) fn cut(text: &'a str) -> Result<Self, SdpError> {
        check_limit("bytes", text.len(), MAX_SDP_BYTES)?;
        let mut session = Attributes::default();
        let mut sections: Vec<SectionLines<'a>> = Vec::new();
        for (index, line) in text.split('\n').enumerate() {
            let number = index + 1;
            let line = line.strip_suffix('\r').unwrap_or(line);
            if line.is_empty() {
                continue;
            }
            let (kind, value) = split_line(number, line)?;
            if kind == b'm' {
                check_limit("media sections", sections.len() + 1, MAX_SDP_SECTIONS)?;
                sections.push(SectionLines::of(number, value)?);
            } else if kind == b'a' {
                let attributes = match sections.last_mut() {
                    Some(section) => &mut section.attributes,
                    None => &mut session,
                };
                let (key, value) = value.split_once(':').unwrap_or((value, ""));
                attributes.0.push(Attribute { number, key, value });
            }
        }
        Ok(Self { session, sections })
    }
}

impl<'a> SectionLines<'a> {
    /// Reads `<media> <port>[/<number>] <protocol> <formats>`.
    fn of(number: usize, value: &'a str) -> Result<Self, SdpError> {
        let malformed = |reason| SdpError::Malformed {
            line: number,
            reason,
        };
        let mut words = value.splitn(4, ' ');
        let (Some(media), Some(port), Some(protocol), Some(formats)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(malformed("m= needs media, port, protocol and formats"));
        };
        let port = port.split('/').next().unwrap_or(port);
        let port = port.parse().map_err(|_| malformed("m= needs a port"))?;
        Ok(Self {
            number,
            media,
            port,
            protocol,
            formats,
            attributes: Attributes::default(),
        })
    }
}

fn split_line(number: usize, line: &str) -> Result<(u8, &str), SdpError> {
    check_limit("bytes of a line", line.len(), MAX_SDP_LINE_BYTES)?;
    let malformed = |reason| SdpError::Malformed {
        line: number,
        reason,
    };
    if has_control(line) {
        return Err(malformed("control characters are not allowed"));
    }
    match line.as_bytes() {
        [letter, b'=', ..] => Ok((*letter, line.get(2..).unwrap_or_default())),
        _ => Err(malformed("a line is a letter, = and a value")),
    }
}

fn has_control(line: &str) -> bool {
    if !line.is_ascii() {
        return line.chars().any(char::is_control);
    }
    // Without a way out early, so that many bytes are looked at at a time.
    let bytes = line.bytes();
    bytes.fold(false, |found, byte| found | byte.is_ascii_control())
}

/// Fails when there is more than `limit` of `what`.
pub(super) fn check_limit(what: &'static str, amount: usize, limit: usize) -> Result<(), SdpError> {
    if amount > limit {
        return Err(SdpError::TooLarge { what, limit });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_belong_to_the_section_above_them() {
        let text = "v=0\r\na=ice-lite\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=mid:0\r\n";
        let lines = Lines::cut(text).unwrap();
        assert!(lines.session.first("ice-lite").is_some());
        let section = &lines.sections[0];
        assert_eq!((section.port, section.formats), (9, "111 63"));
        assert_eq!(section.attributes.first("mid").unwrap().value, "0");
    }

    #[test]
    fn a_bare_carriage_return_is_refused() {
        let error = Lines::cut("v=0\r\na=fmtp:1 x\ra=b\r\n").unwrap_err();
        assert!(matches!(error, SdpError::Malformed { line: 2, .. }));
    }

    #[test]
    fn more_sections_than_the_limit_are_refused() {
        let text = "m=audio 0 x 0\n".repeat(MAX_SDP_SECTIONS + 1);
        assert!(matches!(
            Lines::cut(&text),
            Err(SdpError::TooLarge {
                limit: MAX_SDP_SECTIONS,
                ..
            })
        ));
    }
}
