use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::sockopt::{RcvBuf, ReceiveTimestampns, UdpGroSegment};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;
use sfu_model::UnixTime;

/// Kernel buffer for what arrives, in bytes: several key frames. The kernel grants at most `net.core.rmem_max`.
const RECEIVE_BUFFER: usize = 1 << 20;

/// One peer's UDP socket.
///
/// With UDP_GRO a run that the server sends by GSO arrives in one piece on the same machine. `nix` receives it
/// rather than `quinn-udp`, which asks the kernel for ECN and addresses with every packet too.
#[derive(Debug)]
pub(crate) struct Socket(UdpSocket, Reach);

/// Which servers a socket reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Those of the family of its address.
    OneFamily,
    /// All: it is of IPv6, and writes IPv4 as `::ffff:192.0.2.1` (RFC 4291 section 2.5.5.2).
    BothFamilies,
}

/// What one call received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    pub(crate) from: SocketAddr,
    pub(crate) len: usize,
    /// Length of each datagram in it; the last may be shorter.
    pub(crate) segment: usize,
    /// When the kernel had it, or the first of the run; `None` where it does not tell.
    pub(crate) stamped: Option<UnixTime>,
}

/// Where control messages are received.
#[derive(Debug)]
pub(crate) struct ControlBuffer(Vec<u8>);

impl ControlBuffer {
    pub(crate) fn new() -> Self {
        Self(cmsg_space!(i32, TimeSpec))
    }
}

impl Socket {
    /// Longest run of datagrams.
    pub(crate) const MAX_RUN: usize = 65_536;

    /// Binds a free port of an address of ours; of `::` it reaches servers of both families.
    pub(crate) fn bind(local: IpAddr) -> io::Result<Self> {
        let any = local == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        let (socket, reach) = match UdpSocket::bind(SocketAddr::new(local, 0)) {
            Ok(socket) if any => (socket, Reach::BothFamilies),
            Ok(socket) => (socket, Reach::OneFamily),
            // A machine without IPv6.
            Err(_) if any => (
                UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?,
                Reach::OneFamily,
            ),
            Err(error) => return Err(error),
        };
        socket.set_nonblocking(true)?;
        setsockopt(&socket, RcvBuf, &RECEIVE_BUFFER)?;
        // Kernels before 5.0 do not know it; then datagrams come one by one.
        setsockopt(&socket, UdpGroSegment, &true).ok();
        // Where it is refused, packets count as they are read.
        setsockopt(&socket, ReceiveTimestampns, &true).ok();
        Ok(Self(socket, reach))
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
        let (mut segment, mut stamped) = (None, None);
        for message in received.cmsgs().ok()? {
            if let ControlMessageOwned::UdpGroSegments(len) = message {
                segment = usize::try_from(len).ok().filter(|len| *len > 0);
            } else if let ControlMessageOwned::ScmTimestampns(time) = message {
                stamped = Some(UnixTime(Duration::from(time)));
            }
        }
        Some(Received {
            from: address(&received.address?)?,
            len,
            segment: segment.unwrap_or(len),
            stamped,
        })
    }

    /// Sends a datagram. What the kernel has no room for is lost, as on the network.
    pub(crate) fn send(&self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        let to = match (self.1, to) {
            (Reach::BothFamilies, SocketAddr::V4(to)) => {
                SocketAddr::new(to.ip().to_ipv6_mapped().into(), to.port())
            }
            (Reach::BothFamilies | Reach::OneFamily, to) => to,
        };
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
    if let Some(v4) = v6.ip().to_ipv4_mapped() {
        return Some(SocketAddr::new(v4.into(), v6.port()));
    }
    Some(SocketAddrV6::new(v6.ip(), v6.port(), 0, v6.scope_id()).into())
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

    use super::*;

    #[test]
    fn a_socket_of_any_address_reaches_ipv4_and_names_it_as_such() {
        let server = Socket::bind(Ipv4Addr::LOCALHOST.into()).unwrap();
        let client = Socket::bind(Ipv6Addr::UNSPECIFIED.into()).unwrap();
        let to = server.local().unwrap();
        client.send(b"request", to).unwrap();
        let (request, received) = receive(&server);
        assert_eq!(request, b"request");
        server.send(b"reply", received.from).unwrap();
        let (reply, received) = receive(&client);
        assert_eq!((reply, received.from), (b"reply".to_vec(), to));
    }

    #[test]
    fn a_datagram_tells_when_the_kernel_had_it() {
        for local in [
            Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        ] {
            let server = Socket::bind(Ipv4Addr::LOCALHOST.into()).unwrap();
            let client = Socket::bind(local).unwrap();
            client.send(b"request", server.local().unwrap()).unwrap();
            let (_, request) = receive(&server);
            let before = unix_now();
            server.send(b"reply", request.from).unwrap();
            let (_, reply) = receive(&client);
            let stamped = reply.stamped.unwrap();
            assert!(before <= stamped && stamped <= unix_now(), "{stamped:?}");
        }
    }

    /// Waits for a datagram.
    fn receive(socket: &Socket) -> (Vec<u8>, Received) {
        let epoll = Epoll::new(EpollCreateFlags::empty()).unwrap();
        let readable = EpollEvent::new(EpollFlags::EPOLLIN, 0);
        epoll.add(socket, readable).unwrap();
        let mut events = [EpollEvent::empty()];
        epoll.wait(&mut events, EpollTimeout::NONE).unwrap();
        let mut buf = [0; 64];
        let received = socket.receive(&mut buf, &mut ControlBuffer::new());
        let received = received.unwrap();
        (buf[..received.len].to_vec(), received)
    }

    fn unix_now() -> UnixTime {
        UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).unwrap())
    }
}
