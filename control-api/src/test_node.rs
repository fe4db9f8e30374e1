//! A node in memory, with rooms and no participants.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth::{Claims, Keys, Secret, VideoGrant, sign};
use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use sfu_core::ShardConfig;
use sfu_driver::{MediaConfig, MediaPlane, UdpAddresses};
use sfu_model::UnixTime;
use sfu_transport::TransportConfig;
use signaling::http::{with_layers, with_tidy_paths};
use signaling::{
    Admission, AdmitAll, KeyRing, MediaEvents, NameLimits, Rooms, RoomsParts, Seats, Settings,
};
use signaling_session::negotiation::TransportFacts;
use signaling_session::{Limits, NodeFacts};
use tower::ServiceExt;

use crate::with_json_errors;

/// A node with the key `devkey`.
pub(crate) struct TestNode {
    pub(crate) rooms: Rooms,
    pub(crate) keys: KeyRing,
}

impl TestNode {
    /// Starts one that lets everybody in.
    pub(crate) fn start() -> Self {
        Self::with_admission(Arc::new(AdmitAll))
    }

    /// Starts one where somebody decides who comes in.
    pub(crate) fn with_admission(admission: Arc<dyn Admission>) -> Self {
        let certificate = Arc::new(TransportConfig::generate().unwrap());
        let media = MediaConfig {
            udp: UdpAddresses::shared(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]),
            tcp: Vec::new(),
            shard: ShardConfig::new(Arc::clone(&certificate)),
            seeds: vec![[7; 32]],
        };
        let keys = Keys::new([("devkey".into(), Secret::from("secret"))]).unwrap();
        let keys = KeyRing::new(keys);

        let events = MediaEvents::default();
        let rooms = Rooms::new(RoomsParts {
            media: MediaPlane::start(&media, events.sink()).unwrap(),
            events,
            transports: Arc::new([Arc::new(TransportFacts {
                fingerprint: certificate.fingerprint(),
                candidates: Vec::new(),
            })]),
            facts: Arc::new(NodeFacts {
                node: "ND_test".into(),
                region: String::new(),
                ice_servers: Box::new(Vec::new()),
                limits: Limits::default(),
                enable_remote_unmute: false,
                allow_tcp_fallback: true,
                pausing: sfu_model::Pausing::Never,
            }),
            settings: Settings {
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
                    room_name: 16,
                    identity: 16,
                    metadata: 32,
                },
                load: signaling::LoadLimits::default(),
                max_signal_message: 1 << 20,
                trusted_proxies: Vec::new(),
            },
            keys: keys.clone(),
            admission,
            seats: Seats::default(),
        });
        Self { rooms, keys }
    }

    /// Signs a token for an hour.
    pub(crate) fn sign(&self, claims: &Claims) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let hour = Duration::from_secs(3600);
        sign(claims, self.keys.current().first(), UnixTime(now), hour)
    }

    /// Signs a token that grants this.
    pub(crate) fn token(&self, grant: VideoGrant) -> String {
        let mut claims = Claims::of("api".into());
        claims.video = Some(grant);
        self.sign(&claims)
    }

    /// Answers a request as `routes` do behind the layers of every request.
    pub(crate) async fn answer(
        &self,
        routes: Router,
        request: Request,
    ) -> (StatusCode, HeaderMap, Bytes) {
        let routes = with_layers(routes, Router::new(), self.keys.clone());
        let service = with_tidy_paths(with_json_errors(routes));
        let response = service.oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, headers, body)
    }
}
