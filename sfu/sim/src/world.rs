use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use sfu_core::Shard;
use sfu_link::InFlight;
use sfu_model::{Command, Event, Fingerprint, LinkProtocol, Now, Path, UnixTime};
use sfu_transport::TransportConfig;

use crate::client_id::ClientId;
use crate::plane::Plane;
use crate::residence::Residence;
use crate::shared_link::{Carried, Segment, SharedLink, SharedLinkId};
use crate::trace::describe;
use crate::{Client, LinkProfile, Random, Script, Seed, Tcp, Trace};

/// When every world begins. A monotonic time can be made of no number, so the process reads its
/// clock once.
static BEGINNING: LazyLock<Instant> = LazyLock::new(|| {
    #[expect(clippy::disallowed_methods, reason = "only differences from it count")]
    Instant::now()
});

/// Returns the time at which every world begins.
pub fn beginning() -> Now {
    Now {
        mono: *BEGINNING,
        unix: UnixTime(Duration::from_secs(1_700_000_000)),
    }
}

/// Shards, their clients, and the links between them.
#[derive(Debug)]
pub struct World {
    now: Now,
    plane: Plane,
    fingerprint: Fingerprint,
    clients: Vec<Residence>,
    shared_links: Vec<SharedLink>,
    in_flight: InFlight<Arrival>,
    events: Vec<Event>,
    seed: Seed,
    trace: Trace,
}

/// What has come to the end of its way.
#[derive(Clone, Debug)]
enum Arrival {
    Datagram {
        path: Path,
        towards: Side,
        datagram: Vec<u8>,
    },
    /// Of a TCP sender beside the call.
    Segment(Segment),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Shard,
    Client,
}

