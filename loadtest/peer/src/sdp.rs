//! Session descriptions (RFC 8866) as far as a LiveKit client needs them: the server's are read, ours are
//! written. Sections share one transport (BUNDLE), so the first section's transport is the session's.

mod answer;
mod offer;
mod read;

pub use answer::write_answer;
pub use offer::{DATA_MID, OfferSection, OfferedLayer, Role, payload_types, write_offer};
pub use read::{
    Candidate, Description, Direction, Format, SdpError, Section, SectionKind, parse_candidate,
};

use std::net::SocketAddr;

use sfu_model::{Fingerprint, IceCredentials};

/// Our half of the transport, which every description of ours names.
#[derive(Clone, Copy, Debug)]
pub struct LocalTransport<'a> {
    /// Our ICE credentials.
    pub ice: &'a IceCredentials,
    /// Our certificate.
    pub fingerprint: Fingerprint,
    /// Our only candidate; without one the server learns our address from our checks.
    pub candidate: Option<SocketAddr>,
}

impl LocalTransport<'_> {
    /// Appends the session level of a description, `mids` being those of its bundled sections. We are the DTLS
    /// client always.
    fn write(&self, version: u32, mids: &str, out: &mut String) {
        let Self {
            ice, fingerprint, ..
        } = self;
        out.push_str(&format!(
            "v=0\r\no=- 1 {version} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE{mids}\r\n\
             a=extmap-allow-mixed\r\na=msid-semantic: WMS *\r\n\
             a=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=fingerprint:sha-256 {fingerprint}\r\na=setup:active\r\n",
            ice.ufrag, ice.pwd,
        ));
    }

    /// Appends what every section says of the transport: some readers look for it nowhere else.
    fn write_section(&self, first: bool, out: &mut String) {
        let Self {
            ice, fingerprint, ..
        } = self;
        out.push_str(&format!(
            "c=IN IP4 0.0.0.0\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=fingerprint:sha-256 {fingerprint}\r\n\
             a=setup:active\r\n",
            ice.ufrag, ice.pwd,
        ));
        if let Some(candidate) = self.candidate.filter(|_| first) {
            let (ip, port) = (candidate.ip(), candidate.port());
            out.push_str(&format!(
                "a=candidate:1 1 udp 2130706431 {ip} {port} typ host\r\na=end-of-candidates\r\n"
            ));
        }
    }
}
