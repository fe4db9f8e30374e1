use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use auth::TokenMark;
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use serde_json::{Value, json};
use sfu_model::{RoomName, UnixTime};
use signaling::{Credential, Entry, KeyRing, NotAdmitted, Occasion, Rooms, client_address, random};
use signaling_protocol::sid;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use super::counts::TokenCounts;
use super::issue::{TokenFields, claims_of};
use super::rates::TokenRates;
use super::request::{TokenAnswer, TokenRequest};
use super::session::{Session, Unknown, User};
use crate::api::{ApiError, Asked};
use crate::bans::BanList;
use crate::clock;
use crate::field::FieldError;

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
    /// What it has done.
    pub counts: TokenCounts,
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
    let cors = cors(&endpoint.0.origins);
    Router::new()
        .route("/token", post(give))
        .layer(cors)
        .with_state(endpoint)
}

/// Lets pages of these origins ask, with their users' cookies; where none are written, all pages, without cookies.
fn cors(origins: &[String]) -> CorsLayer {
    let cors = CorsLayer::new()
        .allow_methods([Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .vary([header::ORIGIN, header::ACCESS_CONTROL_REQUEST_HEADERS]);
    let known = origins
        .iter()
        .filter_map(|origin| origin.trim_end_matches('/').parse().ok());
    let known: Vec<HeaderValue> = known.collect();
    match origins.is_empty() {
        true => cors.allow_origin(AllowOrigin::mirror_request()),
        false => cors.allow_origin(known).allow_credentials(true),
    }
}

async fn give(State(endpoint): State<TokenEndpoint>, request: Request) -> Response {
    let response = match endpoint.0.answer(request).await {
        Ok(answer) => {
            let no_store = [(header::CACHE_CONTROL, "no-store")];
            (StatusCode::CREATED, no_store, Json(answer)).into_response()
        }
        Err(error) => error.into_response(),
    };
    endpoint.0.counts.note(response.status());
    response
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
        let limits = self.rooms.settings().limits;
        let claims = claims_of(fields(user, asked)?, limits).map_err(as_asked)?;
        self.rates
            .ask_for(claims.identity.as_str())
            .map_err(ApiError::too_often)?;
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
            NotAdmitted::QuotaExceeded { reason } => ApiError::too_many(&reason),
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
    let room = room(&user, asked.room_name)?;
    Ok(TokenFields {
        identity: user.identity,
        room,
        name: user.name.unwrap_or(asked.participant_name),
        metadata: user.metadata.unwrap_or(asked.participant_metadata),
        attributes: user.attributes.unwrap_or(asked.participant_attributes),
        grant: user.grants,
        room_config: asked.room_config.map(only_agents).transpose()?,
        ..TokenFields::default()
    })
}

/// Returns the room that is asked for, if the app lets its user into it. Where the app grants more than to join, it says where.
fn room(user: &User, asked: String) -> Result<String, ApiError> {
    let refuse = |message| Err(ApiError::invalid("room_name", message));
    let granted = user.grants.as_ref().map_or("", |grant| &grant.room);
    let room = match asked.is_empty() {
        true => granted.to_owned(),
        false => asked,
    };
    if !granted.is_empty() && room != granted {
        return refuse("the session is for another room");
    }
    if user
        .rooms
        .as_ref()
        .is_some_and(|rooms| !rooms.contains(&room))
    {
        return refuse("the session does not let its user join this room");
    }
    let is_admin = user.grants.as_ref().is_some_and(|grant| grant.room_admin);
    match is_admin && granted.is_empty() && user.rooms.is_none() {
        true => refuse("the session grants the administration of a room and does not say of which"),
        false => Ok(room),
    }
}

/// Names fields as clients do.
fn as_asked(error: FieldError) -> ApiError {
    let field = match error.field.as_str() {
        "room" => "room_name".to_owned(),
        "identity" | "name" | "metadata" | "attributes" => format!("participant_{}", error.field),
        _ => error.field,
    };
    ApiError::invalid(field, error.message)
}

/// Keeps of a room configuration what a client may ask for: agents to be called. The rest is the app's to say.
fn only_agents(config: Value) -> Result<Value, ApiError> {
    let Value::Object(mut config) = config else {
        return Err(ApiError::invalid("room_config", "it is no object"));
    };
    let agents = config.remove("agents").unwrap_or_else(|| json!([]));
    Ok(json!({ "agents": agents }))
}
