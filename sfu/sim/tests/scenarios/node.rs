//! A room and its shard wired together as the node does it, and participants who come by signalling.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use auth::{Claims, TokenMark, VideoGrant};
use prost::Message as _;
use sfu_model::{DataChannel, LinkProtocol, NodeIndex, Pausing, RoomIndex, ShardIndex};
use sfu_sim::{LinkProfile, Reception, Seed, World};
use signaling_protocol::proto::signal_request::Message as Request;
use signaling_protocol::proto::signal_response::Message as Response;
use signaling_protocol::{Client, ConnectParameters, PeerConnections, Resume, proto};
use signaling_session::negotiation::{Candidate, TransportFacts};
use signaling_session::{
    ConnectionId, Credential, Join, Limits, NodeFacts, Output, Room, RoomOptions, RoomPlace,
};

use crate::member::Member;

/// A world with a room.
pub(crate) struct Node {
    pub(crate) world: World,
    room: Room,
    members: BTreeMap<String, Member>,
    /// Messages on their way, which all take as long.
    signals: VecDeque<(Instant, Signal)>,
    connections: u64,
}

enum Signal {
    ToRoom(ConnectionId, Box<Request>),
    ToMember(ConnectionId, Box<Response>),
}

/// How long a message of signalling travels.
const SIGNAL_DELAY: Duration = Duration::from_millis(15);

impl Node {
    pub(crate) fn new(seed: Seed) -> Self {
        let world = World::new(seed);
        let facts = NodeFacts {
            node: "ND_sim".into(),
            region: String::new(),
            ice_servers: Box::new(Vec::new()),
            limits: Limits::default(),
            enable_remote_unmute: false,
            allow_tcp_fallback: true,
            pausing: Pausing::Never,
        };
        let transport = TransportFacts {
            fingerprint: world.fingerprint(),
            candidates: vec![Candidate {
                address: World::SERVER,
                protocol: LinkProtocol::Udp,
            }],
        };
        let place = RoomPlace {
            node: NodeIndex(0),
            index: RoomIndex(1),
            home: ShardIndex(0),
            home_participants: 50,
            shards: Arc::new([Arc::new(transport)]),
        };
        let options = RoomOptions::new("lobby".into());
        let random = world.random(2).bytes();
        Self {
            room: Room::new(world.now(), Arc::new(facts), &place, options, random),
            world,
            members: BTreeMap::new(),
            signals: VecDeque::new(),
            connections: 0,
        }
    }

    /// Has a participant join who receives whatever is published.
    pub(crate) fn join(&mut self, name: &str, profile: LinkProfile) {
        let client = self.world.add_client(name, profile);
        let first_ssrc = 100_000 * (1 + self.members.len() as u32);
        let mut member = Member::new(client, first_ssrc);
        let offer = member.offer(&self.world);
        self.members.insert(name.to_owned(), member);
        self.connect(name, offer, None);
    }

    /// Has a participant lose its WebSocket.
    pub(crate) fn cut_signal(&mut self, name: &str) {
        if let Some(connection) = self.member_mut(name).connection.take() {
            let now = self.world.now();
            self.room.handle_signal_closed(now, connection);
        }
    }

    /// Has it come again to go on with its session.
    pub(crate) fn resume(&mut self, name: &str) {
        let resume = Resume {
            reason: proto::ReconnectReason::RrSignalDisconnected,
            participant_sid: None,
            sync_state: None,
        };
        self.connect(name, None, Some(resume));
    }

    fn connect(
        &mut self,
        name: &str,
        publisher_offer: Option<proto::SessionDescription>,
        resume: Option<Resume>,
    ) {
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        self.member_mut(name).connection = Some(connection);
        let mut claims = Claims::of(name.into());
        claims.video = Some(VideoGrant::to_join("lobby"));
        let info = proto::ClientInfo {
            protocol: 17,
            sdk: proto::client_info::Sdk::Js.into(),
            version: "2.23.0".to_owned(),
            ..proto::ClientInfo::default()
        };
        let parameters = ConnectParameters {
            peer_connections: PeerConnections::One,
            client: Client::from(info),
            auto_subscribe: true,
            adaptive_stream: false,
            subscriber_allow_pause: None,
            auto_subscribe_data_track: None,
            resume,
            publish: None,
            metadata: None,
            attributes: BTreeMap::new(),
            add_tracks: Vec::new(),
            publisher_offer,
        };
        let join = Join {
            connection,
            claims,
            credential: Credential {
                token: TokenMark::of("devkey".into(), name.into()),
                expires_at: self.world.now().unix,
                address: None,
            },
            parameters: Box::new(parameters),
        };
        let joined = self.room.handle_join(self.world.now(), join);
        joined.expect("everybody may join");
        self.settle();
    }

    /// Has a participant send a message.
    pub(crate) fn send(&mut self, name: &str, request: Request) {
        let connection = self.member(name).connection;
        let connection = connection.expect("a participant with a connection");
        let at = self.world.now().mono + SIGNAL_DELAY;
        let signal = Signal::ToRoom(connection, Box::new(request));
        self.signals.push_back((at, signal));
    }

