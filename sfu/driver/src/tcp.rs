//! One ICE-TCP connection (RFC 6544, passive; framed by RFC 4571).

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

use mio::net::TcpStream;
use sfu_model::{LinkProtocol, MAX_DATAGRAM_BYTES, Path};
use sfu_transport::framing::{Deframer, Framed, frame};

/// Bytes that may wait for a slow receiver; packets beyond are dropped, as a full path drops them.
const SEND_BUFFER: usize = 256 << 10;

/// Capacity that an empty send buffer keeps.
const KEPT_BUFFER: usize = 16 << 10;

/// One accepted connection.
#[derive(Debug)]
pub(crate) struct TcpLink {
    stream: TcpStream,
    path: Path,
    deframer: Deframer,
    unsent: Vec<u8>,
    /// Whether the kernel takes no more until it says so.
    blocked: bool,
    /// When it is closed, unless the peer takes something before.
    pub(crate) deadline: Instant,
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
    pub(crate) fn new(
        stream: std::net::TcpStream,
        head: &[u8],
        deadline: Instant,
    ) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let path = path(&stream)?;
        let mut deframer = Deframer::new(MAX_DATAGRAM_BYTES);
        deframer.push(head);
        Ok(Self {
            stream: TcpStream::from_std(stream),
            path,
            deframer,
            unsent: Vec::new(),
            blocked: false,
            deadline,
        })
    }

    pub(crate) fn path(&self) -> Path {
        self.path
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Hands frames that have arrived to `take`, up to `turn` of them.
    pub(crate) fn receive(
        &mut self,
        turn: usize,
        mut take: impl FnMut(Path, Framed<'_>),
    ) -> LinkState {
        let mut chunk = [0; 4096];
        let mut taken = 0;
        while taken < turn {
            if let Some(frame) = self.deframer.next_frame() {
                take(self.path, frame);
                taken += 1;
                continue;
            }
            match self.stream.read(&mut chunk) {
                Ok(0) => return LinkState::Closed,
                Ok(length) => self.deframer.push(chunk.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return LinkState::Drained;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return LinkState::Closed,
            }
        }
        LinkState::MayHaveMore
    }

    /// Sends one packet, or queues it behind those that wait. Where the peer takes something, its
    /// deadline becomes `deadline`.
    pub(crate) fn send(&mut self, packet: &[u8], deadline: Instant) -> LinkState {
        if self.unsent.len() + packet.len() > SEND_BUFFER {
            return LinkState::Drained;
        }
        frame(packet, &mut self.unsent);
        match self.blocked {
            true => LinkState::Drained,
            false => self.flush(deadline),
        }
    }

    /// Writes what waits, as far as the kernel takes it.
    pub(crate) fn flush(&mut self, deadline: Instant) -> LinkState {
        self.blocked = false;
        let mut written = 0;
        let state = loop {
            let rest = self.unsent.get(written..).unwrap_or_default();
            if rest.is_empty() {
                break LinkState::Drained;
            }
            match self.stream.write(rest) {
                Ok(length) => written += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked = true;
                    break LinkState::Drained;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break LinkState::Closed,
            }
        };
        if written > 0 {
            self.deadline = deadline;
        }
        self.unsent.drain(..written);
        if self.unsent.is_empty() {
            self.unsent.shrink_to(KEPT_BUFFER);
        }
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

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::*;

    fn pair() -> (TcpLink, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (ours, _) = listener.accept().unwrap();
        let link = TcpLink::new(ours, &[], Instant::now()).unwrap();
        (link, peer)
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(3600)
    }

    /// Sends numbered packets until the link drops some.
    fn fill(link: &mut TcpLink) -> u32 {
        let mut sent = 0;
        while !link.blocked || link.unsent.len() + 1200 < SEND_BUFFER {
            let mut packet = [0; 1200];
            packet[..4].copy_from_slice(&u32::to_be_bytes(sent));
            assert_eq!(link.send(&packet, later()), LinkState::Drained);
            sent += 1;
        }
        sent
    }

    #[test]
    fn a_peer_that_never_reads_costs_one_buffer() {
        let (mut link, _peer) = pair();
        fill(&mut link);
        let silent_since = link.deadline;
        for _ in 0..10_000 {
            assert_eq!(link.send(&[7; 1200], later()), LinkState::Drained);
        }
        assert!(link.unsent.len() <= SEND_BUFFER);
        assert_eq!(link.deadline, silent_since, "it took nothing");
    }

    #[test]
    fn packets_come_whole_and_in_order_once_the_peer_reads() {
        let (mut link, mut peer) = pair();
        let sent = fill(&mut link);
        let reader = std::thread::spawn(move || {
            for number in 0..sent {
                let mut packet = [0; 1202];
                peer.read_exact(&mut packet).unwrap();
                assert_eq!(packet[..2], [0x04, 0xb0]);
                assert_eq!(packet[2..6], number.to_be_bytes());
            }
        });
        while !link.unsent.is_empty() {
            link.flush(later());
        }
        reader.join().unwrap();
        assert!(link.unsent.capacity() <= KEPT_BUFFER);
    }

    #[test]
    fn one_turn_takes_no_more_than_its_packets() {
        let (mut link, mut peer) = pair();
        // Empty frames are the cheapest to send.
        peer.write_all(&[0; 2 * 10]).unwrap();
        let mut taken = Vec::new();
        while taken.iter().sum::<i32>() < 10 {
            let mut turn = 0;
            let state = link.receive(4, |_, frame| {
                assert_eq!(frame, Framed::Packet(&mut []));
                turn += 1;
            });
            assert_eq!(state == LinkState::MayHaveMore, turn == 4);
            taken.push(turn);
        }
        assert!(taken.iter().all(|turn| *turn <= 4), "{taken:?}");
    }

    #[test]
    fn the_end_closes_the_link_in_the_midst_of_a_frame_too() {
        for last in [&[0xff_u8, 0xff][..], &[0, 9, 1], &[]] {
            let (mut link, mut peer) = pair();
            peer.write_all(last).unwrap();
            drop(peer);
            while link.receive(4, |_, _| {}) != LinkState::Closed {}
        }
    }
}
