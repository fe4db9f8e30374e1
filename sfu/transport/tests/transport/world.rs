//! A transport and its client, joined by a link that may lose datagrams.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use sfu_model::{
    DataChannelOpener, DtlsRole, IceCredentials, LinkProtocol, Now, Path, ShardIndex, UnixTime,
};
use sfu_transport::{
    CheckTag, DropReason, StunOutcome, Transport, TransportConfig, TransportEvent,
};

use crate::check::{Check, answer};
use crate::client::{CHROMIUM_PROFILES, Client};

pub(crate) static CONFIG: LazyLock<Arc<TransportConfig>> =
    LazyLock::new(|| Arc::new(TransportConfig::generate().unwrap()));

pub(crate) fn credentials(seed: u8) -> IceCredentials {
    IceCredentials::generate(
        ShardIndex(0),
        std::array::from_fn(|i| seed.wrapping_add(u8::try_from(i).unwrap())),
    )
}

pub(crate) fn path(client: &str) -> Path {
    Path {
        local: "192.0.2.1:7882".parse().unwrap(),
        remote: client.parse::<SocketAddr>().unwrap(),
        protocol: LinkProtocol::Udp,
    }
}

pub(crate) fn start() -> Now {
    #[expect(
        clippy::disallowed_methods,
        reason = "the clock is virtual from here on"
    )]
    let mono = Instant::now();
    Now {
        mono,
        unix: UnixTime(Duration::from_secs(1_700_000_000)),
    }
}

/// A generator of numbers that are the same in each run.
pub(crate) struct Lcg(pub u64);

impl Lcg {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next()).unwrap() % limit
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

pub(crate) struct World {
    pub(crate) now: Now,
    pub(crate) server: Transport,
    pub(crate) client: Client,
    /// The server's side of the handshake.
    pub(crate) role: DtlsRole,
    pub(crate) local: IceCredentials,
    pub(crate) remote: IceCredentials,
    pub(crate) path: Path,
    pub(crate) events: Vec<TransportEvent>,
    /// Datagrams lost of 100, in each direction.
    pub(crate) loss: usize,
    pub(crate) random: Lcg,
    /// What becomes of the server's checks.
    fate: Lcg,
    pub(crate) sent_by_server: usize,
    /// Where nobody answers the server's checks.
    pub(crate) deaf: Vec<Path>,
    /// The server's checks: where they went.
    pub(crate) asked: Vec<Path>,
    checked_at: Instant,
}

/// How often a client checks its path, as libwebrtc does.
const CHECK_INTERVAL: Duration = Duration::from_millis(2_500);

impl World {
    pub(crate) fn new(opener: DataChannelOpener) -> Self {
        Self::with_profiles(opener, &CHROMIUM_PROFILES)
    }

    pub(crate) fn with_profiles(
        opener: DataChannelOpener,
        profiles: &[SrtpProtectionProfile],
    ) -> Self {
        Self::with_role(opener, profiles, DtlsRole::Server)
    }

    /// A world whose client is the DTLS server, as Pion is towards an ICE-lite server that offers.
    pub(crate) fn calling(opener: DataChannelOpener) -> Self {
        Self::with_role(opener, &CHROMIUM_PROFILES, DtlsRole::Client)
    }

    pub(crate) fn with_role(
        opener: DataChannelOpener,
        profiles: &[SrtpProtectionProfile],
        role: DtlsRole,
    ) -> Self {
        let now = start();
        let (local, remote) = (credentials(1), credentials(100));
        let server = Transport::new(&CONFIG, local.clone(), opener, CheckTag([5; 6]), [3; 32]);
        Self {
            now,
            server,
            client: match role {
                DtlsRole::Server => Client::new(now, profiles),
                DtlsRole::Client => Client::listening(now, profiles),
            },
            role,
            local,
            remote,
            path: path("198.51.100.7:40000"),
            events: Vec::new(),
            loss: 0,
            random: Lcg(11),
            fate: Lcg(5),
            sent_by_server: 0,
            deaf: Vec::new(),
            asked: Vec::new(),
            checked_at: now.mono,
        }
    }

    /// A world whose transport is up.
    pub(crate) fn connected(opener: DataChannelOpener) -> Self {
        let mut world = Self::new(opener);
        world.connect();
        world
    }

