//! A shard and the clients around it.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_srtp::context::Context;
use sfu_core::{Arrivals, Shard, ShardConfig, Transmit};
use sfu_model::{
    Command, DataChannelOpener, DtlsRole, Event, IceCredentials, LinkProtocol, NodeIndex, Now,
    Path, PeerId, PublicationId, RoomIndex, ShardIndex, SubscriptionId, UnixTime,
};
use sfu_rtp::RtpHeader;
use sfu_rtp::rtcp::{Compound, Packet};
use sfu_transport::{PacketKind, TransportConfig, classify};

use crate::check::{Check, answer};
use crate::client::Client;

static CONFIG: LazyLock<Arc<TransportConfig>> =
    LazyLock::new(|| Arc::new(TransportConfig::generate().unwrap()));

pub(crate) const ROOM: RoomIndex = RoomIndex(1);

/// Where everything lives that is not said to live elsewhere.
pub(crate) const HOME: ShardIndex = ShardIndex(0);

pub(crate) fn publication_id(index: u32) -> PublicationId {
    PublicationId {
        room: ROOM,
        index,
        shard: HOME,
        node: NodeIndex(0),
    }
}

pub(crate) fn subscription_id(index: u32) -> SubscriptionId {
    SubscriptionId {
        room: ROOM,
        index,
        shard: HOME,
        node: NodeIndex(0),
    }
}

