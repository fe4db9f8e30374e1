use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use loadtest_peer::{
    Arrival, DataChannelOpener, IceRole, Identity, Peer, PeerConfig, PeerEvent, Tally,
};
use sfu_model::{DtlsRole, IceCredentials, LinkProtocol, Now, Path, ShardIndex, UnixTime};
use sfu_transport::{
    CheckTag, PacketKind, Transport, TransportConfig, TransportEvent, check_tag_of, classify,
};

/// A peer and a transport, joined by a link that loses nothing.
pub(crate) struct World {
    pub(crate) now: Now,
    pub(crate) peer: Peer,
    pub(crate) server: Transport,
    pub(crate) tally: Tally,
    pub(crate) events: Vec<PeerEvent>,
    /// What the server opened: RTP, and RTCP compounds.
    pub(crate) rtp: Vec<Vec<u8>>,
    pub(crate) rtcp: Vec<Vec<u8>>,
    /// What happened to the server's transport.
    pub(crate) server_events: Vec<TransportEvent>,
    path: Path,
}

fn credentials(seed: u8) -> IceCredentials {
    IceCredentials::generate(ShardIndex(0), [seed; 34])
}

impl World {
    /// When a connected world begins, since the zero of stamps.
    pub(crate) const CONNECTED_AT: Duration = Duration::from_secs(2);
    /// Steps of the virtual clock.
    const STEP: Duration = Duration::from_millis(5);

    pub(crate) fn new() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the clock is virtual from here on"
        )]
        let mono = Instant::now();
        let now = Now {
            mono,
            unix: UnixTime(Duration::from_secs(1_700_000_000)),
        };
        let path = Path {
            local: "192.0.2.1:7882".parse().unwrap(),
            remote: "198.51.100.7:40000".parse().unwrap(),
            protocol: LinkProtocol::Udp,
        };
        let (client, server) = (credentials(1), credentials(2));
        let config = Arc::new(TransportConfig::generate().unwrap());
        let identity = Identity::generate().unwrap();
        let mut transport = Transport::new(
            &config,
            server.clone(),
            sfu_model::DataChannelOpener::Peer,
            CheckTag([5; 6]),
            [3; 32],
        );
        transport.set_remote(
            now,
            client.clone(),
            identity.fingerprint(),
            DtlsRole::Server,
        );
        let unreachable: SocketAddr = "192.0.2.99:1".parse().unwrap();
        let peer = PeerConfig {
            local: client,
            remote: server,
            role: IceRole::Controlling,
            fingerprint: config.fingerprint(),
            candidates: vec![unreachable, path.local],
            data_channels: DataChannelOpener::Us,
            random: [9; 12],
        };
        Self {
            now,
            peer: Peer::new(now, mono, &identity, peer),
            server: transport,
            tally: Tally::default(),
            events: Vec::new(),
            rtp: Vec::new(),
            rtcp: Vec::new(),
            server_events: Vec::new(),
            path,
        }
    }

    /// A world whose peer is connected.
    pub(crate) fn connected() -> Self {
        let mut world = Self::new();
        world.run(Self::CONNECTED_AT);
        assert!(world.peer.is_connected() && world.server.is_connected());
        world
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now.mono + time;
        while self.now.mono < end {
            self.exchange();
            self.now = self.now.after(Self::STEP);
            if self
                .peer
                .poll_timeout()
                .is_some_and(|at| at <= self.now.mono)
            {
                self.peer.handle_timeout(self.now, &mut self.tally);
            }
            self.server.handle_timeout(self.now);
        }
    }

    fn exchange(&mut self) {
        let mut buf = Vec::new();
        loop {
            let mut idle = true;
            while let Some(to) = self.peer.poll_transmit(&mut buf) {
                idle = false;
                if to == self.path.local {
                    self.arrive_at_server(&mut buf.clone());
                }
            }
            while self.server.poll_check(self.now, &mut buf).is_some()
                || self.server.poll_transmit(self.now, &mut buf)
            {
                idle = false;
                self.arrive_at_peer(buf.clone());
            }
            if idle {
                break;
            }
        }
        while let Some(event) = self.peer.poll_event() {
            self.events.push(event);
        }
        while let Some(event) = self.server.poll_event() {
            self.server_events.push(event);
        }
    }

    fn arrive_at_server(&mut self, datagram: &mut [u8]) {
        match classify(datagram) {
            PacketKind::Stun if check_tag_of(datagram).is_some() => self
                .server
                .handle_answer(self.now, self.path, datagram)
                .unwrap(),
            PacketKind::Stun => {
                let mut reply = Vec::new();
                self.server
                    .handle_stun(self.now, self.path, datagram, &mut reply)
                    .unwrap();
                self.arrive_at_peer(reply);
            }
            PacketKind::Dtls => self
                .server
                .handle_dtls(self.now, self.path, datagram)
                .unwrap(),
            PacketKind::Rtp => {
                let len = self.server.open_rtp(self.now, datagram).unwrap();
                self.rtp.push(datagram[..len].to_vec());
            }
            PacketKind::Rtcp => {
                let len = self.server.open_rtcp(self.now, datagram).unwrap();
                self.rtcp.push(datagram[..len].to_vec());
            }
            PacketKind::Other => panic!("a datagram of no kind"),
        }
    }

    /// Delivers a datagram of the server's, which is read at once.
    pub(crate) fn arrive_at_peer(&mut self, datagram: Vec<u8>) {
        self.read_late(datagram, Duration::ZERO);
    }

    /// Delivers a datagram of the server's, which is read so long after it came.
    pub(crate) fn read_late(&mut self, mut datagram: Vec<u8>, late: Duration) {
        let arrival = Arrival {
            now: self.now,
            at: self.now.mono - late,
        };
        let from = self.path.local;
        self.peer
            .handle_datagram(arrival, from, &mut datagram, &mut self.tally);
    }

    /// Seals a packet of the server's and delivers it.
    pub(crate) fn send_rtp(&mut self, packet: Vec<u8>) {
        let sealed = self.seal(packet);
        self.arrive_at_peer(sealed);
    }

    /// Seals a packet of the server's.
    pub(crate) fn seal(&mut self, mut packet: Vec<u8>) -> Vec<u8> {
        self.server.seal_rtp(&mut packet, 0).unwrap();
        packet
    }

    /// Seals feedback of the server's and delivers it.
    pub(crate) fn send_rtcp(&mut self, mut compound: Vec<u8>) {
        self.server.seal_rtcp(&mut compound, 0).unwrap();
        self.arrive_at_peer(compound);
    }
}
