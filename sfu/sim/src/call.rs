use sfu_model::{
    Codec, CodecBinding, Command, DataChannelOpener, DtlsRole, Extension, ExtensionId,
    ExtensionMap, Forwarding, IceCredentials, Importance, LayerOrder, MediaKind, Mid, NodeIndex,
    Opening, Pausing, PayloadType, PeerId, PublicationId, ReceiveEncoding, ReceiveMedia,
    RedundancyPolicy, RoomIndex, SendMedia, ShardIndex, SpatialLayer, Ssrc, SubscriptionId,
    TemporalLayer, Token,
};

use crate::{ClientId, Encoder, LinkProfile, Publisher, Random, Receiver, Reception, Seed, World};

/// A world and its control plane, which does in one step what signalling does in several, so that
/// scenarios are about media.
#[derive(Debug)]
pub struct Call {
    /// The world.
    pub world: World,
    /// What is negotiated from here on.
    pub repair: Repair,
    /// In what microphones are published from here on.
    pub microphones: Sound,
    /// What those take who subscribe to a microphone from here on.
    pub ears: Sound,
    random: Random,
    /// Clients, each with the server's credentials towards it.
    peers: Vec<(ClientId, PeerId, IceCredentials)>,
    sections: u32,
}

/// Whether lost packets are asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// By NACK; video comes again by RTX, audio as it was.
    Retransmit,
    /// They stay lost.
    Forgo,
}

/// How sound goes over a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sound {
    /// As Opus.
    Plain,
    /// With redundancy (RED).
    Redundant,
}

/// A track that a client publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Track {
    /// Its publication.
    pub publication: PublicationId,
    /// As what it is published.
    pub codec: Codec,
}

impl Track {
    /// Returns whether it is audio or video.
    pub fn kind(&self) -> MediaKind {
        self.codec.kind()
    }
}

/// A client's receipt of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Its subscription.
    pub subscription: SubscriptionId,
    client: ClientId,
    /// Its place among the client's receivers.
    place: usize,
}

const ROOM: RoomIndex = RoomIndex(1);

impl Call {
    const RANDOM_STREAM: u32 = 1;

    /// Makes a call without anybody.
    pub fn new(seed: Seed) -> Self {
        Self::with_shards(seed, 1)
    }

    /// Makes a call without anybody on several shards. Of two clients that come one after the other,
    /// as many as there are shards live on the same one, and come in at different ones.
    pub fn with_shards(seed: Seed, shards: u16) -> Self {
        let world = World::with_shards(seed, shards);
        Self {
            random: world.random(Self::RANDOM_STREAM),
            world,
            repair: Repair::Retransmit,
            microphones: Sound::Plain,
            ears: Sound::Plain,
            peers: Vec::new(),
            sections: 0,
        }
    }

    /// Adds a client and tells it and its shard of each other.
    pub fn join(&mut self, name: &str, profile: LinkProfile) -> ClientId {
        let id = self.world.add_client(name, profile);
        let shards = self.world.shards().len();
        let shard = ShardIndex(u16::try_from(self.peers.len() / shards % shards).unwrap_or(0));
        let local = self.draw_credentials(shard);
        let index = number(self.peers.len());
        let peer = PeerId {
            room: ROOM,
            index,
            shard,
            node: NodeIndex(0),
        };
        self.peers.push((id, peer, local.clone()));
        self.world.command(&Command::AddPeer {
            peer,
            local: local.clone(),
            data_channels: DataChannelOpener::Peer,
        });
        self.describe(id, local);
        id
    }

    /// Restarts ICE on both sides.
    pub fn restart_ice(&mut self, id: ClientId) {
        let peer = self.peer(id);
        let local = self.draw_credentials(peer.shard);
        if let Some((_, _, current)) = self.peers.iter_mut().find(|(known, ..)| *known == id) {
            *current = local.clone();
        }
        self.world.command(&Command::RestartIce {
            peer,
            local: local.clone(),
        });
        self.world.client_mut(id).renew_credentials();
        self.describe(id, local);
    }

