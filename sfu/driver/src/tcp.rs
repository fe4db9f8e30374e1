//! A shard's ICE-TCP connections (RFC 6544, passive; framed by RFC 4571).

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;
use sfu_model::{LinkProtocol, Path};

use crate::framing::{Deframer, frame};

/// Bytes that may wait for a slow receiver; packets beyond are dropped, as a full path drops them.
const SEND_BUFFER: usize = 256 << 10;

/// Bytes taken from a connection before others have their turn.
const READ_TURN: usize = 64 << 10;

/// One accepted connection.
#[derive(Debug)]
pub(crate) struct TcpLink {
    stream: TcpStream,
    path: Path,
    deframer: Deframer,
    unsent: Vec<u8>,
    dropped: u64,
}

/// Whether a connection can still be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkState {
    /// It can, and has nothing to read at the moment.
    Drained,
    /// It can, and may have more to read.
    MayHaveMore,
    /// It is over.
    Closed,
}

impl TcpLink {
    /// Takes over a connection of which `head` was read.
    pub(crate) fn new(stream: std::net::TcpStream, head: &[u8]) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let path = path(&stream)?;
        let mut deframer = Deframer::default();
        deframer.push(head);
        Ok(Self {
            stream: TcpStream::from_std(stream),
            path,
            deframer,
            unsent: Vec::new(),
            dropped: 0,
        })
    }

    pub(crate) fn path(&self) -> Path {
        self.path
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Hands every packet that has arrived to `take`, up to one turn.
    pub(crate) fn receive(&mut self, mut take: impl FnMut(Path, &mut [u8])) -> LinkState {
        let mut chunk = [0; 4096];
        let mut turn = 0;
        loop {
            loop {
                match self.deframer.next_packet() {
                    Ok(Some(packet)) => take(self.path, packet),
                    Ok(None) => break,
                    Err(_) => return LinkState::Closed,
                }
            }
            if turn >= READ_TURN {
                return LinkState::MayHaveMore;
            }
            match self.stream.read(&mut chunk) {
                Ok(0) => return LinkState::Closed,
                Ok(length) => {
                    turn += length;
                    self.deframer.push(chunk.get(..length).unwrap_or_default());
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return LinkState::Drained,
                    io::ErrorKind::Interrupted => {}
                    _ => return LinkState::Closed,
                },
            }
        }
    }

    /// Sends one packet, or queues it behind those that wait.
    pub(crate) fn send(&mut self, packet: &[u8]) -> LinkState {
        if self.unsent.len() + packet.len() > SEND_BUFFER {
            self.dropped += 1;
            return LinkState::Drained;
        }
        frame(packet, &mut self.unsent);
        self.flush()
    }

    /// Writes what waits, as far as the kernel takes it.
    pub(crate) fn flush(&mut self) -> LinkState {
        let mut written = 0;
        let state = loop {
            let rest = self.unsent.get(written..).unwrap_or_default();
            if rest.is_empty() {
                break LinkState::Drained;
            }
            match self.stream.write(rest) {
                Ok(length) => written += length,
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => break LinkState::Drained,
                    io::ErrorKind::Interrupted => {}
                    _ => break LinkState::Closed,
                },
            }
        };
        self.unsent.drain(..written);
        state
    }
}

fn path(stream: &std::net::TcpStream) -> io::Result<Path> {
    Ok(Path {
        local: unmapped(stream.local_addr()?),
        remote: unmapped(stream.peer_addr()?),
        protocol: LinkProtocol::Tcp,
    })
}

/// Writes an IPv4 address that came through an IPv6 socket as IPv4.
fn unmapped(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