impl World {
    /// Where the shards listen.
    pub const SERVER: SocketAddr = SocketAddr::new(
        std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)),
        7_882,
    );

    /// How often something may be due at the same time before the world is at fault.
    const MAX_STEPS_PER_INSTANT: u32 = 10_000;

    /// Makes a world with an empty shard.
    ///
    /// # Panics
    ///
    /// Panics if the cryptographic library cannot make a certificate.
    pub fn new(seed: Seed) -> Self {
        Self::with_shards(seed, 1)
    }

    /// Makes a world with empty shards, up to nine, that share a port.
    ///
    /// # Panics
    ///
    /// Panics if the cryptographic library cannot make a certificate.
    pub fn with_shards(seed: Seed, count: u16) -> Self {
        let transport = TransportConfig::generate().expect("a certificate can be made");
        let now = beginning();
        Self {
            now,
            fingerprint: transport.fingerprint(),
            plane: Plane::new(seed, transport, count),
            clients: Vec::new(),
            shared_links: Vec::new(),
            in_flight: InFlight::new(),
            events: Vec::new(),
            seed,
            trace: Trace::new(now.mono),
        }
    }

    /// Returns the time.
    pub fn now(&self) -> Now {
        self.now
    }

    /// Returns the first shard.
    ///
    /// # Panics
    ///
    /// Panics if the world was made without shards.
    pub fn shard(&self) -> &Shard {
        self.shards().first().expect("a world with a shard")
    }

    /// Returns the shards.
    pub fn shards(&self) -> &[Shard] {
        self.plane.shards()
    }

    /// Returns the fingerprint of the shards' certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Returns a source of randomness that the world does not use itself.
    pub fn random(&self, stream: u32) -> Random {
        Random::new(self.seed, 1 << 32 | u64::from(stream))
    }

    /// Returns what has happened.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Ends the world and returns what has happened in it.
    pub fn into_trace(self) -> Trace {
        self.trace
    }

    /// Writes into the trace.
    pub fn note(&mut self, who: &str, what: impl Into<String>) {
        self.trace.note(self.now.mono, who, what);
    }

    /// Adds a client that nobody has told of the server yet.
    pub fn add_client(&mut self, name: &str, profile: LinkProfile) -> ClientId {
        let id = ClientId(self.clients.len());
        let number = u16::try_from(id.0).expect("a world has few clients");
        let residence = Residence::new(self.seed, self.now, number, name, profile);
        self.clients.push(residence);
        id
    }

    /// Returns a client.
    pub fn client(&self, id: ClientId) -> &Client {
        &self.residence(id).client
    }

    /// Returns a client, to be told something.
    pub fn client_mut(&mut self, id: ClientId) -> &mut Client {
        &mut self.residence_mut(id).client
    }

    /// Changes the links of a client, both ways.
    pub fn set_links(&mut self, id: ClientId, profile: LinkProfile) {
        let residence = self.residence_mut(id);
        residence.up.set_profile(profile);
        residence.down.set_profile(profile);
    }

    /// Has the links of a client follow a script from now on.
    pub fn run_script(&mut self, id: ClientId, script: &Script) {
        let now = self.now.mono;
        let residence = self.residence_mut(id);
        residence.up.set_schedule(now, script.up.clone());
        residence.down.set_schedule(now, script.down.clone());
    }

    /// Adds a link that clients can be behind, which follows a script from now on.
    pub fn add_shared_link(&mut self, script: &Script) -> SharedLinkId {
        let number = self.shared_links.len();
        let link = SharedLink::new(self.seed, self.now.mono, number, script);
        self.shared_links.push(link);
        SharedLinkId(number)
    }

    /// Puts a client behind a shared link: what it sends and is sent passes that, and its own.
    pub fn put_behind(&mut self, id: ClientId, link: SharedLinkId) {
        self.residence_mut(id).behind = Some(link);
    }

    /// Has a TCP sender share the way down of a link, from a time on.
    pub fn share_with(&mut self, link: SharedLinkId, begin: Instant, tcp: Tcp) {
        if let Some(link) = self.shared_links.get_mut(link.0) {
            link.add_sender(begin, tcp);
        }
    }

    /// Takes what the way down of a shared link has carried since it was last taken.
    pub fn take_carried(&mut self, link: SharedLinkId) -> Vec<Carried> {
        let link = self.shared_links.get_mut(link.0);
        link.map(SharedLink::take_carried).unwrap_or_default()
    }

    /// Moves a client to another address, as a NAT does: the client is not told.
    pub fn move_client(&mut self, id: ClientId, address: SocketAddr) {
        self.residence_mut(id).address = address;
        let name = self.client(id).name().to_owned();
        self.note(&name, format!("moves to {address}"));
    }

    /// Gives a command to the shards that it names.
    pub fn command(&mut self, command: &Command) {
        self.plane.command(self.now, command);
    }

    /// Takes what the shards have reported.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Returns what the shards have reported since it was last taken.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Returns the address of a client that the server sees.
    pub fn address(&self, id: ClientId) -> SocketAddr {
        self.residence(id).address
    }

    /// Has the shards get a datagram that none of the clients sent, whatever address it bears. It is
    /// not in the trace.
    pub fn inject(&mut self, from: SocketAddr, mut datagram: Vec<u8>) {
        self.settle();
        let path = path_of(from);
        self.plane.handle_datagram(self.now, path, &mut datagram);
    }

    /// Lets time pass.
    pub fn run_for(&mut self, duration: Duration) {
        self.run_to(self.now.mono + duration);
    }

    /// Lets time pass until `end`, and everything happen that is due by then.
    pub fn run_to(&mut self, end: Instant) {
        while let Some(due) = self.poll_timeout()
            && due <= end
        {
            self.run_once(due);
        }
        self.advance(end);
    }

    /// Lets time pass until something holds.
    ///
    /// # Panics
    ///
    /// Panics if it does not hold after `limit`, and says what happened last.
    #[track_caller]
    pub fn run_until(&mut self, limit: Duration, holds: impl Fn(&Self) -> bool) {
        let end = self.now.mono + limit;
        self.settle();
        while !holds(self) {
            let due = self.poll_timeout().filter(|due| *due <= end);
            let Some(due) = due else {
                let tail = self.trace.tail();
                assert!(holds(self), "it does not hold after {limit:?}:\n{tail}");
                return;
            };
            self.run_once(due);
        }
    }

    /// Returns when the next thing is due. What was commanded or sent meanwhile is on its way then.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        self.settle();
        let shard = self.plane.poll_timeout();
        let clients = self.clients.iter();
        let clients = clients.filter_map(|residence| residence.client.poll_timeout());
        let links = self.shared_links.iter();
        let links = links.filter_map(SharedLink::poll_timeout);
        let all = [self.in_flight.next_due(), shard].into_iter().flatten();
        all.chain(clients).chain(links).min()
    }

    /// Lets happen what is due at `due`, in a fixed order.
    fn run_once(&mut self, due: Instant) {
        self.advance(due);
        let mut steps = 0;
        while let Some(arrival) = self.in_flight.pop_due(self.now.mono) {
            self.deliver(arrival);
            self.settle();
            steps += 1;
            assert!(steps < Self::MAX_STEPS_PER_INSTANT, "{}", self.trace.tail());
        }
        self.plane.handle_timeout(self.now);
        self.settle();
        let mut sent = Vec::new();
        for (number, link) in self.shared_links.iter_mut().enumerate() {
            link.handle_timeout(self.now.mono, number, &mut sent);
        }
        self.put_on_way(sent);
        for residence in &mut self.clients {
            let due = residence.client.poll_timeout();
            if due.is_some_and(|due| due <= self.now.mono) {
                residence.client.handle_timeout(self.now);
            }
        }
        self.settle();
    }

    fn advance(&mut self, to: Instant) {
        self.now = self.now.after(to.saturating_duration_since(self.now.mono));
    }

    fn deliver(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Segment(segment) => {
                let mut sent = Vec::new();
                if let Some(link) = self.shared_links.get_mut(segment.link) {
                    link.handle(self.now.mono, segment, &mut sent);
                }
                self.put_on_way(sent);
            }
            Arrival::Datagram {
                path,
                towards,
                datagram,
            } => self.deliver_datagram(path, towards, datagram),
        }
    }

    fn put_on_way(&mut self, sent: Vec<(Instant, Segment)>) {
        for (at, segment) in sent {
            self.in_flight.push(at, Arrival::Segment(segment));
        }
    }

    fn deliver_datagram(&mut self, path: Path, towards: Side, mut datagram: Vec<u8>) {
        match towards {
            Side::Shard => self.plane.handle_datagram(self.now, path, &mut datagram),
            Side::Client => {
                let mut clients = self.clients.iter_mut();
                // Nobody lives any more where somebody moved away.
                if let Some(residence) = clients.find(|one| one.address == path.remote) {
                    let trace = &mut self.trace;
                    residence.client.handle_datagram(self.now, &datagram, trace);
                }
            }
        }
    }

    /// Puts on its way what all have to send, and collects what the shards report.
    fn settle(&mut self) {
        let mut buf = Vec::new();
        while let Some(transmit) = self.plane.poll_transmit(self.now, &mut buf) {
            for datagram in transmit.layout.datagrams(&buf) {
                self.send_down(transmit.path, datagram);
            }
        }
        self.collect_from_clients();
        while let Some(event) = self.plane.poll_event() {
            let what = describe(&event);
            self.trace.note(self.now.mono, "shard", what);
            self.events.push(event);
        }
    }

    fn send_down(&mut self, path: Path, datagram: &[u8]) {
        let mut clients = (0..).map(ClientId).zip(&mut self.clients);
        let Some((id, residence)) = clients.find(|(_, one)| one.address == path.remote) else {
            return;
        };
        let shared = residence.behind;
        let shared = shared.and_then(|link| self.shared_links.get_mut(link.0));
        let arrivals = residence.carry_down(self.now.mono, (id, shared), datagram, &mut self.trace);
        for at in arrivals {
            let arrival = Arrival::Datagram {
                path,
                towards: Side::Client,
                datagram: datagram.to_vec(),
            };
            self.in_flight.push(at, arrival);
        }
    }

    fn collect_from_clients(&mut self) {
        for residence in &mut self.clients {
            while let Some(datagram) = residence.client.poll_transmit(self.now) {
                let shared = residence.behind;
                let shared = shared.and_then(|link| self.shared_links.get_mut(link.0));
                let arrivals =
                    residence.carry_up(self.now.mono, shared, &datagram, &mut self.trace);
                for at in arrivals {
                    let arrival = Arrival::Datagram {
                        path: path_of(residence.address),
                        towards: Side::Shard,
                        datagram: datagram.clone(),
                    };
                    self.in_flight.push(at, arrival);
                }
            }
        }
    }

    fn residence(&self, id: ClientId) -> &Residence {
        let residence = self.clients.get(id.0);
        residence.expect("a client of this world")
    }

    fn residence_mut(&mut self, id: ClientId) -> &mut Residence {
        let residence = self.clients.get_mut(id.0);
        residence.expect("a client of this world")
    }
}

fn path_of(remote: SocketAddr) -> Path {
    Path {
        local: World::SERVER,
        remote,
        protocol: LinkProtocol::Udp,
    }
}
