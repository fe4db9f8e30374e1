//! What a transport tells.

use sfu_model::{CloseReason, DataChannel, DataMessage, LinkProtocol, Path};

/// What a connectivity check did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StunOutcome {
    /// It came by a path that an earlier one came by.
    Known,
    /// It came by another path: what arrives there belongs to this transport from here on, unless it is
    /// somebody else's. The one that was checked longest ago gave way when there were too many.
    Validated {
        /// The path that no longer leads here.
        evicted: Option<Path>,
    },
    /// The peer believes to be controlled too: the reply tells it to take the other role
    /// (RFC 8445 section 7.3.1.1). Nothing changed.
    RoleConflict,
}

/// What a transport tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransportEvent {
    /// DTLS is up and the peer's certificate is the one announced: media flows.
    Connected {
        /// What carries the packets.
        protocol: LinkProtocol,
    },
    /// Nothing authenticated has come for 10 s, after [`TransportEvent::Connected`].
    Silent,
    /// Packets of a silent peer come again.
    Resumed,
    /// A data channel of the peer, or ours, is open.
    DataChannelOpened(DataChannel),
    /// A binary message came.
    DataReceived {
        /// On which channel.
        channel: DataChannel,
        /// The message, at most 70,000 bytes. The peer is held back while it has too much under way.
        message: DataMessage,
    },
    /// The transport is over: it takes and gives nothing more, but for a last datagram of
    /// `poll_transmit` that tells the peer.
    Closed(CloseReason),
}
