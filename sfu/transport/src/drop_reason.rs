//! Why a peer's datagram was dropped.

use std::fmt;

/// Why a datagram of a peer was dropped. None of them changed any state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// Not a well-formed STUN binding request with a correct FINGERPRINT, or one with an unknown
    /// mandatory attribute.
    StunMalformed,
    /// A connectivity check by a user name other than ours and the peer's.
    StunWrongUser,
    /// A connectivity check whose MESSAGE-INTEGRITY is not by our password.
    StunUnauthenticated,
    /// A connectivity check that came by another path before.
    StunReplayed,
    /// DTLS or media by a path that no connectivity check has validated.
    UnknownPath,
    /// Not DTLS 1.2 records, or records that an honest peer does not send in this state.
    DtlsMalformed,
    /// More handshake than a handshake needs.
    DtlsBudget,
    /// DTLS before the peer's description, beyond what is kept for it.
    TooEarly,
    /// Media before DTLS gave the keys.
    NoKeys,
    /// Too short or not RTP or RTCP version 2.
    RtpMalformed,
    /// Authentication of SRTP or SRTCP failed.
    SrtpUnauthenticated,
    /// An SRTP or SRTCP packet that came before, or is older than the window.
    SrtpReplayed,
    /// SRTCP that says of itself that it is not encrypted (E = 0).
    SrtcpUnencrypted,
    /// The transport is closed.
    Closed,
}

impl DropReason {
    /// All reasons, in the order of the declaration.
    pub const ALL: [Self; 14] = [
        Self::StunMalformed,
        Self::StunWrongUser,
        Self::StunUnauthenticated,
        Self::StunReplayed,
        Self::UnknownPath,
        Self::DtlsMalformed,
        Self::DtlsBudget,
        Self::TooEarly,
        Self::NoKeys,
        Self::RtpMalformed,
        Self::SrtpUnauthenticated,
        Self::SrtpReplayed,
        Self::SrtcpUnencrypted,
        Self::Closed,
    ];

    /// Returns the label of metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::StunMalformed => "stun_malformed",
            Self::StunWrongUser => "stun_wrong_user",
            Self::StunUnauthenticated => "stun_unauthenticated",
            Self::StunReplayed => "stun_replayed",
            Self::UnknownPath => "unknown_path",
            Self::DtlsMalformed => "dtls_malformed",
            Self::DtlsBudget => "dtls_budget",
            Self::TooEarly => "too_early",
            Self::NoKeys => "no_keys",
            Self::RtpMalformed => "rtp_malformed",
            Self::SrtpUnauthenticated => "srtp_unauthenticated",
            Self::SrtpReplayed => "srtp_replayed",
            Self::SrtcpUnencrypted => "srtcp_unencrypted",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl std::error::Error for DropReason {}
