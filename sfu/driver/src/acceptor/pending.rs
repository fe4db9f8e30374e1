//! A connection that has been accepted, until it is known whom it is for.

use std::io::{self, Read};
use std::time::Instant;

use mio::net::TcpStream;
use sfu_model::{IceCredentials, MAX_DATAGRAM_BYTES, ShardIndex};
use sfu_transport::framing::first_packet;

use super::protocol::Protocol;

/// Bytes read at a time. With them no more than a packet and these are ever held.
const CHUNK: usize = 1024;

/// One that has not yet said enough.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) stream: TcpStream,
    /// What it has said, from its first byte on.
    pub(super) head: Vec<u8>,
    /// When it must have said enough.
    pub(super) deadline: Instant,
}

/// What became of a connection after a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It has not said enough.
    Waiting,
    /// It is for a peer of this shard.
    Named(ShardIndex),
    /// It is for nobody.
    Refused,
}

impl Pending {
    pub(super) fn new(stream: TcpStream, deadline: Instant) -> Self {
        Self {
            stream,
            head: Vec::new(),
            deadline,
        }
    }

    /// Reads what there is, as far as it is needed.
    pub(super) fn read(&mut self) -> Progress {
        let mut chunk = [0; CHUNK];
        loop {
            let known = named(&self.head);
            if known != Progress::Waiting {
                return known;
            }
            match self.stream.read(&mut chunk) {
                Ok(0) => return Progress::Refused,
                Ok(length) => self
                    .head
                    .extend_from_slice(chunk.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Progress::Waiting;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Progress::Refused,
            }
        }
    }
}

/// Tells whom a connection is for that begins with these bytes.
fn named(head: &[u8]) -> Progress {
    match Protocol::of(head) {
        Ok(None) => Progress::Waiting,
        Ok(Some(Protocol::FramedStun)) => match first_packet(head, MAX_DATAGRAM_BYTES) {
            Ok(None) => Progress::Waiting,
            Ok(Some(message)) => {
                let ufrag = sfu_transport::ufrag_of(message);
                let shard = ufrag.and_then(IceCredentials::shard_of);
                shard.map_or(Progress::Refused, Progress::Named)
            }
            Err(_) => Progress::Refused,
        },
        Ok(Some(other @ (Protocol::Stun | Protocol::Tls | Protocol::Http))) => {
            tracing::debug!(protocol = ?other, "Nobody takes what a connection to the port of ICE-TCP speaks");
            Progress::Refused
        }
        Err(_) => Progress::Refused,
    }
}
