//! What carries a path's packets in frames (RFC 4571): any ordered stream of bytes.

use std::fmt::Debug;
use std::io::{self, Read, Write};
use std::net::SocketAddr;

use mio::event::Source;
use mio::net::TcpStream;
use sfu_model::{LinkProtocol, Path};

/// An ordered stream of bytes, of whose readiness a poll tells.
///
/// Reading and writing never block. What a stream has taken and not passed on is passed on by
/// [`Write::flush`], which is called whenever the poll says that there is room.
pub(crate) trait ByteStream: Read + Write + Source + Send + Debug {}

impl<S: Read + Write + Source + Send + Debug> ByteStream for S {}

/// A stream that is to carry the packets of a path.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: Box<dyn ByteStream>,
    /// Where its packets come from and go to.
    pub(crate) path: Path,
    /// What was read of it already.
    pub(crate) head: Vec<u8>,
}

impl Connection {
    /// An ICE-TCP connection (RFC 6544).
    pub(crate) fn tcp(stream: TcpStream, head: Vec<u8>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let path = Path {
            local: unmapped(stream.local_addr()?),
            remote: unmapped(stream.peer_addr()?),
            protocol: LinkProtocol::Tcp,
        };
        Ok(Self {
            stream: Box::new(stream),
            path,
            head,
        })
    }
}

/// Writes an IPv4 address that came through an IPv6 socket as IPv4.
fn unmapped(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
