//! ICE candidates as they travel in signalling.

use serde::{Deserialize, Serialize};

use crate::limits::MAX_CANDIDATE_BYTES;

/// An ICE candidate as browsers hand it around: the JSON form of W3C's `RTCIceCandidateInit`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CandidateInit {
    /// The `candidate:` line of RFC 8839 section 5.1. Empty: there are no more.
    pub candidate: String,
    /// The m-section that the candidate belongs to, by its mid. Always written: the Rust client
    /// cannot take a message without it.
    pub sdp_mid: String,
    /// The same by its position. Always written, for the same reason.
    pub sdp_m_line_index: u16,
    /// The user name fragment of the candidate's ICE generation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username_fragment: Option<String>,
}

/// Says why a `TrickleRequest` holds no candidate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCandidate {
    /// It is longer than [`MAX_CANDIDATE_BYTES`].
    #[error("candidate exceeds {MAX_CANDIDATE_BYTES} bytes")]
    TooLarge,
    /// It is no JSON object of this kind.
    #[error("candidate cannot be decoded: {0}")]
    Malformed(String),
}

impl CandidateInit {
    /// Names a candidate of the bundled transport, which is that of the first m-section.
    pub fn bundled(candidate: String, username_fragment: Option<String>) -> Self {
        Self {
            candidate,
            sdp_mid: "0".to_owned(),
            sdp_m_line_index: 0,
            username_fragment,
        }
    }

    /// Reads `TrickleRequest.candidate_init`. What is absent or `null` is empty or zero.
    ///
    /// # Errors
    ///
    /// See [`InvalidCandidate`].
    pub fn read(json: &str) -> Result<Self, InvalidCandidate> {
        if json.len() > MAX_CANDIDATE_BYTES {
            return Err(InvalidCandidate::TooLarge);
        }
        crate::decode_json(json.as_bytes())
            .map_err(|error| InvalidCandidate::Malformed(error.to_string()))
    }

    /// Writes `TrickleRequest.candidate_init`.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers always have a JSON form")
    }

    /// Reports whether this says that there are no more candidates.
    pub fn is_end(&self) -> bool {
        self.candidate.is_empty()
    }

    /// Reports whether the address is a name that only the sender's own network knows (RFC 8828):
    /// such a candidate is of no use to a server.
    pub fn is_mdns(&self) -> bool {
        self.candidate
            .split_ascii_whitespace()
            .nth(4)
            .is_some_and(|address| address.ends_with(".local"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host";

    #[test]
    fn what_is_written_always_has_mid_and_index() {
        let json = CandidateInit::bundled(HOST.to_owned(), None).to_json();
        assert_eq!(
            json,
            format!(r#"{{"candidate":"{HOST}","sdpMid":"0","sdpMLineIndex":0}}"#)
        );
    }

    #[test]
    fn a_browsers_candidate_is_read() {
        let json = format!(
            r#"{{"candidate":"{HOST}","sdpMid":"1","sdpMLineIndex":1,"usernameFragment":"abcd"}}"#
        );
        let read = CandidateInit::read(&json).unwrap();
        assert_eq!(read.candidate, HOST);
        assert_eq!(read.sdp_m_line_index, 1);
        assert_eq!(read.username_fragment.as_deref(), Some("abcd"));
    }

    #[test]
    fn null_members_are_empty() {
        let json = r#"{"candidate":"","sdpMid":null,"sdpMLineIndex":null}"#;
        assert!(CandidateInit::read(json).unwrap().is_end());
    }

    #[test]
    fn a_name_of_the_local_network_is_recognised() {
        let json = r#"{"candidate":"candidate:1 1 udp 1 3d8b.local 9 typ host","sdpMid":"0"}"#;
        assert!(CandidateInit::read(json).unwrap().is_mdns());
    }

    #[test]
    fn junk_and_length_are_refused() {
        assert!(CandidateInit::read("").is_err());
        assert!(CandidateInit::read("[]").is_err());
        assert!(CandidateInit::read(r#"{"sdpMLineIndex":70000}"#).is_err());
        let long = format!(r#"{{"candidate":"{}"}}"#, "x".repeat(MAX_CANDIDATE_BYTES));
        assert_eq!(CandidateInit::read(&long), Err(InvalidCandidate::TooLarge));
    }
}
