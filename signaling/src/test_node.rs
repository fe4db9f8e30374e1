//! A node for tests: real media threads on loopback, no configuration.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use auth::{Claims, Keys, Secret, TokenMark, VideoGrant};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use sfu_core::ShardConfig;
use sfu_driver::{MediaConfig, MediaPlane, UdpAddresses};
use sfu_model::UnixTime;
use sfu_transport::TransportConfig;
use signaling_protocol::proto::signal_response::Message;
use signaling_protocol::{
    ConnectHeaders, ConnectParameters, Encoding, Endpoint, MAX_FRAME_BYTES, Query, Strictness,
    decode_response,
};
use signaling_session::negotiation::TransportFacts;
use signaling_session::{Credential, Join, NodeFacts, RoomOptions, Seat};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::ServiceExt;

use crate::KeyRing;
use crate::connection::Presence;
use crate::http::{self, Limits};
use crate::parts::RoomsParts;
use crate::refusal::Refusal;
use crate::responses::{Responses, SharedResponse, responses};
use crate::rooms::Rooms;
use crate::seats::Seats;
use crate::settings::{NameLimits, Settings};
use crate::{Admission, AdmitAll, MediaEvents, dev_routes, routes};

pub(crate) const KEY: &str = "devkey";
pub(crate) const SECRET: &str = "secret";

/// What a client that has joined holds.
pub(crate) type Joined = (Presence, Responses);

pub(crate) struct TestNode {
    pub(crate) rooms: Rooms,
    pub(crate) keys: Arc<Keys>,
    /// Keeps the HTTP server going.
    stop: watch::Sender<bool>,
}

pub(crate) fn settings() -> Settings {
    Settings {
        auto_create: true,
        empty_timeout: Duration::from_secs(300),
        departure_timeout: Duration::from_secs(20),
        sync_streams: false,
        max_participants: 0,
        max_session_duration: None,
        home_participants: 50,
        codecs: Vec::new(),
        duplicates: signaling_session::DuplicateIdentity::default(),
        presets: std::collections::BTreeMap::new(),
        limits: NameLimits {
            room_name: 256,
            identity: 256,
            metadata: 1024,
        },
        load: crate::LoadLimits::default(),
        max_signal_message: 64 << 10,
        trusted_proxies: Vec::new(),
    }
}

pub(crate) fn keys() -> Arc<Keys> {
    Arc::new(Keys::new([(KEY.into(), Secret::from(SECRET))]).unwrap())
}

impl TestNode {
    pub(crate) fn start() -> Self {
        Self::with(settings())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        Self::with_admission(settings, Arc::new(AdmitAll))
    }

    pub(crate) fn with_admission(settings: Settings, admission: Arc<dyn Admission>) -> Self {
        Self::with_all(settings, admission, 1)
    }

    /// A node of so many media threads. Rooms begin on one after the other, the first on the first.
    pub(crate) fn with_shards(settings: Settings, shards: u8) -> Self {
        Self::with_all(settings, Arc::new(AdmitAll), shards)
    }

