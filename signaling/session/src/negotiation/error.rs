//! Why a description is refused.

/// Why a description of a client's was refused. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// The text exceeds a bound of ours.
    #[error("the description is too large: {what} exceed {limit}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// A line does not follow RFC 8866 or the attribute's own grammar.
    #[error("line {line} of the description is malformed: {reason}")]
    Malformed {
        /// Its number, from 1.
        line: usize,
        /// What was expected.
        reason: &'static str,
    },
    /// The description lacks what a transport needs.
    #[error("the description has no {0}")]
    Missing(&'static str),
    /// Sections vanished, changed their kind or place, or share a mid (RFC 8829 section 5.2.2).
    #[error("the media sections do not continue those of the last description: {0}")]
    SectionsChanged(&'static str),
    /// The client's offer leaves us no choice of the DTLS role: it insists on being the server (`a=setup:passive`),
    /// against RFC 8842 section 5.2.
    #[error("an offer must leave us the DTLS server's role: a=setup:passive is not supported")]
    DtlsRole,
}
