//! A client's UDP socket, which tells when the kernel had each datagram.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::cmsg_space;
use nix::sys::socket::sockopt::{RcvBuf, ReceiveTimestampns};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// Kernel buffer for what arrives, in bytes. The kernel grants at most `net.core.rmem_max`.
const RECEIVE_BUFFER: usize = 1 << 20;

#[derive(Debug)]
pub(crate) struct Socket {
    socket: UdpSocket,
    control: Vec<u8>,
}

/// A datagram that came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    pub(crate) from: SocketAddr,
    pub(crate) len: usize,
    /// When the kernel had it, since 1970; `None` where it does not tell.
    pub(crate) stamped: Option<Duration>,
}

impl Socket {
    /// Binds a free port of an address.
    pub(crate) fn bind(local: IpAddr) -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind(SocketAddr::new(local, 0))?;
        socket.set_nonblocking(true)?;
        setsockopt(&socket, RcvBuf, &RECEIVE_BUFFER)?;
        // Where it is refused, packets count as they are read.
        setsockopt(&socket, ReceiveTimestampns, &true).ok();
        Ok(Self {
            socket: UdpSocket::from_std(socket)?,
            control: cmsg_space!(TimeSpec),
        })
    }

    pub(crate) fn local(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Waits until something can be received.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// Receives a datagram. `None` when there is none.
    pub(crate) fn receive(&mut self, buf: &mut [u8]) -> Option<Received> {
        let mut slices = [IoSliceMut::new(buf)];
        let control = &mut self.control;
        let socket = self.socket.as_raw_fd();
        let received = self.socket.try_io(Interest::READABLE, || {
            let flags = MsgFlags::MSG_DONTWAIT;
            let received = recvmsg::<SockaddrStorage>(socket, &mut slices, Some(control), flags)?;
            let mut stamped = None;
            for message in received.cmsgs()? {
                if let ControlMessageOwned::ScmTimestampns(time) = message {
                    stamped = Some(Duration::from(time));
                }
            }
            Ok((received.address, received.bytes, stamped))
        });
        let (from, len, stamped) = received.ok()?;
        let from = from?;
        let from = match (from.as_sockaddr_in(), from.as_sockaddr_in6()) {
            (Some(v4), _) => SocketAddr::new(v4.ip().into(), v4.port()),
            (None, Some(v6)) => SocketAddr::new(v6.ip().into(), v6.port()),
            (None, None) => return None,
        };
        Some(Received { from, len, stamped })
    }

    /// Sends a datagram. What the kernel has no room for is lost, as on the network.
    pub(crate) fn send(&self, datagram: &[u8], to: SocketAddr) {
        self.socket.try_send_to(datagram, to).ok();
    }
}
