use std::io;
use std::net::SocketAddr;
use std::sync::PoisonError;
use std::thread::{self, JoinHandle};

use mio::{Poll, Waker};
use sfu_core::{Shard, ShardConfig};
use sfu_model::{Command, Event, ShardIndex};

use crate::acceptor::{self, Acceptor};
use crate::limits::TcpLimits;
use crate::mailbox::{Letter, Mailbox, mailbox};
use crate::report::{LatestReport, ShardReport};
use crate::shard_thread::{self, Intake, ShardThread};
use crate::udp::UdpPort;

/// What the media plane listens on.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// For each shard, the UDP addresses that it binds; port 0 takes a free one.
    pub udp: Vec<Vec<SocketAddr>>,
    /// The addresses where ICE-TCP is accepted for all shards; none switches it off.
    pub tcp: Vec<SocketAddr>,
    /// Limits and timers of each shard.
    pub shard: ShardConfig,
    /// Seed of each shard's random choices; must be unpredictable.
    pub seeds: Vec<[u8; 32]>,
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

/// The running media plane. Dropping it ends its threads.
#[derive(Debug)]
pub struct MediaPlane {
    shards: Vec<Mailbox>,
    reports: Vec<LatestReport>,
    acceptor: Option<Mailbox>,
    limits: TcpLimits,
    addresses: Vec<ShardAddresses>,
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
            threads: Vec::new(),
        };
        for (addresses, seed) in config.udp.iter().zip(&config.seeds) {
            plane.start_shard(config, addresses, *seed, sink.clone())?;
        }
        if !config.tcp.is_empty() {
            plane.start_acceptor(&config.tcp)?;
        }
        Ok(plane)
    }

    /// Returns the addresses of each shard, by [`ShardIndex`].
    pub fn addresses(&self) -> &[ShardAddresses] {
        &self.addresses
    }

    /// Sends commands to a shard, which is woken once. It waits only while the shard's mailbox is
    /// full, and never for lossy data, which is dropped then.
    pub fn send(&self, shard: ShardIndex, commands: impl IntoIterator<Item = Command>) {
        if let Some(mailbox) = self.shards.get(usize::from(shard.0)) {
            mailbox.send_all(commands.into_iter().map(Letter::Command));
        }
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

    /// Returns how many lossy messages were dropped because a shard did not keep up.
    pub fn dropped_letters(&self) -> u64 {
        self.shards.iter().map(Mailbox::dropped).sum()
    }

    fn start_shard<S>(
        &mut self,
        config: &MediaConfig,
        addresses: &[SocketAddr],
        seed: [u8; 32],
        sink: S,
    ) -> Result<(), StartError>
    where
        S: FnMut(Event) + Send + 'static,
    {
        let mut ports = Vec::new();
        for address in addresses {
            let port = UdpPort::bind(*address).map_err(|source| StartError::Udp {
                address: *address,
                source,
            })?;
            ports.push(port);
        }
        let poll = Poll::new()?;
        let (mailbox, inbox) = mailbox(Waker::new(poll.registry(), shard_thread::MAILBOX)?);
        let index = self.shards.len();
        self.addresses.push(ShardAddresses {
            udp: ports.iter().map(UdpPort::local).collect(),
            tcp: Vec::new(),
        });
        let shard = Shard::new(config.shard.clone(), seed);
        let report = LatestReport::default();
        let intake = Intake { inbox, ports };
        let shard_thread =
            ShardThread::new(shard, poll, intake, self.limits, report.clone(), sink)?;
        let thread = thread::Builder::new()
            .name(format!("shard-{index}"))
            .spawn(move || shard_thread.run())?;
        self.shards.push(mailbox);
        self.reports.push(report);
        self.threads.push(thread);
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