    pub(crate) fn member(&self, name: &str) -> &Member {
        self.members.get(name).expect("a participant that joined")
    }

    fn member_mut(&mut self, name: &str) -> &mut Member {
        let member = self.members.get_mut(name);
        member.expect("a participant that joined")
    }

    /// Returns what came of each track that a participant has received, in the order of their coming.
    pub(crate) fn receptions(&self, name: &str) -> Vec<&Reception> {
        let member = self.member(name);
        let receivers = self.world.client(member.client).receivers();
        let heard = member
            .heard
            .iter()
            .filter_map(|(_, place)| receivers.get(*place));
        heard.map(|receiver| receiver.reception()).collect()
    }

    /// Lets time pass.
    pub(crate) fn run_for(&mut self, duration: Duration) {
        let end = self.world.now().mono + duration;
        self.settle();
        while let Some(due) = self.next_due().filter(|due| *due <= end) {
            self.world.run_to(due);
            while self.signals.front().is_some_and(|(at, _)| *at <= due)
                && let Some((_, signal)) = self.signals.pop_front()
            {
                self.deliver(signal);
            }
            if self
                .room
                .poll_timeout()
                .is_some_and(|deadline| deadline.at <= due)
            {
                self.room.handle_timeout(self.world.now());
            }
            self.settle();
        }
        self.world.run_to(end);
    }

    /// Lets time pass until something holds.
    #[track_caller]
    pub(crate) fn run_until(&mut self, limit: Duration, holds: impl Fn(&Self) -> bool) {
        let end = self.world.now().mono + limit;
        while !holds(self) {
            let tail = self.world.trace().tail();
            assert!(self.world.now().mono < end, "{tail}");
            self.run_for(Duration::from_millis(10));
        }
    }

    fn next_due(&mut self) -> Option<Instant> {
        let signal = self.signals.front().map(|(at, _)| *at);
        let room = self.room.poll_timeout().map(|deadline| deadline.at);
        let all = [self.world.poll_timeout(), signal, room];
        all.into_iter().flatten().min()
    }

    fn deliver(&mut self, signal: Signal) {
        match signal {
            Signal::ToRoom(connection, request) => {
                let request = proto::SignalRequest {
                    message: Some(*request),
                };
                self.room
                    .handle_signal(self.world.now(), connection, request);
            }
            Signal::ToMember(connection, response) => {
                let mut members = self.members.iter_mut();
                // What was sent to a lost connection is lost.
                let member = members.find(|(_, member)| member.connection == Some(connection));
                let Some((name, member)) = member else {
                    return;
                };
                let name = name.clone();
                self.world
                    .note(&name, format!("hears {}", kind_of(&response)));
                if let Some(request) = member.handle(&mut self.world, *response) {
                    self.send(&name, request);
                }
            }
        }
    }

    /// Returns a participant's data messages as they came, by the reliable channel.
    pub(crate) fn packets(&self, name: &str) -> Vec<proto::DataPacket> {
        let data = self.world.client(self.member(name).client).data();
        let packets = data.inbox.iter();
        let packets = packets.map(|(_, packet)| proto::DataPacket::decode(packet.as_slice()));
        packets
            .map(|packet| packet.expect("a data packet"))
            .collect()
    }

    /// Has a participant send a data packet by the reliable channel.
    pub(crate) fn send_packet(&mut self, name: &str, packet: &proto::DataPacket) {
        let (client, now) = (self.member(name).client, self.world.now());
        let client = self.world.client_mut(client);
        client.send_data(now, DataChannel::Reliable, packet.encode_to_vec());
    }

    /// Takes what the shard reports to the room, and what the room wants to the shard and to members.
    fn settle(&mut self) {
        loop {
            let events = self.world.take_events();
            let idle = events.is_empty();
            for event in events {
                self.room.handle_media(self.world.now(), event);
            }
            let mut outputs = 0;
            while let Some(output) = self.room.poll_output() {
                outputs += 1;
                self.carry_out(output);
            }
            if idle && outputs == 0 {
                return;
            }
            // The shard may have more to report.
            self.world.poll_timeout();
        }
    }

    fn carry_out(&mut self, output: Output) {
        let at = self.world.now().mono + SIGNAL_DELAY;
        let mut tell = |connection, message: proto::SignalResponse| {
            let response = message.message.expect("a message");
            let signal = Signal::ToMember(connection, Box::new(response));
            self.signals.push_back((at, signal));
        };
        match output {
            Output::Signal {
                connection,
                message,
            } => tell(connection, *message),
            Output::SignalAll {
                connections,
                message,
            } => {
                for connection in connections {
                    tell(connection, (*message).clone());
                }
            }
            Output::Media(command) => self.world.command(&command),
            Output::RefreshToken { .. }
            | Output::RoomMoved { .. }
            | Output::CloseSignal { .. }
            | Output::Notice(_)
            | Output::Qualities(_)
            | Output::RpcDone { .. }
            | Output::Closed => {}
        }
    }
}

/// Returns the name of a message, without what is in it: descriptions differ from run to run.
fn kind_of(response: &Response) -> String {
    let text = format!("{response:?}");
    let name = text.split('(').next();
    name.unwrap_or_default().to_owned()
}
