use std::net::SocketAddr;

use crate::LinkProtocol;

/// The way of a datagram: between which addresses it travels, and in what.
///
/// A TCP connection is named by its path too: its two addresses are unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    /// Our address that it reached or leaves.
    pub local: SocketAddr,
    /// The peer's address.
    pub remote: SocketAddr,
    /// What carries it.
    pub protocol: LinkProtocol,
}

/// Longest datagram or ICE-TCP frame that is taken from a peer: more than any path carries in one piece, and
/// than any client sends. Longer ones are dropped and counted.
pub const MAX_DATAGRAM_BYTES: usize = 2_048;
