use std::net::SocketAddr;

use sfu_model::{Fingerprint, LinkProtocol};

/// What every description of a shard's transports says of us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportFacts {
    /// Of the certificate of the process.
    pub fingerprint: Fingerprint,
    /// Where the shard is reached, preferred first.
    pub candidates: Vec<Candidate>,
}

impl TransportFacts {
    /// Returns the `candidate:…` of each candidate, as `a=` lines and trickled candidates have it.
    pub fn candidate_attributes(&self) -> impl Iterator<Item = String> + '_ {
        self.candidates
            .iter()
            .enumerate()
            .map(|(index, candidate)| candidate.attribute(index))
    }
}

/// A host candidate of ours (RFC 8839 section 5.1). One in TCP is passive (RFC 6544).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Where the client reaches us.
    pub address: SocketAddr,
    /// What carries it.
    pub protocol: LinkProtocol,
}

impl Candidate {
    /// Writes `candidate:…`; `index` is its place among ours.
    fn attribute(&self, index: usize) -> String {
        let _ = index;
        format!("candidate:{}", self.address)
    }
}