    fn draw_credentials(&mut self, shard: ShardIndex) -> IceCredentials {
        IceCredentials::generate(shard, self.random.bytes())
    }

    /// Exchanges descriptions.
    fn describe(&mut self, id: ClientId, local: IceCredentials) {
        let client = self.world.client(id);
        let (remote, fingerprint) = (client.credentials().clone(), client.fingerprint());
        self.world.command(&Command::SetRemote {
            peer: self.peer(id),
            remote,
            fingerprint,
            role: DtlsRole::Server,
        });
        let now = self.world.now();
        self.world.client_mut(id).set_remote(now, local);
    }

    /// Removes a client's peer.
    pub fn leave(&mut self, id: ClientId) {
        let peer = self.peer(id);
        self.world.command(&Command::RemovePeer { peer });
    }

    /// Returns the peer that a client is to the shard.
    ///
    /// # Panics
    ///
    /// Panics if the client has not joined.
    pub fn peer(&self, id: ClientId) -> PeerId {
        let mut peers = self.peers.iter();
        let found = peers.find(|(known, ..)| *known == id);
        found.expect("a client that has joined").1
    }

    /// Returns the server's ICE credentials towards a client.
    pub fn server_credentials(&self, id: ClientId) -> Option<&IceCredentials> {
        let mut peers = self.peers.iter();
        let found = peers.find(|(known, ..)| *known == id);
        found.map(|(_, _, credentials)| credentials)
    }

    /// Has a client publish a track, from when it is connected on.
    pub fn publish(&mut self, id: ClientId, kind: MediaKind) -> Track {
        let codec = match kind {
            MediaKind::Audio => Codec::Opus,
            MediaKind::Video => Codec::Vp8,
        };
        self.publish_encodings(id, codec, &[Encoder::even(Publisher::BODY)])
    }

    /// Has a client publish video of several encodings, the lowest first: of each, the bytes of a packet.
    pub fn publish_simulcast(&mut self, id: ClientId, bodies: &[usize]) -> Track {
        let encoders: Vec<Encoder> = bodies.iter().copied().map(Encoder::even).collect();
        self.publish_encodings(id, Codec::Vp8, &encoders)
    }

    /// Has a client publish what its encoders make of a track, one for each encoding, the lowest first.
    pub fn publish_encodings(&mut self, id: ClientId, codec: Codec, encoders: &[Encoder]) -> Track {
        let kind = codec.kind();
        let section = self.next_section();
        let ssrcs = (0..).step_by(2).take(encoders.len());
        let encodings = ssrcs.map(|offset| {
            let (ssrc, rtx_ssrc) = ssrcs_of(section, offset, kind);
            ReceiveEncoding {
                ssrc: Some(ssrc),
                rtx_ssrc,
                ..ReceiveEncoding::default()
            }
        });
        let media = ReceiveMedia {
            kind,
            mid: mid(section),
            codecs: codecs(codec, self.microphones),
            flexfec: None,
            extensions: extensions(),
            encodings: encodings.collect(),
            layer_order: LayerOrder::Known,
            nack: self.repair == Repair::Retransmit,
            transport_cc: kind == MediaKind::Video,
        };
        let publication = PublicationId {
            room: ROOM,
            index: section,
            shard: self.peer(id).shard,
            node: NodeIndex(0),
        };
        self.world.command(&Command::Publish {
            publication,
            peer: self.peer(id),
            media: media.clone(),
        });
        let now = self.world.now().mono;
        let client = self.world.client_mut(id);
        for ((encoding, encoder), number) in media.encodings.iter().zip(encoders).zip(0..) {
            let ssrc = encoding.ssrc.expect("each has one");
            let publisher = Publisher::new(now, media.clone(), ssrc, encoding.rtx_ssrc);
            client.publish(publisher.of_encoding(number, encoder.clone()));
        }
        Track { publication, codec }
    }

