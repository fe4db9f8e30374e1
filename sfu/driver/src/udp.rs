//! A shard's UDP socket.

use std::io;
use std::net::SocketAddr;

use mio::net::UdpSocket;
use sfu_model::{LinkProtocol, Path};
use socket2::{Domain, Protocol, Socket, Type};

/// Kernel buffer in each direction, in bytes: a key frame to hundreds of subscribers leaves in one
/// burst. The kernel grants at most `net.core.{r,w}mem_max`.
const KERNEL_BUFFER: usize = 4 << 20;

/// One bound socket.
#[derive(Debug)]
pub(crate) struct UdpPort {
    socket: UdpSocket,
    local: SocketAddr,
    /// Whether the kernel may still hold datagrams: readiness is told once per edge.
    readable: bool,
}

impl UdpPort {
    /// Binds `address`; port 0 takes a free one.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.set_recv_buffer_size(KERNEL_BUFFER)?;
        socket.set_send_buffer_size(KERNEL_BUFFER)?;
        socket.bind(&address.into())?;
        let socket = UdpSocket::from_std(socket.into());
        let local = socket.local_addr()?;
        Ok(Self {
            socket,
            local,
            readable: true,
        })
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    pub(crate) fn socket(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    pub(crate) fn set_readable(&mut self) {
        self.readable = true;
    }

    pub(crate) fn is_readable(&self) -> bool {
        self.readable
    }

    /// Receives one datagram into `buffer`; `None` when there is none.
    pub(crate) fn receive<'b>(&mut self, buffer: &'b mut [u8]) -> Option<(Path, &'b mut [u8])> {
        loop {
            match self.socket.recv_from(buffer) {
                Ok((length, remote)) => {
                    let path = Path {
                        local: self.local,
                        remote,
                        protocol: LinkProtocol::Udp,
                    };
                    return Some((path, buffer.get_mut(..length)?));
                }
                Err(error) if is_about_earlier(error.kind()) => {}
                // Mostly because there is none; whatever it is, the next datagram wakes us.
                Err(_) => {
                    self.readable = false;
                    return None;
                }
            }
        }
    }

    /// Sends `datagrams`, each `segment` bytes long but the last. What the kernel does not take is
    /// dropped, as a full path drops it.
    pub(crate) fn send(&self, remote: SocketAddr, datagrams: &[u8], segment: usize) {
        for datagram in datagrams.chunks(segment.max(1)) {
            self.socket.send_to(datagram, remote).ok();
        }
    }
}

/// Reports whether an error tells what became of a datagram that was sent (ICMP).
fn is_about_earlier(error: io::ErrorKind) -> bool {
    matches!(
        error,
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::Interrupted
    )
}
