//! Datagrams that one system call brings.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use sfu_model::{LinkProtocol, Path};
use sfu_transport::layout::Layout;

use super::system::{self, BATCH, RECEIVE_BUFFER, Received};

/// Buffers for the datagrams that one system call brings. Those of a thread serve all its sockets.
#[derive(Default)]
pub(crate) struct Inbound {
    bytes: Vec<u8>,
    received: Vec<Received>,
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound")
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

impl Inbound {
    /// Makes buffers. Their memory becomes real when datagrams come.
    pub(crate) fn new() -> Self {
        Self {
            bytes: vec![0; BATCH * RECEIVE_BUFFER],
            received: Vec::with_capacity(BATCH),
        }
    }

    /// Receives from `socket` what is there, up to the batch's size. Returns whether there may be more.
    pub(super) fn fill(&mut self, socket: &impl AsRawFd) -> bool {
        match system::receive_many(socket, &mut self.bytes, &mut self.received) {
            Ok(()) => self.received.len() == BATCH,
            Err(error) => error.kind() == io::ErrorKind::Interrupted,
        }
    }

    /// Returns the latest number of datagrams that the socket has lost to a full buffer, if told.
    pub(super) fn lost(&self) -> Option<u32> {
        self.received.iter().rev().find_map(|message| message.lost)
    }

    /// Hands each datagram to `take` with its path, and returns how many there were.
    pub(crate) fn each(
        &mut self,
        local: SocketAddr,
        mut take: impl FnMut(Path, &mut [u8]),
    ) -> usize {
        let buffers = self.bytes.chunks_exact_mut(RECEIVE_BUFFER);
        let mut count = 0;
        for (message, buffer) in self.received.iter().zip(buffers) {
            let (Some(remote), Some(bytes)) = (message.remote, buffer.get_mut(..message.len))
            else {
                continue;
            };
            let path = Path {
                local,
                remote,
                protocol: LinkProtocol::Udp,
            };
            let layout = Layout::new(0, message.segment.unwrap_or(bytes.len()));
            for datagram in layout.datagrams_mut(bytes) {
                count += 1;
                take(path, datagram);
            }
        }
        self.received.clear();
        count
    }
}
