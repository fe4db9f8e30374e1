//! A payload type, its format, its parameters and its feedback.

use sfu_model::{Codec, PayloadType};

/// A payload type of a section (RFC 8866 section 6.6) and all that is said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Payload {
    pub(super) payload_type: PayloadType,
    pub(super) format: Format,
    /// `a=fmtp`, without the payload type. Retransmissions keep theirs in their format.
    pub(super) fmtp: Option<String>,
    /// `a=rtcp-fb`.
    pub(super) feedback: Vec<Feedback>,
}

/// What a payload type stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// A codec.
    Codec(Codec),
    /// Retransmissions of another payload type (RFC 4588).
    Rtx {
        /// `apt`.
        of: PayloadType,
    },
    /// Packets that repair lost ones (draft-ietf-payload-flexible-fec-scheme-03).
    FlexFec,
}

/// Feedback that a receiver may give (RFC 4585, RFC 5104, and Google's).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Feedback {
    TransportCc,
    GoogRemb,
    CcmFir,
    Nack,
    NackPli,
}

impl Feedback {
    const ALL: [Self; 5] = [
        Self::TransportCc,
        Self::GoogRemb,
        Self::CcmFir,
        Self::Nack,
        Self::NackPli,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::TransportCc => "transport-cc",
            Self::GoogRemb => "goog-remb",
            Self::CcmFir => "ccm fir",
            Self::Nack => "nack",
            Self::NackPli => "nack pli",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|feedback| feedback.name().eq_ignore_ascii_case(name))
    }
}

impl Payload {
    /// Returns the codec, unless these are retransmissions or repairs.
    pub(super) fn codec(&self) -> Option<Codec> {
        match self.format {
            Format::Codec(codec) => Some(codec),
            Format::Rtx { .. } | Format::FlexFec => None,
        }
    }

    pub(super) fn has(&self, feedback: Feedback) -> bool {
        self.feedback.contains(&feedback)
    }
}

/// Returns the payload type that retransmits `payload_type`.
pub(super) fn rtx_of(payloads: &[Payload], payload_type: PayloadType) -> Option<PayloadType> {
    payloads
        .iter()
        .find(|payload| payload.format == Format::Rtx { of: payload_type })
        .map(|payload| payload.payload_type)
}

/// Returns the payload that repairs lost packets, of whatever codec.
pub(super) fn flexfec_of(payloads: &[Payload]) -> Option<&Payload> {
    let mut payloads = payloads.iter();
    payloads.find(|payload| payload.format == Format::FlexFec)
}

/// Returns the value of `key` in the parameters of `a=fmtp` (`a=1;b=2`, keys in any case).
pub(super) fn parameter<'a>(fmtp: &'a str, key: &str) -> Option<&'a str> {
    fmtp.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case(key)
            .then_some(value.trim())
    })
}

/// Returns the parameters without those of `keys`.
pub(super) fn without_parameters(fmtp: &str, keys: &[&str]) -> String {
    let kept = fmtp.split(';').map(str::trim).filter(|pair| {
        let name = pair.split_once('=').map_or(*pair, |(name, _)| name).trim();
        !name.is_empty() && !keys.iter().any(|key| name.eq_ignore_ascii_case(key))
    });
    kept.collect::<Vec<_>>().join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_found_whole_and_in_any_case() {
        let fmtp = "minptime=10; sprop-stereo=1;USEDTX=1";
        assert_eq!(parameter(fmtp, "stereo"), None);
        assert_eq!(parameter(fmtp, "usedtx"), Some("1"));
    }

    #[test]
    fn removed_parameters_leave_the_others_in_order() {
        let fmtp = "minptime=10;stereo=1;useinbandfec=1;;usedtx=1";
        assert_eq!(
            without_parameters(fmtp, &["stereo", "usedtx"]),
            "minptime=10;useinbandfec=1"
        );
    }
}
