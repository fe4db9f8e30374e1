//! Where clients reach us: the candidates of our descriptions.

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
    /// Component of RTP, and of RTCP that is multiplexed with it.
    const COMPONENT: u32 = 1;

    /// Writes `candidate:…`; `index` is its place among ours, and makes its foundation and priority
    /// unique.
    fn attribute(&self, index: usize) -> String {
        let (protocol, suffix) = match self.protocol {
            LinkProtocol::Udp => ("udp", ""),
            LinkProtocol::Tcp => ("tcp", " tcptype passive"),
        };
        format!(
            "candidate:{} {} {protocol} {} {} {} typ host{suffix}",
            index + 1,
            Self::COMPONENT,
            self.priority(index),
            self.address.ip(),
            self.address.port(),
        )
    }

    /// RFC 8445 section 5.1.2.1. UDP has the recommended preference of host candidates; TCP stays
    /// below everything that UDP offers, relayed candidates excepted (RFC 6544 section 4.2, which
    /// also puts the direction preference, 4 for passive, into the upper bits).
    fn priority(&self, index: usize) -> u32 {
        const UDP_HOST: u32 = 126;
        const TCP_HOST: u32 = 99;
        const PASSIVE: u32 = 4;
        let later = u32::try_from(index).unwrap_or(u32::MAX).min(0x1fff);
        let (kind, local) = match self.protocol {
            LinkProtocol::Udp => (UDP_HOST, 0xffff - later),
            LinkProtocol::Tcp => (TCP_HOST, (PASSIVE << 13) + (0x1fff - later)),
        };
        (kind << 24) + (local << 8) + (256 - Self::COMPONENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn udp_comes_before_passive_tcp() {
        let facts = TransportFacts {
            fingerprint: Fingerprint([0; 32]),
            candidates: vec![
                Candidate {
                    address: "192.0.2.1:50000".parse().unwrap(),
                    protocol: LinkProtocol::Udp,
                },
                Candidate {
                    address: "[2001:db8::1]:7881".parse().unwrap(),
                    protocol: LinkProtocol::Tcp,
                },
            ],
        };
        let lines: Vec<String> = facts.candidate_attributes().collect();
        assert_eq!(
            lines,
            [
                "candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host",
                "candidate:2 1 tcp 1671429887 2001:db8::1 7881 typ host tcptype passive",
            ]
        );
    }
}
