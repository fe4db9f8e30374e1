use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use auth::TokenMark;
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use serde_json::{Value, json};
use sfu_model::{RoomName, UnixTime};
use signaling::{Credential, Entry, KeyRing, NotAdmitted, Occasion, Rooms, client_address};
use signaling_protocol::sid;

use super::issue::{TokenFields, claims_of};
use super::rates::TokenRates;
use super::request::{TokenAnswer, TokenRequest};
use super::session::{Session, Unknown, User};
use crate::api::{ApiError, Asked};
use crate::bans::BanList;
use crate::clock;
use crate::random::random;

/// What the endpoint works with.
#[derive(Debug)]
pub struct TokenEndpointParts {
    /// Limits of names, and trusted proxies.
    pub rooms: Rooms,
    /// Keys to sign with.
    pub keys: KeyRing,
    /// Who is banned.
    pub bans: BanList,
    /// Who says who a user is.
    pub session: Session,
    /// How often tokens are given.
    pub rates: TokenRates,
    /// Where clients connect.
    pub server_url: String,
    /// How long a token is good.
    pub ttl: Duration,
    /// Pages that may ask; none: all.
    pub origins: Vec<String>,
}

/// The endpoint that gives an app's users their tokens. Clones are the same.
#[derive(Clone, Debug)]
pub struct TokenEndpoint(Arc<TokenEndpointParts>);

impl TokenEndpoint {
    /// Puts it together.
    pub fn new(parts: TokenEndpointParts) -> Self {
        Self(Arc::new(parts))
    }
}

/// Returns `POST /token`, which stands beside what the node's own tokens guard.
pub fn token_routes(endpoint: TokenEndpoint) -> Router {
    Router::new()
        .route("/token", post(give))
        .with_state(endpoint)
}

async fn give(State(endpoint): State<TokenEndpoint>, request: Request) -> Response {
    match endpoint.0.answer(request).await {
        Ok(answer) => {
            let no_store = [(header::CACHE_CONTROL, "no-store")];
            (StatusCode::CREATED, no_store, Json(answer)).into_response()
        }
        Err(error) => error.into_response(),
    }
}

impl TokenEndpointParts {
    async fn answer(&self, request: Request) -> Result<TokenAnswer, ApiError> {
        let (parts, body) = request.into_parts();
        self.check_origin(&parts.headers)?;
        let peer: Option<&ConnectInfo<SocketAddr>> = parts.extensions.get();
        let peer = peer.map(|ConnectInfo(address)| address.ip());
        let trusted = &self.rooms.settings().trusted_proxies;
        let address = client_address(&parts.headers, peer, trusted);
        if let Some(address) = address {
            // Before anything that costs more: a stranger pays for its own attempts.
            self.rates.ask_from(address).map_err(ApiError::too_often)?;
        }
        let body = Request::from_parts(parts.clone(), body);
        let Asked(asked): Asked<TokenRequest> =
            Asked::from_request(body.map(Body::new), &()).await?;
        let user =
            self.session
                .user(&parts.headers, &asked)
                .await
                .map_err(|unknown| match unknown {
                    Unknown::Refused => ApiError::no_session(),
                    Unknown::NoAnswer => {
                        ApiError::unavailable("the app does not say who asks; try again")
                    }
                })?;
        self.rates
            .ask_for(&user.identity)
            .map_err(ApiError::too_often)?;
        let claims = claims_of(fields(user, asked)?, self.rooms.settings().limits)?;
        let now = clock::now();
        self.check_bans(&claims, now, address)?;
        let keys = self.keys.current();
        tracing::info!(identity = %claims.identity, room = claims.video.as_ref().map_or("", |grant| &grant.room), "A token is given");
        Ok(TokenAnswer {
            server_url: self.server_url.clone(),
            participant_token: auth::sign_as(
                &claims,
                &sid("TK_", random()),
                keys.first(),
                now,
                self.ttl,
            ),
        })
    }

    fn check_origin(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let Some(origin) = headers.get(header::ORIGIN) else {
            return Ok(());
        };
        let is_known = |known: &String| origin.as_bytes() == known.trim_end_matches('/').as_bytes();
        match self.origins.is_empty() || self.origins.iter().any(is_known) {
            true => Ok(()),
            false => Err(ApiError::forbidden(
                "pages of this origin may not ask (tokens.origins)",
            )),
        }
    }

    /// Asks whether the token would let its holder in.
    fn check_bans(
        &self,
        claims: &auth::Claims,
        now: UnixTime,
        address: Option<IpAddr>,
    ) -> Result<(), ApiError> {
        let keys = self.keys.current();
        let mut token = TokenMark::of(keys.first().key.clone(), claims.identity.clone());
        token.issued_at = Some(now);
        let credential = Credential {
            token,
            expires_at: now,
            address,
        };
        let room = claims.video.as_ref().map_or("", |grant| &grant.room);
        let entry = Entry {
            occasion: Occasion::Token,
            room: &RoomName::from(room),
            identity: &claims.identity,
            credential: &credential,
        };
        self.bans.decide(&entry).map_err(|refused| match refused {
            NotAdmitted::Forbidden { reason } => ApiError::forbidden(reason),
            NotAdmitted::NoAnswer => ApiError::unavailable("bans are not loaded yet; try again"),
        })
    }
}

/// Puts together what the app says of its user and what the client asks for, which is less.
fn fields(user: User, asked: TokenRequest) -> Result<TokenFields, ApiError> {
    if !asked.participant_identity.is_empty() && asked.participant_identity != user.identity {
        let message = "the session is somebody else's";
        return Err(ApiError::invalid("participant_identity", message));
    }
    let may = user
        .rooms
        .as_ref()
        .is_none_or(|rooms| rooms.contains(&asked.room_name));
    if !may {
        return Err(ApiError::invalid(
            "room_name",
            "the session does not let its user join this room",
        ));
    }
    Ok(TokenFields {
        identity: user.identity,
        room: asked.room_name,
        name: user.name.unwrap_or(asked.participant_name),
        metadata: user.metadata.unwrap_or(asked.participant_metadata),
        attributes: user.attributes.unwrap_or(asked.participant_attributes),
        grant: user.grants,
        room_config: asked.room_config.map(only_agents).transpose()?,
        ..TokenFields::default()
    })
}

/// Keeps of a room configuration what a client may ask for: agents to be called. The rest is the app's to say.
fn only_agents(config: Value) -> Result<Value, ApiError> {
    let Value::Object(mut config) = config else {
        return Err(ApiError::invalid("room_config", "it is no object"));
    };
    let agents = config.remove("agents");
    Ok(json!({ "agents": agents.unwrap_or_else(|| json!([])) }))
}
