/// Which side of a DTLS handshake we are (RFC 8842 section 5). It says whose SRTP keys are whose, and who opens data
/// channels on which streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtlsRole {
    /// We send the ClientHello (`a=setup:active`).
    Client,
    /// We answer it (`a=setup:passive`).
    Server,
}