fn start() -> Now {
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

/// One client and what it got.
pub(crate) struct Participant {
    pub(crate) id: PeerId,
    pub(crate) client: Client,
    pub(crate) path: Path,
    pub(crate) local: IceCredentials,
    pub(crate) remote: IceCredentials,
    srtp: Option<(Context, Context)>,
    /// Whether it leaves the server's checks without an answer.
    pub(crate) deaf: bool,
    /// Answers to checks that are on their way.
    answers: Vec<Vec<u8>>,
    /// Plaintext RTP packets that came.
    pub(crate) rtp: Vec<Vec<u8>>,
    /// Plaintext RTCP compounds that came.
    pub(crate) rtcp: Vec<Vec<u8>>,
}

impl Participant {
    /// Takes the keys that the handshake gave.
    pub(crate) fn begin_media(&mut self) {
        assert!(self.client.connected);
        self.srtp = Some(self.client.srtp());
    }

    /// Returns what it sends next.
    pub(crate) fn poll_transmit(&mut self, now: Now) -> Option<Vec<u8>> {
        let answer = self.answers.pop();
        answer.or_else(|| self.client.poll_transmit(now))
    }

    /// Takes the headers of the RTP packets that came.
    pub(crate) fn take_headers(&mut self) -> Vec<RtpHeader> {
        let packets = self.rtp.drain(..);
        packets
            .map(|packet| RtpHeader::parse(&packet).unwrap())
            .collect()
    }

    /// Counts the RTCP packets that came and for which `select` holds, and forgets all.
    pub(crate) fn take_rtcp(&mut self, select: impl Fn(&Packet<'_>) -> bool) -> usize {
        let compounds = self.rtcp.drain(..);
        compounds
            .map(|compound| {
                let packets = Compound::new(&compound).map(Result::unwrap);
                packets.filter(|packet| select(packet)).count()
            })
            .sum()
    }
}

pub(crate) struct World {
    pub(crate) now: Now,
    pub(crate) index: ShardIndex,
    pub(crate) shard: Shard,
    pub(crate) participants: Vec<Participant>,
    pub(crate) events: Vec<Event>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::of(HOME, 1)
    }

    /// The world around one of several shards.
    pub(crate) fn of(index: ShardIndex, shards: u16) -> Self {
        let mut config = ShardConfig::new(Arc::clone(&CONFIG));
        config.shards = shards;
        config.arrivals = Arrivals::Anywhere;
        Self {
            now: start(),
            index,
            shard: Shard::new(index, config, [7; 32]),
            participants: Vec::new(),
            events: Vec::new(),
        }
    }

    /// A world with `count` connected participants.
    pub(crate) fn with(count: u32) -> Self {
        let mut world = Self::new();
        for _ in 0..count {
            world.join();
        }
        world
    }

    /// Adds a participant and connects it. Returns its place.
    pub(crate) fn join(&mut self) -> usize {
        let place = self.join_unconnected();
        self.connect(place);
        place
    }

    /// Connects a participant.
    pub(crate) fn connect(&mut self, place: usize) {
        self.check(place);
        for _ in 0..20 {
            self.exchange();
            if self.participants[place].client.connected {
                break;
            }
            self.pass(Duration::from_millis(50));
        }
        self.participants[place].begin_media();
    }

    /// Adds a participant that has not sent anything.
    pub(crate) fn join_unconnected(&mut self) -> usize {
        let place = self.participants.len();
        let index = u32::try_from(place).unwrap();
        let port = 40_000 + u16::try_from(place).unwrap();
        let credentials = |side: u8| {
            let byte = u8::try_from(place).unwrap().wrapping_mul(3) ^ side;
            IceCredentials::generate(self.index, [byte; 34])
        };
        let participant = Participant {
            id: PeerId {
                room: ROOM,
                index,
                shard: self.index,
                node: NodeIndex(0),
            },
            client: Client::new(self.now, &[SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm]),
            path: Path {
                local: ([192, 0, 2, 1], 7882).into(),
                remote: ([198, 51, 100, 7], port).into(),
                protocol: LinkProtocol::Udp,
            },
            local: credentials(0),
            remote: credentials(0x80),
            srtp: None,
            deaf: false,
            answers: Vec::new(),
            rtp: Vec::new(),
            rtcp: Vec::new(),
        };
        self.command(Command::AddPeer {
            peer: participant.id,
            local: participant.local.clone(),
            data_channels: DataChannelOpener::Peer,
        });
        self.command(Command::SetRemote {
            peer: participant.id,
            remote: participant.remote.clone(),
            fingerprint: participant.client.fingerprint,
            role: DtlsRole::Server,
        });
        self.participants.push(participant);
        place
    }

    pub(crate) fn command(&mut self, command: Command) {
        self.shard.handle_command(self.now, command);
    }

    /// Sends a connectivity check that nominates the participant's path.
    pub(crate) fn check(&mut self, place: usize) {
        let path = self.participants[place].path;
        let mut check = self.check_of(place).bytes();
        self.shard.handle_datagram(self.now, path, &mut check);
    }

    /// Returns a connectivity check of a participant that nominates its path.
    pub(crate) fn check_of(&self, place: usize) -> Check {
        let participant = &self.participants[place];
        Check {
            to: participant.local.clone(),
            from_ufrag: participant.remote.ufrag.clone(),
            nominates: true,
            controlled: false,
        }
    }

    /// Sends an RTP packet as a participant, and delivers what follows.
    pub(crate) fn send_rtp(&mut self, place: usize, packet: &[u8]) {
        self.handle_rtp(place, packet);
        self.exchange();
    }

    /// Sends an RTP packet as a participant.
    pub(crate) fn handle_rtp(&mut self, place: usize, packet: &[u8]) {
        let mut datagram = self.seal_rtp(place, packet);
        let path = self.participants[place].path;
        self.shard.handle_datagram(self.now, path, &mut datagram);
    }

    /// Encrypts an RTP packet as a participant does.
    pub(crate) fn seal_rtp(&mut self, place: usize, packet: &[u8]) -> Vec<u8> {
        let (seal, _) = self.participants[place].srtp.as_mut().unwrap();
        seal.encrypt_rtp(packet).unwrap().to_vec()
    }

    /// Sends an RTCP compound as a participant.
    pub(crate) fn send_rtcp(&mut self, place: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let mut compound = Vec::new();
        write(&mut compound);
        let participant = &mut self.participants[place];
        let (seal, _) = participant.srtp.as_mut().unwrap();
        let mut datagram = seal.encrypt_rtcp(&compound).unwrap();
        let path = participant.path;
        self.shard.handle_datagram(self.now, path, &mut datagram);
        self.exchange();
    }

    /// Lets time pass, and does what is due meanwhile.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let end = self.now.after(duration);
        self.exchange();
        while let Some(deadline) = self.shard.poll_timeout()
            && deadline.at <= end.mono
        {
            let step = deadline.at.saturating_duration_since(self.now.mono);
            self.now = self.now.after(step);
            self.shard.handle_timeout(self.now);
            self.exchange();
        }
        self.now = end;
        for participant in &mut self.participants {
            participant.client.handle_timeout(self.now);
        }
        self.exchange();
    }

    /// Delivers what both sides have to send, until neither has more.
    pub(crate) fn exchange(&mut self) {
        let mut buf = Vec::new();
        loop {
            let mut idle = true;
            while let Some(transmit) = self.shard.poll_transmit(self.now, &mut buf) {
                idle = false;
                self.deliver(transmit, &buf);
            }
            while self.shard.work(self.now) {
                idle = false;
            }
            for participant in &mut self.participants {
                while let Some(mut datagram) = participant.poll_transmit(self.now) {
                    idle = false;
                    let path = participant.path;
                    self.shard.handle_datagram(self.now, path, &mut datagram);
                }
            }
            while let Some(event) = self.shard.poll_event() {
                self.events.push(event);
            }
            if idle {
                return;
            }
        }
    }

    pub(crate) fn deliver(&mut self, transmit: Transmit, datagrams: &[u8]) {
        for datagram in transmit.layout.datagrams(datagrams) {
            assert!(datagram.len() <= 1_400, "of {} bytes", datagram.len());
            self.deliver_one(transmit.path, datagram);
        }
    }

    fn deliver_one(&mut self, path: Path, datagram: &[u8]) {
        if classify(datagram) == PacketKind::Stun {
            self.deliver_check(path, datagram);
            return;
        }
        let mut participants = self.participants.iter_mut();
        let Some(participant) = participants.find(|participant| participant.path == path) else {
            return;
        };
        match (classify(datagram), &mut participant.srtp) {
            (PacketKind::Dtls, _) => participant.client.handle(self.now, datagram),
            (PacketKind::Rtp, Some((_, open))) => {
                let packet = open.decrypt_rtp(datagram).unwrap();
                participant.rtp.push(packet.to_vec());
            }
            (PacketKind::Rtcp, Some((_, open))) => {
                let compound = open.decrypt_rtcp(datagram).unwrap();
                participant.rtcp.push(compound.to_vec());
            }
            (PacketKind::Stun | PacketKind::Rtp | PacketKind::Rtcp | PacketKind::Other, _) => {}
        }
    }

    /// Has whoever is at `path` answer, if the check is for one of them.
    fn deliver_check(&mut self, path: Path, check: &[u8]) {
        let there = self.participants.iter_mut();
        for participant in there.filter(|one| one.path == path && !one.deaf) {
            let answer = answer(check, &participant.remote, path.local);
            participant.answers.extend(answer);
        }
    }

    /// Takes the events for which `select` holds, and forgets all.
    pub(crate) fn take_events<T>(&mut self, select: impl Fn(&Event) -> Option<T>) -> Vec<T> {
        let events = self.events.drain(..);
        events.filter_map(|event| select(&event)).collect()
    }
}
