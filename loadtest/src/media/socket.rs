use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::sockopt::{RcvBuf, UdpGroSegment};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt};

/// Kernel buffer for what arrives, in bytes: several key frames. The kernel grants at most `net.core.rmem_max`.
const RECEIVE_BUFFER: usize = 1 << 20;

/// One peer's UDP socket.
///
/// With UDP_GRO a run that the server sends by GSO arrives in one piece on the same machine. `nix` receives it
/// rather than `quinn-udp`, which asks the kernel for ECN and addresses with every packet too.
#[derive(Debug)]
pub(crate) struct Socket(UdpSocket);

/// What one call received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    pub(crate) from: SocketAddr,
    pub(crate) len: usize,
    /// Length of each datagram in it; the last may be shorter.
    pub(crate) segment: usize,
}

/// Where control messages are received.
#[derive(Debug)]
pub(crate) struct ControlBuffer(Vec<u8>);

impl ControlBuffer {
    pub(crate) fn new() -> Self {
        Self(cmsg_space!(i32))
    }
}

impl Socket {
    /// Longest run of datagrams.
    pub(crate) const MAX_RUN: usize = 65_536;

    /// Binds a free port of the address by which the server is reached.
    pub(crate) fn bind(local: std::net::IpAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(SocketAddr::new(local, 0))?;
        socket.set_nonblocking(true)?;
        setsockopt(&socket, RcvBuf, &RECEIVE_BUFFER)?;
        // Kernels before 5.0 do not know it; then datagrams come one by one.
        setsockopt(&socket, UdpGroSegment, &true).ok();
        Ok(Self(socket))
    }

    pub(crate) fn local(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Receives a datagram, or a run of them. `None` when there is none.
    pub(crate) fn receive(&self, buf: &mut [u8], control: &mut ControlBuffer) -> Option<Received> {
        let mut slices = [IoSliceMut::new(buf)];
        let received = recvmsg::<SockaddrStorage>(
            self.0.as_raw_fd(),
            &mut slices,
            Some(&mut control.0),
            MsgFlags::MSG_DONTWAIT,
        );
        let received = received.ok()?;
        let len = received.bytes;
        let segment = received.cmsgs().ok()?.find_map(|message| {
            let ControlMessageOwned::UdpGroSegments(segment) = message else {
                return None;
            };
            usize::try_from(segment).ok()
        });
        Some(Received {
            from: address(&received.address?)?,
            len,
            segment: segment.filter(|segment| *segment > 0).unwrap_or(len),
        })
    }

    /// Sends a datagram. What the kernel has no room for is lost, as on the network.
    pub(crate) fn send(&self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        match self.0.send_to(datagram, to) {
            Ok(_) => Ok(()),
            Err(error) if error.raw_os_error() == Some(Errno::EAGAIN as i32) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = storage.as_sockaddr_in() {
        return Some(SocketAddr::new(v4.ip().into(), v4.port()));
    }
    let v6 = storage.as_sockaddr_in6()?;
    Some(SocketAddrV6::new(v6.ip(), v6.port(), 0, v6.scope_id()).into())
}