    pub(crate) fn connect(&mut self) {
        self.describe();
        self.nominate(self.path).unwrap();
        self.run_until(Duration::from_secs(60), |world| {
            world.client.connected && world.server.is_connected()
        });
    }

    pub(crate) fn describe(&mut self) {
        let fingerprint = self.client.fingerprint;
        self.server
            .set_remote(self.now, self.remote.clone(), fingerprint, self.role);
        self.answer_checks();
    }

    pub(crate) fn check(&self) -> Check {
        Check {
            to: self.local.clone(),
            from_ufrag: self.remote.ufrag.clone(),
            nominates: true,
            controlled: false,
        }
    }

    pub(crate) fn nominate(&mut self, path: Path) -> Result<StunOutcome, DropReason> {
        let check = self.check();
        self.stun(path, &check.bytes()).0
    }

    pub(crate) fn stun(
        &mut self,
        path: Path,
        message: &[u8],
    ) -> (Result<StunOutcome, DropReason>, Vec<u8>) {
        let mut reply = vec![0xAA; 3];
        let outcome = self.server.handle_stun(self.now, path, message, &mut reply);
        self.answer_checks();
        (outcome, reply)
    }

    /// Has the client answer the server's checks, wherever it is not deaf.
    pub(crate) fn answer_checks(&mut self) {
        let mut check = Vec::new();
        while let Some(path) = self.server.poll_check(self.now, &mut check) {
            self.asked.push(path);
            let is_lost = |world: &mut Self| world.fate.below(100) < world.loss;
            if self.deaf.contains(&path) || is_lost(self) {
                continue;
            }
            let answer = answer(&check, &self.remote, path.local).unwrap();
            assert!(answer.len() <= check.len());
            if !is_lost(self) {
                self.server.handle_answer(self.now, path, &answer).ok();
            }
        }
    }

    /// Exchanges datagrams and lets time pass, until the condition holds.
    pub(crate) fn run_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) {
        let end = self.now.mono + limit;
        loop {
            self.exchange();
            if done(self) {
                return;
            }
            assert!(
                self.now.mono < end,
                "the condition does not hold after {limit:?}: {:?}",
                self.events
            );
            self.advance(end);
        }
    }

    /// Exchanges datagrams for a while.
    pub(crate) fn run_for(&mut self, duration: Duration) {
        let end = self.now.mono + duration;
        loop {
            self.exchange();
            self.advance(end);
            if self.now.mono >= end {
                return;
            }
        }
    }

    /// Lets time pass until something is due, with the client's checks.
    fn advance(&mut self, end: Instant) {
        let check_at = self.checked_at + CHECK_INTERVAL;
        let deadlines = [self.server.poll_timeout(), self.client.poll_timeout()];
        let next = deadlines.into_iter().flatten().chain([check_at, end]).min();
        let step = next.map_or(Duration::ZERO, |next| {
            next.saturating_duration_since(self.now.mono)
        });
        self.pass(step.max(Duration::from_millis(1)));
        if self.now.mono >= check_at {
            self.checked_at = self.now.mono;
            if !self.is_lost() {
                self.nominate(self.path).ok();
            }
        }
    }

    pub(crate) fn pass(&mut self, duration: Duration) {
        self.now = self.now.after(duration);
        self.server.handle_timeout(self.now);
        self.client.handle_timeout(self.now);
        self.collect();
    }

    /// Delivers what both ends have to send, until neither has more.
    pub(crate) fn exchange(&mut self) {
        let mut buf = Vec::new();
        self.answer_checks();
        loop {
            let mut idle = true;
            while self.server.poll_transmit(self.now, &mut buf) {
                idle = false;
                self.sent_by_server += 1;
                assert!(buf.len() <= 1_250, "a datagram of {} bytes", buf.len());
                if !self.is_lost() {
                    self.client.handle(self.now, &buf);
                }
            }
            while let Some(datagram) = self.client.poll_transmit(self.now) {
                idle = false;
                if !self.is_lost() {
                    self.server.handle_dtls(self.now, self.path, &datagram).ok();
                }
            }
            self.collect();
            if idle {
                return;
            }
        }
    }

    pub(crate) fn is_lost(&mut self) -> bool {
        self.random.below(100) < self.loss
    }

    pub(crate) fn collect(&mut self) {
        while let Some(event) = self.server.poll_event() {
            self.events.push(event);
        }
    }

    pub(crate) fn saw(&self, event: &TransportEvent) -> bool {
        self.events.contains(event)
    }
}
