//! A room with small clients that speak its messages.

pub(crate) mod sdp;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use auth::{Claims, TokenMark, VideoGrant};
use prost::Message as _;
use sdp::Transport;
use sfu_model::{
    Command, DataChannel, Event, Fingerprint, LinkProtocol, NodeIndex, Now, PeerId, RoomIndex,
    ShardIndex, UnixTime,
};
use signaling_protocol::proto::signal_request::Message as Request;
use signaling_protocol::proto::signal_response::Message as Response;
use signaling_protocol::{
    Client, ConnectParameters, DisconnectCause, PeerConnections, Resume, proto,
};
use signaling_session::negotiation::{Candidate, TransportFacts};
use signaling_session::{
    ConnectionId, Credential, Join, JoinRefused, Limits, NodeFacts, Output, Room, RoomError,
    RoomNotice, RoomOptions, RoomPlace, RoomReply, RoomRequest, RpcId, RpcOutcome, Seat, ShardLife,
};

/// What a test wants of a joining client.
#[derive(Clone, Debug)]
pub(crate) struct Joining {
    pub(crate) claims: Claims,
    pub(crate) token_expires_at: UnixTime,
    pub(crate) seat: Seat,
    pub(crate) parameters: ConnectParameters,
}

fn credential(joining: &Joining) -> Credential {
    Credential {
        token: TokenMark::of("devkey".into(), joining.claims.identity.clone()),
        expires_at: joining.token_expires_at,
        address: None,
    }
}

/// A client with one transport that subscribes to everything.
pub(crate) fn client(identity: &str) -> Joining {
    let mut claims = Claims::of(identity.into());
    claims.video = Some(VideoGrant::to_join("lobby"));
    Joining {
        claims,
        token_expires_at: UnixTime(Duration::from_secs(1_700_021_600)),
        seat: Seat::uncounted(),
        parameters: ConnectParameters {
            peer_connections: PeerConnections::One,
            client: Client::from(proto::ClientInfo {
                protocol: 17,
                sdk: proto::client_info::Sdk::Js.into(),
                version: "2.21.0".to_owned(),
                ..proto::ClientInfo::default()
            }),
            auto_subscribe: true,
            adaptive_stream: false,
            subscriber_allow_pause: None,
            auto_subscribe_data_track: None,
            resume: None,
            publish: None,
            metadata: None,
            attributes: BTreeMap::new(),
            add_tracks: Vec::new(),
            publisher_offer: None,
        },
    }
}

impl Joining {
    pub(crate) fn grant(&mut self) -> &mut VideoGrant {
        self.claims.video.as_mut().unwrap()
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn two_transports(mut self) -> Self {
        self.parameters.peer_connections = PeerConnections::Two;
        self
    }

    pub(crate) fn seat(mut self, seat: Seat) -> Self {
        self.seat = seat;
        self
    }

    pub(crate) fn protocol(mut self, protocol: i32) -> Self {
        let mut info = self.parameters.client.info().clone();
        info.protocol = protocol;
        self.parameters.client = info.into();
        self
    }
}

/// What a client remembers.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) identity: String,
    pub(crate) up: Transport,
    pub(crate) down: Transport,
    pub(crate) inbox: Vec<Response>,
    /// Whether the room has asked for the connection to be closed.
    pub(crate) closed: bool,
    pub(crate) tokens: Vec<Claims>,
    /// When each of them may end at the earliest.
    pub(crate) token_ends: Vec<UnixTime>,
}

/// A room, its clients, and what it asked of the world.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) room: Room,
    pub(crate) now: Now,
    pub(crate) members: BTreeMap<ConnectionId, Member>,
    pub(crate) commands: Vec<Command>,
    pub(crate) notices: Vec<RoomNotice>,
    pub(crate) rpcs: Vec<(RpcId, RpcOutcome)>,
    pub(crate) ended: bool,
    next_connection: u64,
}

