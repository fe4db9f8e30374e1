use std::io;
use std::net::SocketAddr;
use std::sync::PoisonError;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use mio::{Poll, Waker};
use sfu_core::{Arrivals, Shard, ShardConfig};
use sfu_model::{Event, ShardIndex};

use crate::acceptor::{self, Acceptor};
use crate::exchange::Exchange;
use crate::health::{MediaHealth, Pulse, ThreadHealth};
use crate::lane::RoomLane;
use crate::limits::TcpLimits;
use crate::mailbox::{Inbox, Letter, Mailbox, mailbox};
use crate::pinning::Cores;
use crate::report::{LatestReport, ShardReport};
use crate::shard_thread::{self, Intake, Outlet, ShardThread};
use crate::udp::UdpPort;

/// What the media plane listens on.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// The UDP addresses; port 0 takes a free one.
    pub udp: UdpAddresses,
    /// The addresses where ICE-TCP is accepted for all shards; none switches it off.
    pub tcp: Vec<SocketAddr>,
    /// Limits and timers of each shard. How many there are is told by `seeds`, and where datagrams
    /// arrive by `udp`.
    pub shard: ShardConfig,
    /// Seed of each shard's random choices; must be unpredictable.
    pub seeds: Vec<[u8; 32]>,
}

/// What shards bind for UDP. There may be ports of both kinds, and several of each: of another address family, or for
/// those whom a firewall lets go to few ports.
#[derive(Clone, Debug, Default)]
pub struct UdpAddresses {
    /// Those of each shard: clients are told where their shard is.
    pub of_each: Vec<Vec<SocketAddr>>,
    /// Those of all shards (`SO_REUSEPORT`): the kernel leads each client to one of them, and that hands its
    /// datagrams over to the client's shard, if it is another.
    pub shared: Vec<SocketAddr>,
}

impl UdpAddresses {
    /// For each shard ports of its own.
    pub fn of_each(of_each: Vec<Vec<SocketAddr>>) -> Self {
        Self {
            of_each,
            ..Self::default()
        }
    }

    /// The same ports for all.
    pub fn shared(shared: Vec<SocketAddr>) -> Self {
        Self {
            shared,
            ..Self::default()
        }
    }
}

/// The bound addresses of one shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardAddresses {
    /// UDP.
    pub udp: Vec<SocketAddr>,
    /// ICE-TCP, the same for all shards.
    pub tcp: Vec<SocketAddr>,
}