    /// Has a client receive a track.
    pub fn subscribe(&mut self, id: ClientId, track: Track) -> Heard {
        let section = self.next_section();
        let (ssrc, rtx_ssrc) = ssrcs_of(section, 500, track.kind());
        let media = SendMedia {
            mid: mid(section),
            ssrc,
            rtx_ssrc,
            codecs: codecs(track.codec, self.ears),
            extensions: extensions(),
            nack: self.repair == Repair::Retransmit,
            cname: "somebody".to_owned(),
            forwarding: Forwarding::UpTo {
                spatial: SpatialLayer::MAX,
                temporal: TemporalLayer::MAX,
            },
            opening: Opening::Media,
            importance: Importance::default(),
            pausing: Pausing::default(),
            redundancy: RedundancyPolicy::default(),
        };
        let subscription = SubscriptionId {
            room: ROOM,
            index: section,
            shard: self.peer(id).shard,
            node: NodeIndex(0),
        };
        self.world.command(&Command::Subscribe {
            subscription,
            publication: track.publication,
            peer: self.peer(id),
            media: media.clone(),
        });
        let client = self.world.client_mut(id);
        let place = client.receivers().len();
        client.receive(Receiver::new(media, Ssrc(1)));
        Heard {
            subscription,
            client: id,
            place,
        }
    }

    /// Says whose cameras are those of who speaks.
    pub fn set_speakers(&mut self, cameras: &[Track]) {
        let publications = cameras.iter().map(|track| track.publication);
        self.world.command(&Command::SetSpeakers {
            publications: publications.collect(),
            peers: self.peers.iter().map(|(_, peer, _)| *peer).collect(),
        });
    }

    /// Changes what a client has a use for of a track.
    pub fn set_forwarding(&mut self, heard: Heard, forwarding: Forwarding) {
        self.world.command(&Command::SetForwarding {
            subscription: heard.subscription,
            forwarding,
        });
    }

    /// Returns the far end of a subscription.
    ///
    /// # Panics
    ///
    /// Panics if the subscription is of another call.
    pub fn receiver(&self, heard: Heard) -> &Receiver {
        let receivers = self.world.client(heard.client).receivers();
        let receiver = receivers.get(heard.place);
        receiver.expect("a subscription of this call")
    }

    /// Returns what came of a subscription.
    pub fn reception(&self, heard: Heard) -> &Reception {
        self.receiver(heard).reception()
    }

    fn next_section(&mut self) -> u32 {
        self.sections += 1;
        self.sections
    }
}

fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

fn mid(section: u32) -> Mid {
    let token = Token::new(section.to_string().as_bytes());
    Mid(token.expect("a number is short"))
}

/// Returns the SSRCs of a stream of a section and of its retransmissions.
fn ssrcs_of(section: u32, offset: u32, kind: MediaKind) -> (Ssrc, Option<Ssrc>) {
    let ssrc = section * 1_000 + offset;
    let video = kind == MediaKind::Video;
    (Ssrc(ssrc), video.then_some(Ssrc(ssrc + 1)))
}

fn codecs(codec: Codec, sound: Sound) -> Vec<CodecBinding> {
    let binding = |codec, payload_type, rtx: Option<u8>| CodecBinding {
        codec,
        payload_type: PayloadType(payload_type),
        rtx: rtx.map(PayloadType),
    };
    let (red, opus) = (
        binding(Codec::Red, 63, None),
        binding(Codec::Opus, 111, None),
    );
    match (codec.kind(), sound) {
        (MediaKind::Video, _) => vec![binding(codec, 96, Some(97))],
        (MediaKind::Audio, Sound::Plain) => vec![opus],
        (MediaKind::Audio, Sound::Redundant) => vec![red, opus],
    }
}

fn extensions() -> ExtensionMap {
    [
        (Extension::Mid, ExtensionId(4)),
        (Extension::AudioLevel, ExtensionId(1)),
        (Extension::AbsSendTime, ExtensionId(2)),
        (Extension::TransportCc, ExtensionId(3)),
    ]
    .into_iter()
    .collect()
}
