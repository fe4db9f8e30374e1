//! A shard's UDP sockets.

mod inbound;
mod outbound;
mod system;

use std::io;
use std::net::SocketAddr;

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use sfu_transport::layout::Layout;
use socket2::{Domain, Protocol, Socket, Type};

pub(crate) use inbound::Inbound;
use outbound::Outbound;

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
    outbound: Outbound,
    watches_room: bool,
    lost: u32,
}

impl UdpPort {
    /// Binds `address`; port 0 takes a free one.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        Self::from_socket(open(address)?, address)
    }

    /// Binds `address`, so that further ports of this process can share it.
    pub(crate) fn bind_first_of_many(address: SocketAddr) -> io::Result<Self> {
        // Whoever else shares ports would be joined silently: this bind says that the address is taken.
        open(address)?.bind(&address.into())?;
        Self::bind_further(address)
    }

    /// Binds an address that is shared by others.
    pub(crate) fn bind_further(address: SocketAddr) -> io::Result<Self> {
        let socket = open(address)?;
        socket.set_reuse_port(true)?;
        Self::from_socket(socket, address)
    }

    fn from_socket(socket: Socket, address: SocketAddr) -> io::Result<Self> {
        socket.bind(&address.into())?;
        let socket = UdpSocket::from_std(socket.into());
        let local = socket.local_addr()?;
        Ok(Self {
            socket,
            local,
            readable: true,
            outbound: Outbound::new(),
            watches_room: false,
            lost: 0,
        })
    }

    /// Has `token` told when there is something to receive.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.socket, token, Interest::READABLE)
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    pub(crate) fn set_readable(&mut self) {
        self.readable = true;
    }

    pub(crate) fn is_readable(&self) -> bool {
        self.readable
    }

    /// Receives a batch of datagrams into `inbound`.
    pub(crate) fn receive(&mut self, inbound: &mut Inbound) {
        self.readable = inbound.fill(&self.socket);
        self.lost = inbound.lost().unwrap_or(self.lost);
    }

    /// Queues datagrams that lie wall to wall, and sends when a batch is full. `datagrams` is exchanged
    /// for another buffer.
    pub(crate) fn send(&mut self, remote: SocketAddr, datagrams: &mut Vec<u8>, layout: Layout) {
        self.outbound.push(remote, datagrams, layout);
        if self.outbound.is_full() {
            self.flush();
        }
    }

    /// Sends what is queued, unless the kernel's buffer is full.
    pub(crate) fn flush(&mut self) {
        let socket = &self.socket;
        self.outbound
            .flush(|messages| system::send_many(socket, messages));
    }

    /// Tries again to send what a full buffer of the kernel had no room for.
    pub(crate) fn retry(&mut self) {
        if self.is_blocked() {
            self.outbound.unblock();
            self.flush();
        }
    }

    /// Reports whether the kernel's buffer is full: nothing more should be sent until
    /// [`UdpPort::retry`] has found room again.
    pub(crate) fn is_blocked(&self) -> bool {
        self.outbound.is_blocked()
    }

    /// Queues a datagram that the kernel has no room for.
    #[cfg(test)]
    pub(crate) fn send_in_vain(&mut self, remote: SocketAddr, datagram: &[u8]) {
        self.outbound.push(
            remote,
            &mut datagram.to_vec(),
            Layout::new(0, datagram.len()),
        );
        self.outbound
            .flush(|_| Err(io::ErrorKind::WouldBlock.into()));
    }

    /// Has `token` told when there is room to send again, while the kernel's buffer is full; at other
    /// times every datagram that leaves it would wake the thread.
    pub(crate) fn watch_room(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        if self.watches_room == self.is_blocked() {
            return Ok(());
        }
        self.watches_room = self.is_blocked();
        let interest = match self.watches_room {
            true => Interest::READABLE | Interest::WRITABLE,
            false => Interest::READABLE,
        };
        registry.reregister(&mut self.socket, token, interest)
    }

    /// Returns how many datagrams were lost because the kernel's receive buffer was full.
    pub(crate) fn lost(&self) -> u32 {
        self.lost
    }

    /// Returns how many messages the kernel refused to send.
    pub(crate) fn refused(&self) -> u64 {
        self.outbound.refused()
    }
}

/// Makes a socket for `address`.
fn open(address: SocketAddr) -> io::Result<Socket> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(KERNEL_BUFFER)?;
    socket.set_send_buffer_size(KERNEL_BUFFER)?;
    system::ask_for_extras(&socket);
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket as StdSocket};
    use std::time::{Duration, Instant};

    use super::*;

    fn port() -> UdpPort {
        UdpPort::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap()
    }

    /// Ten datagrams of one length and a shorter one, each of a byte of its own.
    fn run() -> Vec<Vec<u8>> {
        let datagrams = (0..10).map(|i| vec![i; 1_200]);
        datagrams.chain([vec![10; 700]]).collect()
    }

    /// Receives until `count` datagrams are there.
    fn receive(port: &mut UdpPort, count: usize) -> Vec<Vec<u8>> {
        let (mut inbound, mut datagrams) = (Inbound::new(), Vec::new());
        let patience = Instant::now() + Duration::from_secs(10);
        while datagrams.len() < count && Instant::now() < patience {
            port.receive(&mut inbound);
            inbound.each(port.local(), |_, datagram| {
                datagrams.push(datagram.to_vec());
            });
        }
        datagrams
    }

    #[test]
    fn a_run_arrives_as_its_datagrams_wherever_it_goes() {
        let (mut sender, mut receiver) = (port(), port());
        sender.send(receiver.local(), &mut run().concat(), Layout::new(0, 1_200));
        sender.flush();
        assert_eq!(receive(&mut receiver, run().len()), run());

        let plain = StdSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        plain
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        sender.send(
            plain.local_addr().unwrap(),
            &mut run().concat(),
            Layout::new(0, 1_200),
        );
        sender.flush();
        for expected in run() {
            let mut datagram = vec![0; 2_048];
            let length = plain.recv(&mut datagram).unwrap();
            assert_eq!(datagram[..length], expected);
        }
    }

    #[test]
    fn messages_of_several_destinations_leave_in_one_batch() {
        let (mut sender, mut receivers) = (port(), [port(), port(), port()]);
        for (i, receiver) in receivers.iter().enumerate() {
            sender.send(receiver.local(), &mut vec![i as u8; 3], Layout::new(0, 3));
        }
        sender.flush();
        for (i, receiver) in receivers.iter_mut().enumerate() {
            assert_eq!(receive(receiver, 1), [vec![i as u8; 3]]);
        }
        assert_eq!(sender.refused(), 0);
    }

    #[test]
    fn what_a_full_socket_loses_is_counted() {
        let (sender, mut receiver) = (StdSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(), port());
        let sent = 2 * KERNEL_BUFFER / 1_000;
        for _ in 0..sent {
            sender.send_to(&[1; 1_000], receiver.local()).unwrap();
        }
        let taken = receive_all(&mut receiver);
        // The count comes with the next datagram.
        sender.send_to(&[2; 10], receiver.local()).unwrap();
        assert_eq!(receive(&mut receiver, 1), [vec![2; 10]]);
        assert_eq!(receiver.lost() as usize, sent - taken);
        assert!(receiver.lost() > 0);
    }

    fn receive_all(port: &mut UdpPort) -> usize {
        let (mut inbound, mut count) = (Inbound::new(), 0);
        port.set_readable();
        while port.is_readable() {
            port.receive(&mut inbound);
            count += inbound.each(port.local(), |_, _| {});
        }
        count
    }
}