    fn with_all(settings: Settings, admission: Arc<dyn Admission>, shards: u8) -> Self {
        let certificate = Arc::new(TransportConfig::generate().unwrap());
        let config = MediaConfig {
            udp: UdpAddresses::shared(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]),
            tcp: Vec::new(),
            shard: ShardConfig::new(Arc::clone(&certificate)),
            seeds: (0..shards).map(|shard| [shard; 32]).collect(),
        };
        let events = MediaEvents::default();
        let media = MediaPlane::start(&config, events.sink()).unwrap();
        let transport = Arc::new(TransportFacts {
            fingerprint: certificate.fingerprint(),
            candidates: Vec::new(),
        });
        let facts = NodeFacts {
            node: "ND_test".into(),
            region: String::new(),
            ice_servers: Box::new(Vec::new()),
            limits: signaling_session::Limits::default(),
            enable_remote_unmute: false,
            allow_tcp_fallback: true,
            pausing: sfu_model::Pausing::Never,
        };
        let keys = keys();
        let rooms = Rooms::new(RoomsParts {
            media,
            events,
            transports: (0..shards).map(|_| Arc::clone(&transport)).collect(),
            facts: Arc::new(facts),
            settings,
            keys: KeyRing::new((*keys).clone()),
            admission,
            seats: Seats::default(),
        });
        let (stop, _) = watch::channel(false);
        Self { rooms, keys, stop }
    }

    /// A token that lets `identity` join `room`.
    pub(crate) fn token(&self, room: &str, identity: &str) -> String {
        self.rooms
            .sign(&claims(room, identity), Duration::from_secs(600))
    }

    /// Joins as an admitted client does.
    pub(crate) async fn join(&self, room: &str, identity: &str) -> Result<Joined, Refusal> {
        self.join_by(room, self.join_of(room, identity)).await
    }

    /// Resumes as an admitted client does.
    pub(crate) async fn resume(
        &self,
        room: &str,
        identity: &str,
        sid: &str,
    ) -> Result<Joined, Refusal> {
        let mut join = self.join_of(room, identity);
        join.parameters = parameters(&format!("&reconnect=1&sid={sid}"));
        self.join_by(room, join).await
    }

    async fn join_by(&self, room: &str, join: Join) -> Result<Joined, Refusal> {
        let options = RoomOptions::new(room.into());
        let (sender, responses) = responses();
        let name = room.into();
        let presence = self.rooms.join(Some(&options), &name, &join, &sender).await;
        presence.map(|presence| (presence, responses))
    }

    pub(crate) fn join_of(&self, room: &str, identity: &str) -> Join {
        Join {
            seat: Seat::uncounted(),
            connection: self.rooms.next_connection(),
            claims: claims(room, identity),
            credential: Credential {
                token: TokenMark::of("devkey".into(), identity.into()),
                expires_at: UnixTime(Duration::from_secs(4_000_000_000)),
                address: None,
            },
            parameters: parameters(""),
        }
    }

    fn app(&self) -> Router {
        routes(self.rooms.clone()).merge(dev_routes(self.rooms.clone()))
    }

    /// Answers one request in memory.
    pub(crate) async fn answer(&self, request: Request) -> Response {
        let keys = KeyRing::new((*self.keys).clone());
        let routes = http::with_layers(self.app(), Router::new(), keys);
        let service = http::with_tidy_paths(routes);
        service.oneshot(request).await.unwrap()
    }

    /// Serves on a free port of loopback.
    pub(crate) async fn serve(&self, limits: Limits) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let keys = KeyRing::new((*self.keys).clone());
        let routes = http::with_layers(self.app(), Router::new(), keys);
        let service = http::with_tidy_paths(routes);
        tokio::spawn(http::serve(
            listener,
            service,
            limits,
            http::Proxies::default(),
            self.stop.subscribe(),
        ));
        address
    }
}

/// A request for a page, without a token.
pub(crate) fn get_request(path: &str) -> Request {
    Request::builder().uri(path).body(Body::empty()).unwrap()
}

/// Reads the text of a response.
pub(crate) async fn body_of(response: Response) -> String {
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(bytes.into()).unwrap()
}

/// Returns what a client is told next; nothing when its connection is closed.
pub(crate) async fn next_message(responses: &Responses) -> Option<Message> {
    let mut taken: Vec<Arc<SharedResponse>> = Vec::new();
    responses.take(&mut taken, 1).await;
    let frame = taken.pop()?.frame(Encoding::Binary).into_data();
    decode_response(Encoding::Binary, &frame, MAX_FRAME_BYTES)
        .unwrap()
        .message
}

/// What a browser asks with, and what is added to that.
fn parameters(added: &str) -> Box<ConnectParameters> {
    let query = format!("protocol=16&sdk=js&version=2.23.0{added}");
    let (query, headers) = (Query::read(&query), ConnectHeaders::default());
    let parameters = ConnectParameters::read(Endpoint::V0, Strictness::Lenient, &query, headers);
    Box::new(parameters.unwrap())
}

fn claims(room: &str, identity: &str) -> Claims {
    let mut claims = Claims::of(identity.into());
    claims.video = Some(VideoGrant::to_join(room));
    claims
}