/// Why the media plane could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be bound.
    #[error("UDP address {address} cannot be bound: {source}")]
    Udp {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// An ICE-TCP address cannot be bound.
    #[error("TCP address for ICE cannot be bound (one of {addresses:?}): {source}")]
    Tcp {
        /// The addresses.
        addresses: Vec<SocketAddr>,
        /// The system's reason.
        source: io::Error,
    },
    /// The system refused a thread or a poll.
    #[error("a media thread cannot start: {0}")]
    Thread(#[from] io::Error),
}

/// What a shard's thread is made of.
struct Seat {
    poll: Poll,
    inbox: Inbox,
    ports: Vec<UdpPort>,
}

/// The running media plane. Dropping it ends its threads.
#[derive(Debug)]
pub struct MediaPlane {
    shards: Vec<Mailbox>,
    reports: Vec<LatestReport>,
    acceptor: Option<Mailbox>,
    limits: TcpLimits,
    addresses: Vec<ShardAddresses>,
    pulses: Vec<Pulse>,
    /// Those of the shards, then the acceptor's.
    threads: Vec<JoinHandle<()>>,
}

impl MediaPlane {
    /// Binds all addresses and starts the threads; each hands what its shard tells to its own copy
    /// of `sink`, which must not block.
    ///
    /// # Errors
    ///
    /// Fails when an address cannot be bound or the system refuses a thread.
    pub fn start<S>(config: &MediaConfig, sink: S) -> Result<Self, StartError>
    where
        S: FnMut(Event) + Clone + Send + 'static,
    {
        Self::start_with(config, TcpLimits::default(), sink)
    }

    pub(crate) fn start_with<S>(
        config: &MediaConfig,
        limits: TcpLimits,
        sink: S,
    ) -> Result<Self, StartError>
    where
        S: FnMut(Event) + Clone + Send + 'static,
    {
        let mut plane = Self {
            shards: Vec::new(),
            reports: Vec::new(),
            acceptor: None,
            limits,
            addresses: Vec::new(),
            pulses: Vec::new(),
            threads: Vec::new(),
        };
        let seats = plane.bind(config)?;
        plane.start_shards(config, seats, sink)?;
        if !config.tcp.is_empty() {
            plane.start_acceptor(&config.tcp)?;
        }
        Ok(plane)
    }

    /// Returns the addresses of each shard, by [`ShardIndex`].
    pub fn addresses(&self) -> &[ShardAddresses] {
        &self.addresses
    }

    /// Returns a way for the commands of one room.
    pub fn lane(&self) -> RoomLane {
        RoomLane::new(&self.shards)
    }

    /// Returns the latest report of each shard, at most a second old.
    pub fn reports(&self) -> Vec<ShardReport> {
        let read = |report: &LatestReport| {
            report
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone()
        };
        self.reports.iter().map(read).collect()
    }

    /// Returns how the threads fare.
    ///
    /// What lives on a shard whose thread has ended is gone, and what is sent to it is lost; one that
    /// stands still may come back. Nobody should be placed on either.
    pub fn health(&self) -> MediaHealth {
        let now = Instant::now();
        let judge = |(place, thread): (usize, &JoinHandle<()>)| match self.pulses.get(place) {
            _ if thread.is_finished() => ThreadHealth::Ended,
            Some(pulse) => pulse.health(now),
            None => ThreadHealth::Running,
        };
        let mut threads = self.threads.iter().enumerate().map(judge);
        MediaHealth {
            shards: threads.by_ref().take(self.shards.len()).collect(),
            acceptor: threads.next(),
        }
    }

    /// Has a shard's thread do what it never should.
    #[cfg(feature = "faults")]
    pub fn fault(&self, shard: ShardIndex, fault: impl FnOnce() + Send + 'static) {
        if let Some(mailbox) = self.shards.get(usize::from(shard.0)) {
            let fault = crate::mailbox::Fault(Box::new(fault));
            mailbox.send(Letter::Fault(fault));
        }
    }

    /// Returns how many lossy messages of rooms and connections of strangers were dropped because a shard
    /// did not keep up.
    pub fn dropped_letters(&self) -> u64 {
        self.shards.iter().map(Mailbox::dropped).sum()
    }

    /// Binds the ports of all shards.
    fn bind(&mut self, config: &MediaConfig) -> Result<Vec<Seat>, StartError> {
        let mut seats = Vec::new();
        let count = config.seeds.len();
        let mut shared = config.udp.shared.clone();
        for shard in 0..count {
            let own = config.udp.of_each.get(shard);
            let mut ports = bind_all(own.map_or(&[][..], Vec::as_slice), UdpPort::bind)?;
            let bound = match (shard, count) {
                (0, 1) => bind_all(&shared, UdpPort::bind)?,
                (0, _) => bind_all(&shared, UdpPort::bind_first_of_many)?,
                _ => bind_all(&shared, UdpPort::bind_further)?,
            };
            // The first has chosen the ports that were left open.
            shared = bound.iter().map(UdpPort::local).collect();
            ports.extend(bound);
            let poll = Poll::new()?;
            let waker = Waker::new(poll.registry(), shard_thread::MAILBOX)?;
            let (mailbox, inbox) = mailbox(waker);
            self.shards.push(mailbox);
            self.addresses.push(ShardAddresses {
                udp: ports.iter().map(UdpPort::local).collect(),
                tcp: Vec::new(),
            });
            seats.push(Seat { poll, inbox, ports });
        }
        Ok(seats)
    }

    fn start_shards<S>(
        &mut self,
        config: &MediaConfig,
        seats: Vec<Seat>,
        sink: S,
    ) -> Result<(), StartError>
    where
        S: FnMut(Event) + Clone + Send + 'static,
    {
        let cores = Cores::allowed();
        let count = seats.len();
        let exchanges = Exchange::between(&self.shards);
        let mut shard_config = config.shard.clone();
        shard_config.shards = u16::try_from(count).unwrap_or(u16::MAX);
        shard_config.arrivals = match config.udp.shared.is_empty() {
            true => Arrivals::AtOwner,
            false => Arrivals::Anywhere,
        };
        let seats = seats.into_iter().zip(exchanges).zip(&config.seeds);
        for (index, ((seat, exchange), seed)) in (0..).map(ShardIndex).zip(seats) {
            let shard = Shard::new(index, shard_config.clone(), *seed);
            let intake = Intake {
                inbox: seat.inbox,
                exchange,
                ports: seat.ports,
            };
            let outlet = Outlet {
                sink: sink.clone(),
                report: LatestReport::default(),
                pulse: Pulse::new(Instant::now()),
            };
            self.reports.push(outlet.report.clone());
            self.pulses.push(outlet.pulse.clone());
            let shard_thread = ShardThread::new(shard, seat.poll, intake, self.limits, outlet)?;
            let cores = cores.clone();
            let thread = thread::Builder::new()
                .name(format!("shard-{}", index.0))
                .spawn(move || {
                    if let Err(error) = cores.pin(index.0.into(), count) {
                        tracing::warn!(%error, shard = index.0, "A media thread stays without a core of its own");
                    }
                    shard_thread.run();
                })?;
            self.threads.push(thread);
        }
        Ok(())
    }

    fn start_acceptor(&mut self, addresses: &[SocketAddr]) -> Result<(), StartError> {
        let poll = Poll::new()?;
        let (mailbox, inbox) = mailbox(Waker::new(poll.registry(), acceptor::MAILBOX)?);
        let failed = |source| StartError::Tcp {
            addresses: addresses.to_vec(),
            source,
        };
        let shards = self.shards.clone();
        let acceptor =
            Acceptor::bind(poll, inbox, addresses, shards, self.limits).map_err(failed)?;
        let bound = acceptor.addresses().map_err(failed)?;
        for shard in &mut self.addresses {
            shard.tcp.clone_from(&bound);
        }
        let thread = thread::Builder::new()
            .name("ice-tcp".to_owned())
            .spawn(move || acceptor.run())?;
        self.acceptor = Some(mailbox);
        self.threads.push(thread);
        Ok(())
    }
}

fn bind_all(
    addresses: &[SocketAddr],
    bind: impl Fn(SocketAddr) -> io::Result<UdpPort>,
) -> Result<Vec<UdpPort>, StartError> {
    let bind = |address: &SocketAddr| {
        let address = *address;
        bind(address).map_err(|source| StartError::Udp { address, source })
    };
    addresses.iter().map(bind).collect()
}

impl Drop for MediaPlane {
    fn drop(&mut self) {
        for mailbox in self.acceptor.iter().chain(&self.shards) {
            mailbox.send(Letter::Stop);
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("A media thread ended by a panic");
            }
        }
    }
}