#[expect(clippy::disallowed_methods, reason = "the beginning of virtual time")]
fn beginning() -> Instant {
    Instant::now()
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_, _| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut RoomOptions, &mut NodeFacts)) -> Self {
        Self::placed(1, 50, change)
    }

    /// A room with so many participants on the first of so many shards before others take any. Each
    /// shard is reached by its own port.
    pub(crate) fn placed(
        shards: u16,
        home_participants: usize,
        change: impl FnOnce(&mut RoomOptions, &mut NodeFacts),
    ) -> Self {
        Self::numbered(1, (shards, home_participants), change)
    }

    /// The room of this number. Rooms of different numbers have nothing in common.
    pub(crate) fn numbered(
        number: u8,
        (shards, home_participants): (u16, usize),
        change: impl FnOnce(&mut RoomOptions, &mut NodeFacts),
    ) -> Self {
        let mut options = RoomOptions::new("lobby".into());
        let mut facts = NodeFacts {
            node: "ND_test".into(),
            region: String::new(),
            ice_servers: Box::new(Vec::new()),
            limits: Limits::default(),
            enable_remote_unmute: false,
            allow_tcp_fallback: true,
            pausing: sfu_model::Pausing::Never,
        };
        change(&mut options, &mut facts);
        let now = Now {
            mono: beginning(),
            unix: UnixTime(Duration::from_secs(1_700_000_000)),
        };
        let transport = |shard: u16| {
            let address = ([192, 0, 2, 1], 50_000 + shard).into();
            let protocols = [LinkProtocol::Udp, LinkProtocol::Tcp];
            let candidates = protocols.map(|protocol| Candidate { address, protocol });
            Arc::new(TransportFacts {
                fingerprint: Fingerprint([7; 32]),
                candidates: candidates.into(),
            })
        };
        let place = RoomPlace {
            node: NodeIndex(0),
            index: RoomIndex(number.into()),
            home: ShardIndex(0),
            home_participants,
            shards: (0..shards).map(transport).collect(),
        };
        let mut world = Self {
            room: Room::new(now, Arc::new(facts), &place, options, [number; 32]),
            now,
            members: BTreeMap::new(),
            commands: Vec::new(),
            notices: Vec::new(),
            rpcs: Vec::new(),
            ended: false,
            next_connection: u64::from(number) * 1_000,
        };
        world.drain();
        world
    }

    fn next_connection(&mut self) -> ConnectionId {
        self.next_connection += 1;
        ConnectionId(self.next_connection)
    }

    /// Lets a client in.
    pub(crate) fn try_join(&mut self, joining: Joining) -> Result<ConnectionId, JoinRefused> {
        let connection = self.next_connection();
        let identity = joining.claims.identity.to_string();
        let ufrag = format!("{identity}{:04}", connection.0);
        let member = Member {
            identity,
            up: Transport::new(&ufrag),
            down: Transport::new(&ufrag),
            inbox: Vec::new(),
            closed: false,
            tokens: Vec::new(),
            token_ends: Vec::new(),
        };
        self.members.insert(connection, member);
        let join = Join {
            seat: joining.seat.clone(),
            connection,
            credential: credential(&joining),
            claims: joining.claims,
            parameters: Box::new(joining.parameters),
        };
        self.room.handle_join(self.now, join)?;
        self.drain();
        Ok(connection)
    }

    pub(crate) fn join(&mut self, joining: Joining) -> ConnectionId {
        self.try_join(joining).unwrap()
    }

    /// Lets a client in whose offer of three sections of each kind rides in its request, and
    /// connects its media.
    pub(crate) fn join_one(&mut self, joining: Joining) -> ConnectionId {
        let connection = self.join(joining);
        let member = self.member(connection);
        member.up.add_receiving(3, true);
        member.up.add_receiving(3, false);
        self.offer(connection);
        self.connect(connection);
        connection
    }

    /// Lets a client with two transports in, answers the first offer, and connects its media.
    pub(crate) fn join_two(&mut self, joining: Joining) -> ConnectionId {
        let connection = self.join(joining.two_transports());
        self.answer(connection);
        self.connect(connection);
        connection
    }

    /// Resumes a session on another connection; the client keeps what it knows.
    pub(crate) fn resume(&mut self, before: ConnectionId, joining: Joining) -> ConnectionId {
        self.resume_after(
            before,
            joining,
            proto::ReconnectReason::RrSignalDisconnected,
        )
    }

    /// Takes a session up again that was lost for this reason.
    pub(crate) fn resume_after(
        &mut self,
        before: ConnectionId,
        joining: Joining,
        reason: proto::ReconnectReason,
    ) -> ConnectionId {
        let connection = self.next_connection();
        let old = &self.members[&before];
        let member = Member {
            identity: old.identity.clone(),
            up: old.up.clone(),
            down: old.down.clone(),
            inbox: Vec::new(),
            closed: false,
            tokens: Vec::new(),
            token_ends: Vec::new(),
        };
        self.members.insert(connection, member);
        let credential = credential(&joining);
        let mut parameters = joining.parameters;
        let resume = parameters.resume.get_or_insert(Resume {
            reason,
            participant_sid: None,
            sync_state: None,
        });
        resume.reason = reason;
        let join = Join {
            seat: Seat::uncounted(),
            connection,
            claims: joining.claims,
            credential,
            parameters: Box::new(parameters),
        };
        self.room.handle_join(self.now, join).unwrap();
        self.drain();
        connection
    }

    pub(crate) fn member(&mut self, connection: ConnectionId) -> &mut Member {
        self.members.get_mut(&connection).unwrap()
    }

    pub(crate) fn send(&mut self, connection: ConnectionId, request: Request) {
        let request = proto::SignalRequest {
            message: Some(request),
        };
        self.room.handle_signal(self.now, connection, request);
        self.drain();
    }

    /// Sends the client's offer of its publishing (or only) transport.
    pub(crate) fn offer(&mut self, connection: ConnectionId) {
        let sdp = self.member(connection).up.offer();
        let description = proto::SessionDescription {
            r#type: "offer".to_owned(),
            sdp,
            id: 7,
            ..proto::SessionDescription::default()
        };
        self.send(connection, Request::Offer(description));
    }

    /// Answers the last offer that the client got.
    pub(crate) fn answer(&mut self, connection: ConnectionId) {
        let member = self.member(connection);
        let mut offers = member.inbox.iter().filter_map(|message| match message {
            Response::Offer(offer) => Some(offer),
            _ => None,
        });
        let Some(offer) = offers.next_back().cloned() else {
            return;
        };
        let sdp = member.down.answer(&offer.sdp);
        let description = proto::SessionDescription {
            r#type: "answer".to_owned(),
            sdp,
            id: offer.id,
            ..proto::SessionDescription::default()
        };
        self.send(connection, Request::Answer(description));
    }

    /// Asks to publish and offers the track's section.
    pub(crate) fn publish(
        &mut self,
        connection: ConnectionId,
        request: proto::AddTrackRequest,
    ) -> String {
        let audio = request.r#type() == proto::TrackType::Audio;
        let cid = request.cid.clone();
        let rids = match request.layers.len() {
            3 => vec!["q", "h", "f"],
            _ => Vec::new(),
        };
        self.send(connection, Request::AddTrack(request));
        self.member(connection).up.add_sending(audio, &cid).rids = rids;
        self.offer(connection);
        self.published(connection, &cid).sid
    }

    /// Returns what the client was told of its request.
    pub(crate) fn published(&mut self, connection: ConnectionId, cid: &str) -> proto::TrackInfo {
        let mut published =
            self.member(connection)
                .inbox
                .iter()
                .filter_map(|message| match message {
                    Response::TrackPublished(published) if published.cid == cid => {
                        published.track.clone()
                    }
                    _ => None,
                });
        published.next_back().expect("track_published")
    }

    /// Has a client go on in another room.
    pub(crate) fn move_to(&mut self, other: &mut Self, connection: ConnectionId) {
        let member = self.members.remove(&connection).unwrap();
        let identity = member.identity.as_str().into();
        let traveller = self.room.release(self.now, &identity).unwrap();
        self.drain();
        other.members.insert(connection, member);
        other.room.handle_arrival(other.now, traveller);
        other.drain();
    }

    /// Reports the client's transports as connected.
    pub(crate) fn connect(&mut self, connection: ConnectionId) {
        for peer in self.peers(connection) {
            let protocol = LinkProtocol::Udp;
            self.media(Event::PeerConnected { peer, protocol });
            for channel in [DataChannel::Reliable, DataChannel::Lossy] {
                self.media(Event::DataChannelOpened { peer, channel });
            }
        }
    }

    /// Returns the peers of a client, by the names that it gave its transports.
    pub(crate) fn peers(&self, connection: ConnectionId) -> Vec<PeerId> {
        let ufrag = &self.members[&connection].up.ufrag;
        let mut peers = Vec::new();
        for command in &self.commands {
            if let Command::SetRemote { peer, remote, .. } = command
                && remote.ufrag == *ufrag
                && !peers.contains(peer)
            {
                peers.push(*peer);
            }
        }
        peers
    }

    /// Closes a client's connection.
    pub(crate) fn close_signal(&mut self, connection: ConnectionId) {
        self.room.handle_signal_closed(self.now, connection);
        self.drain();
        self.member(connection).closed = true;
    }

    /// Returns the sids of all tracks that a client was told of.
    pub(crate) fn seen_tracks(&mut self, connection: ConnectionId) -> Vec<String> {
        let inbox = &self.member(connection).inbox;
        let told = inbox.iter().flat_map(|message| match message {
            Response::Join(join) => join.other_participants.clone(),
            Response::Update(update) => update.participants.clone(),
            _ => Vec::new(),
        });
        told.flat_map(|info| info.tracks)
            .map(|track| track.sid)
            .collect()
    }

    /// A shard fares differently.
    pub(crate) fn shard(&mut self, shard: ShardIndex, life: ShardLife) {
        self.room.handle_shard(self.now, shard, life);
        self.drain();
    }

    /// The shell has found that a client sends what it may not.
    pub(crate) fn offence(&mut self, connection: ConnectionId, cause: DisconnectCause) {
        self.room.handle_offence(self.now, connection, cause);
        self.drain();
    }

    /// Stops the node.
    pub(crate) fn shut_down(&mut self) {
        self.room.shutdown(self.now);
        self.drain();
    }

    /// Calls the RoomService.
    pub(crate) fn call(&mut self, request: RoomRequest) -> Result<RoomReply, RoomError> {
        let reply = self.room.handle_request(self.now, request);
        self.drain();
        reply
    }

    pub(crate) fn media(&mut self, event: Event) {
        self.room.handle_media(self.now, event);
        self.drain();
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let end = self.now.after(duration);
        while let Some(deadline) = self.room.poll_timeout().filter(|d| d.at <= end.mono) {
            let wait = deadline.at.saturating_duration_since(self.now.mono);
            self.now = self.now.after(wait);
            self.room.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// Lets a moment pass, in which everything that is held back comes.
    pub(crate) fn settle(&mut self) {
        self.pass(Duration::from_millis(200));
    }

    /// Sends a packet on one of the client's data channels.
    pub(crate) fn send_packet(
        &mut self,
        connection: ConnectionId,
        channel: DataChannel,
        packet: &proto::DataPacket,
    ) {
        let peer = self.peers(connection)[0];
        let payload = packet.encode_to_vec();
        self.media(Event::DataReceived {
            peer,
            channel,
            message: payload.into(),
        });
    }

    /// Returns the packets that were sent to a client, and forgets them.
    pub(crate) fn packets(
        &mut self,
        connection: ConnectionId,
    ) -> Vec<(DataChannel, proto::DataPacket)> {
        let peers = self.peers(connection);
        let mut packets = Vec::new();
        for command in &self.commands {
            if let Command::SendData {
                peers: to,
                channel,
                message,
            } = command
                && to.iter().any(|peer| peers.contains(peer))
            {
                let packet = proto::DataPacket::decode(message.as_ref()).unwrap();
                packets.push((*channel, packet));
            }
        }
        self.commands
            .retain(|command| !matches!(command, Command::SendData { .. }));
        packets
    }

    /// Takes what the room asks for.
    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.room.poll_output() {
            match output {
                Output::Signal {
                    connection,
                    message,
                } => self.deliver(connection, message.message.unwrap()),
                Output::SignalAll {
                    connections,
                    message,
                } => {
                    for connection in connections {
                        self.deliver(connection, message.message.clone().unwrap());
                    }
                }
                Output::RefreshToken {
                    connection,
                    claims,
                    replaced,
                } => {
                    let member = self.member(connection);
                    member.tokens.push(*claims);
                    member.token_ends.push(replaced.expires_at);
                }
                Output::RoomMoved {
                    connection,
                    moved,
                    claims,
                    replaced,
                } => {
                    self.deliver(connection, Response::RoomMoved(*moved));
                    let member = self.member(connection);
                    member.tokens.push(*claims);
                    member.token_ends.push(replaced.expires_at);
                }
                Output::CloseSignal { connection } => self.member(connection).closed = true,
                Output::Media(command) => self.commands.push(command),
                Output::Notice(notice) => self.notices.push(notice),
                Output::Qualities(_) => {}
                Output::RpcDone { rpc, outcome } => self.rpcs.push((rpc, outcome)),
                Output::Closed => self.ended = true,
            }
        }
    }

    fn deliver(&mut self, connection: ConnectionId, message: Response) {
        let member = self.member(connection);
        assert!(!member.closed, "a closed connection is sent {message:?}");
        member.inbox.push(message);
    }

    /// Returns what a client was sent since the last call, and forgets it.
    pub(crate) fn take(&mut self, connection: ConnectionId) -> Vec<Response> {
        std::mem::take(&mut self.member(connection).inbox)
    }

    /// Returns the last that a client hears of a participant, when everything that waits is told.
    pub(crate) fn seen(
        &mut self,
        connection: ConnectionId,
        identity: &str,
    ) -> Option<proto::ParticipantInfo> {
        self.settle();
        let inbox = &self.member(connection).inbox;
        let mut infos = inbox.iter().flat_map(|message| match message {
            Response::Join(join) => join.other_participants.clone(),
            Response::Update(update) => update.participants.clone(),
            _ => Vec::new(),
        });
        infos.rfind(|info| info.identity == identity)
    }

    /// Returns the tracks that a client is sent, by the last description of the server's.
    pub(crate) fn received_tracks(&mut self, connection: ConnectionId) -> Vec<String> {
        let inbox = &self.member(connection).inbox;
        let mut descriptions = inbox.iter().filter_map(|message| match message {
            Response::Answer(description) | Response::Offer(description) => Some(&description.sdp),
            _ => None,
        });
        descriptions
            .next_back()
            .map_or(Vec::new(), |sdp| sdp::sent_tracks(sdp))
    }

    /// Does what the server asks for until nothing is left to negotiate.
    pub(crate) fn negotiate(&mut self, connection: ConnectionId) {
        for _ in 0..4 {
            self.settle();
            let last = self.member(connection).inbox.iter().rev().find(|message| {
                matches!(
                    message,
                    Response::MediaSectionsRequirement(_)
                        | Response::Offer(_)
                        | Response::Answer(_)
                )
            });
            match last.cloned() {
                Some(Response::MediaSectionsRequirement(wanted)) => {
                    let up = &mut self.member(connection).up;
                    up.add_receiving(wanted.num_audios, true);
                    up.add_receiving(wanted.num_videos, false);
                    self.offer(connection);
                }
                Some(Response::Offer(_)) => self.answer(connection),
                _ => return,
            }
        }
    }
}

/// A request to publish a microphone.
pub(crate) fn microphone(cid: &str) -> proto::AddTrackRequest {
    proto::AddTrackRequest {
        cid: cid.to_owned(),
        r#type: proto::TrackType::Audio.into(),
        source: proto::TrackSource::Microphone.into(),
        ..proto::AddTrackRequest::default()
    }
}

/// A request to publish a camera in three layers.
pub(crate) fn camera(cid: &str) -> proto::AddTrackRequest {
    let layer = |quality: i32, height: u32| proto::VideoLayer {
        quality,
        height,
        width: height * 16 / 9,
        ..proto::VideoLayer::default()
    };
    proto::AddTrackRequest {
        cid: cid.to_owned(),
        r#type: proto::TrackType::Video.into(),
        source: proto::TrackSource::Camera.into(),
        width: 1280,
        height: 720,
        layers: vec![layer(0, 180), layer(1, 360), layer(2, 720)],
        simulcast_codecs: vec![proto::SimulcastCodec {
            codec: "vp8".to_owned(),
            cid: cid.to_owned(),
            ..proto::SimulcastCodec::default()
        }],
        ..proto::AddTrackRequest::default()
    }
}
