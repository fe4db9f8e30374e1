//! One stream that carries a path's packets (RFC 6544, passive; framed by RFC 4571).

use std::io;
use std::time::Instant;

use sfu_model::{MAX_DATAGRAM_BYTES, Path};
use sfu_transport::framing::{Deframer, Framed};
use sfu_transport::layout::Layout;

use crate::limits::{KEPT_BUFFER, LINK_BYTES};
use crate::stream::{ByteStream, Connection};

/// One connection.
#[derive(Debug)]
pub(crate) struct Link {
    stream: Box<dyn ByteStream>,
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

impl Link {
    /// Takes over a connection.
    pub(crate) fn new(connection: Connection, deadline: Instant) -> Self {
        let mut deframer = Deframer::new(MAX_DATAGRAM_BYTES);
        deframer.push(&connection.head);
        Self {
            stream: connection.stream,
            path: connection.path,
            deframer,
            unsent: Vec::new(),
            blocked: false,
            deadline,
        }
    }

    pub(crate) fn path(&self) -> Path {
        self.path
    }

    pub(crate) fn stream(&mut self) -> &mut dyn ByteStream {
        self.stream.as_mut()
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

    /// Sends packets that were framed in place, or queues them behind those that wait. Where the peer takes
    /// something, its deadline becomes `deadline`.
    pub(crate) fn send(&mut self, frames: &[u8], layout: Layout, deadline: Instant) -> LinkState {
        if self.blocked || !self.unsent.is_empty() {
            for frame in frames.chunks(layout.stride()) {
                if self.unsent.len() + frame.len() <= LINK_BYTES {
                    self.unsent.extend_from_slice(frame);
                }
            }
            return LinkState::Drained;
        }
        let (written, state) = self.write(frames, deadline);
        // The kernel may have taken a part of a frame.
        self.unsent
            .extend_from_slice(frames.get(written..).unwrap_or_default());
        state
    }

    /// Writes what waits, as far as the stream takes it and passes it on.
    pub(crate) fn flush(&mut self, deadline: Instant) -> LinkState {
        let mut unsent = std::mem::take(&mut self.unsent);
        let (written, state) = self.write(&unsent, deadline);
        unsent.drain(..written);
        if unsent.is_empty() {
            unsent.shrink_to(KEPT_BUFFER);
        }
        self.unsent = unsent;
        state
    }

    /// Writes as much as the kernel takes. Returns how much that is.
    fn write(&mut self, bytes: &[u8], deadline: Instant) -> (usize, LinkState) {
        self.blocked = false;
        let mut written = 0;
        let state = loop {
            let rest = bytes.get(written..).unwrap_or_default();
            let passed = match rest.is_empty() {
                true => self.stream.flush().map(|()| None),
                false => self.stream.write(rest).map(Some),
            };
            match passed {
                Ok(None) => break LinkState::Drained,
                Ok(Some(length)) => written += length,
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
        (written, state)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use mio::event::Source;
    use mio::{Interest, Registry, Token};
    use sfu_model::LinkProtocol;
    use sfu_transport::framing::frame_in_place;

    use super::*;

    fn pair() -> (Link, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (ours, _) = listener.accept().unwrap();
        ours.set_nonblocking(true).unwrap();
        let ours = mio::net::TcpStream::from_std(ours);
        let connection = Connection::tcp(ours, Vec::new()).unwrap();
        (Link::new(connection, Instant::now()), peer)
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(3600)
    }

    fn send(link: &mut Link, packet: &[u8]) -> LinkState {
        let mut frames = vec![0; 2];
        frames.extend_from_slice(packet);
        let layout = Layout::new(2, packet.len());
        frame_in_place(&mut frames, layout);
        link.send(&frames, layout, later())
    }

    /// Sends numbered packets until the link drops some.
    fn fill(link: &mut Link) -> u32 {
        let mut sent = 0;
        while !link.blocked || link.unsent.len() + 1200 < LINK_BYTES {
            let mut packet = [0; 1200];
            packet[..4].copy_from_slice(&u32::to_be_bytes(sent));
            assert_eq!(send(link, &packet), LinkState::Drained);
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
            assert_eq!(send(&mut link, &[7; 1200]), LinkState::Drained);
        }
        assert!(link.unsent.len() <= LINK_BYTES);
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

    /// A stream that takes everything, and passes it on when it is flushed and there is room.
    #[derive(Debug)]
    struct Buffering {
        taken: Vec<u8>,
        passed_on: Arc<Mutex<Vec<u8>>>,
        room: Arc<AtomicBool>,
    }

    impl Read for Buffering {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }

    impl Write for Buffering {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.taken.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            if !self.room.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.passed_on.lock().unwrap().append(&mut self.taken);
            Ok(())
        }
    }

    impl Source for Buffering {
        fn register(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
            Ok(())
        }

        fn reregister(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
            Ok(())
        }

        fn deregister(&mut self, _: &Registry) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_a_stream_keeps_to_itself_is_passed_on_when_there_is_room() {
        let (room, passed_on) = (Arc::<AtomicBool>::default(), Arc::<Mutex<_>>::default());
        let stream = Box::new(Buffering {
            taken: Vec::new(),
            passed_on: Arc::clone(&passed_on),
            room: Arc::clone(&room),
        });
        let anywhere = "192.0.2.1:7881".parse().unwrap();
        let path = Path {
            local: anywhere,
            remote: anywhere,
            protocol: LinkProtocol::Tcp,
        };
        let head = Vec::new();
        let mut link = Link::new(Connection { stream, path, head }, later());
        assert_eq!(send(&mut link, b"packet"), LinkState::Drained);
        assert!(link.blocked && passed_on.lock().unwrap().is_empty());
        room.store(true, Ordering::Relaxed);
        assert_eq!(link.flush(later()), LinkState::Drained);
        assert!(!link.blocked);
        assert_eq!(*passed_on.lock().unwrap(), b"\0\x06packet");
    }

    #[test]
    fn packets_that_leave_together_come_apart_at_the_peer() {
        let (mut link, mut peer) = pair();
        let layout = Layout::new(2, 3);
        let mut frames = *b"..abc..d";
        frame_in_place(&mut frames, layout);
        assert_eq!(link.send(&frames, layout, later()), LinkState::Drained);
        let mut stream = [0; 8];
        peer.read_exact(&mut stream).unwrap();
        assert_eq!(stream, *b"\0\x03abc\0\x01d");
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
