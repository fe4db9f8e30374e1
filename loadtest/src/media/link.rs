use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::epoll::EpollFlags;
use sfu_model::LinkProtocol;

use super::socket::Socket;
use super::tcp::TcpLink;

/// What carries one peer's packets.
#[derive(Debug)]
pub(crate) enum Link {
    Udp(Socket),
    Tcp(TcpLink),
}

impl Link {
    /// Opens a link from an address of ours; from `::` it reaches servers of both families.
    pub(crate) fn open(protocol: LinkProtocol, local: IpAddr) -> io::Result<Self> {
        match protocol {
            LinkProtocol::Udp => Ok(Self::Udp(Socket::bind(local)?)),
            LinkProtocol::Tcp => Ok(Self::Tcp(TcpLink::new(local)?)),
        }
    }

    /// Returns the port by which the server may reach us. By TCP it does not: we connect.
    pub(crate) fn port(&self) -> io::Result<Option<u16>> {
        match self {
            Self::Udp(socket) => Ok(Some(socket.local()?.port())),
            Self::Tcp(_) => Ok(None),
        }
    }

    /// Returns what it is waited for.
    pub(super) fn interest(&self) -> EpollFlags {
        match self {
            Self::Udp(_) => EpollFlags::EPOLLIN,
            Self::Tcp(_) => EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET,
        }
    }

    /// Sends a packet. What there is no room for is lost, as on the network.
    pub(super) fn send(&mut self, packet: &[u8], to: SocketAddr) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.send(packet, to),
            Self::Tcp(link) => link.send(packet, to),
        }
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Udp(socket) => socket.as_fd(),
            Self::Tcp(link) => link.as_fd(),
        }
    }
}
