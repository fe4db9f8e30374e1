use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use loadtest_peer::{Deframer, Framed, frame};
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, connect, socket};

/// Bytes that may wait for the network; packets beyond are dropped, as a full path drops them.
const SEND_BUFFER: usize = 256 << 10;

/// One peer's ICE-TCP connection (RFC 6544, active; framed by RFC 4571).
///
/// It connects to the first address that it is to send to, and to another one only if that refuses. After its end another
/// link takes its place. It is waited for by
/// edge-triggered epoll, in both directions at once: what it is ready for is done to the end at every turn.
#[derive(Debug)]
pub(crate) struct TcpLink {
    stream: TcpStream,
    state: State,
    deframer: Deframer,
    /// Frames that the kernel has not taken.
    unsent: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not connected to anybody.
    Idle,
    Connecting(SocketAddr),
    Connected(SocketAddr),
    Closed,
}

/// Whether a connection has just ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkState {
    Open,
    Closed,
}

impl TcpLink {
    /// Makes a socket for servers of the family of `local`, and of both families if it is `::`.
    pub(crate) fn new(local: IpAddr) -> io::Result<Self> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let open = |family| socket(family, SockType::Stream, flags, None);
        let opened = match local {
            IpAddr::V4(_) => open(AddressFamily::Inet),
            // A machine without IPv6 reaches nobody by it either.
            IpAddr::V6(_) => open(AddressFamily::Inet6).or_else(|_| open(AddressFamily::Inet)),
        };
        let stream = TcpStream::from(opened?);
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            state: State::Idle,
            deframer: Deframer::new(usize::from(u16::MAX)),
            unsent: Vec::new(),
        })
    }

    /// Makes a socket for another connection to the same servers.
    pub(crate) fn another(&self) -> io::Result<Self> {
        Self::new(self.stream.local_addr()?.ip())
    }

    /// Sends a packet to the one address that it is connected to, or connects to it. What there is no room for is lost,
    /// and what is no ICE check where none came before: by its first packet a server knows whose connection it is.
    pub(crate) fn send(&mut self, packet: &[u8], to: SocketAddr) -> io::Result<()> {
        if self.state == State::Idle {
            // RFC 7983 section 7: STUN.
            if !matches!(packet.first(), Some(0..=3)) {
                return Ok(());
            }
            self.connect(to)?;
        }
        let (State::Connecting(peer) | State::Connected(peer)) = self.state else {
            return Ok(());
        };
        if peer == to && self.unsent.len() + packet.len() <= SEND_BUFFER {
            frame(packet, &mut self.unsent);
        }
        self.flush();
        Ok(())
    }

    fn connect(&mut self, to: SocketAddr) -> io::Result<()> {
        let family = self.stream.local_addr()?;
        let address = match to {
            // RFC 4291 section 2.5.5.2.
            SocketAddr::V4(v4) if family.is_ipv6() => {
                SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port())
            }
            SocketAddr::V4(_) | SocketAddr::V6(_) => to,
        };
        let attempt = || connect(self.stream.as_raw_fd(), &SockaddrStorage::from(address));
        let attempted = match attempt() {
            // Linux tells once more of a connection that was refused.
            Err(Errno::ECONNABORTED) => attempt(),
            attempted => attempted,
        };
        match attempted {
            Ok(()) => self.state = State::Connected(to),
            Err(Errno::EINPROGRESS) => self.state = State::Connecting(to),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Does all that the connection is ready for, and hands the packets that have come to `take`. `buf` is for what is
    /// read. Tells once that the connection is over.
    pub(crate) fn turn(
        &mut self,
        buf: &mut [u8],
        mut take: impl FnMut(SocketAddr, &mut [u8]),
    ) -> LinkState {
        self.finish_connecting();
        let State::Connected(from) = self.state else {
            return LinkState::Open;
        };
        self.flush();
        loop {
            match self.stream.read(buf) {
                Ok(len) if len > 0 => {
                    self.deframer.push(buf.get(..len).unwrap_or_default());
                    while let Some(Framed::Packet(packet)) = self.deframer.next_frame() {
                        take(from, packet);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return LinkState::Open,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => {
                    self.state = State::Closed;
                    return LinkState::Closed;
                }
            }
        }
    }

    /// Learns whether the server took the connection. If it did not, the next packet is tried at its own address.
    fn finish_connecting(&mut self) {
        let State::Connecting(to) = self.state else {
            return;
        };
        if !matches!(self.stream.take_error(), Ok(None)) {
            self.state = State::Idle;
            self.unsent.clear();
        } else if self.stream.peer_addr().is_ok() {
            self.state = State::Connected(to);
        }
    }

    /// Gives the kernel what it takes. A connection that is broken is found out by reading.
    fn flush(&mut self) {
        if !matches!(self.state, State::Connected(_)) {
            return;
        }
        let mut written = 0;
        while let Some(rest) = self.unsent.get(written..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(len) => written += len,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        self.unsent.drain(..written);
    }
}

impl AsFd for TcpLink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

    use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

    use super::*;

    const ANY: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

    /// A link and what it is waited for by.
    struct Waiting {
        link: TcpLink,
        epoll: Epoll,
        came: Vec<Vec<u8>>,
    }

    impl Waiting {
        fn new() -> Self {
            Self::of(TcpLink::new(ANY).unwrap())
        }

        fn of(link: TcpLink) -> Self {
            let epoll = Epoll::new(EpollCreateFlags::empty()).unwrap();
            let both = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
            epoll.add(&link, EpollEvent::new(both, 0)).unwrap();
            Self {
                link,
                epoll,
                came: Vec::new(),
            }
        }

        /// Takes turns until `done`.
        fn until(&mut self, done: impl Fn(&Self, LinkState) -> bool) {
            let mut state = LinkState::Open;
            let mut buf = vec![0; 65_536];
            while !done(self, state) {
                let mut events = [EpollEvent::empty()];
                self.epoll.wait(&mut events, EpollTimeout::NONE).unwrap();
                let came = &mut self.came;
                state = self
                    .link
                    .turn(&mut buf, |_, packet| came.push(packet.to_vec()));
            }
        }
    }

    fn listen() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[test]
    fn packets_are_framed_both_ways_until_the_server_closes() {
        let (listener, address) = listen();
        let mut waiting = Waiting::new();
        waiting.link.send(b"\0check", address).unwrap();
        waiting.until(|waiting, _| matches!(waiting.link.state, State::Connected(_)));
        let (mut server, _) = listener.accept().unwrap();
        let mut check = [0; 8];
        server.read_exact(&mut check).unwrap();
        assert_eq!(&check, b"\x00\x06\0check");
        server.write_all(b"\x00\x05re").unwrap();
        server.write_all(b"ply\x00\x01x\x00").unwrap();
        waiting.until(|waiting, _| waiting.came.len() == 2);
        assert_eq!(waiting.came, [&b"reply"[..], b"x"]);
        drop(server);
        waiting.until(|_, state| state == LinkState::Closed);
    }

    #[test]
    fn another_address_is_tried_where_the_first_refuses() {
        let (gone, refusing) = listen();
        drop(gone);
        let (listener, address) = listen();
        let mut waiting = Waiting::new();
        // It may be refused at once.
        waiting.link.send(b"\0first", refusing).ok();
        waiting.until(|waiting, _| waiting.link.state == State::Idle);
        waiting.link.send(b"\0second", address).unwrap();
        waiting.link.send(b"elsewhere", refusing).unwrap();
        waiting.until(|waiting, _| matches!(waiting.link.state, State::Connected(_)));
        let (mut server, _) = listener.accept().unwrap();
        let mut check = [0; 9];
        server.read_exact(&mut check).unwrap();
        assert_eq!(&check, b"\x00\x07\0second");
        assert_eq!(waiting.link.unsent, b"");
    }

    #[test]
    fn what_a_server_does_not_read_is_dropped_beyond_the_buffer_and_never_in_part() {
        let (listener, address) = listen();
        let mut waiting = Waiting::new();
        let packet = [0; 1_000];
        waiting.link.send(&packet, address).unwrap();
        waiting.until(|waiting, _| matches!(waiting.link.state, State::Connected(_)));
        let (mut server, _) = listener.accept().unwrap();
        // Far more than both kernel buffers hold.
        for _ in 0..20_000 {
            waiting.link.send(&packet, address).unwrap();
            assert!(waiting.link.unsent.len() <= SEND_BUFFER + 2);
        }
        let reading = std::thread::spawn(move || {
            let mut stream = Vec::new();
            server.read_to_end(&mut stream).unwrap();
            stream
        });
        waiting.until(|waiting, _| waiting.link.unsent.is_empty());
        drop(waiting);
        let stream = reading.join().unwrap();
        let mut frames = stream.chunks(1_002);
        assert!(frames.len() < 20_000);
        assert!(frames.all(|frame| frame.len() == 1_002 && frame.starts_with(&[0x03, 0xe8, 0])));
    }

    #[test]
    fn a_connection_begins_with_a_check() {
        let (listener, address) = listen();
        let mut first = Waiting::new();
        first.link.send(b"\x80media", address).unwrap();
        assert_eq!(first.link.state, State::Idle);
        let mut waiting = Waiting::of(first.link.another().unwrap());
        waiting.link.send(b"\0", address).unwrap();
        waiting.until(|waiting, _| matches!(waiting.link.state, State::Connected(_)));
        let (mut server, _) = listener.accept().unwrap();
        let mut stream = [0; 3];
        server.read_exact(&mut stream).unwrap();
        assert_eq!(&stream, b"\x00\x01\0");
    }
}
