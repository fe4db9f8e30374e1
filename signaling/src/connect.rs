//! LiveKit's signalling endpoints: `/rtc`, `/rtc/v1` and their `validate`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use auth::{ApiKey, Claims};
use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{ConnectInfo, FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sfu_model::RoomName;
use signaling_protocol::{ConnectHeaders, ConnectParameters, Endpoint, Query, Strictness, proto};
use signaling_session::{Credential, Join, JoinRefused, RoomOptions, Seat, Visitor};

use crate::admission::{self, Entry, Occasion};
use crate::client_address;
use crate::connection::Connection;
use crate::http::Caller;
use crate::refusal::Refusal;
use crate::responses::responses;
use crate::rooms::Rooms;

/// Bytes read from a WebSocket at a time. The library's default of 128 KiB would be most of what an
/// idle participant costs.
const READ_BUFFER: usize = 4096;

/// Returns the endpoints of signalling, and the health of the node at `/`.
pub fn routes(rooms: Rooms) -> Router {
    Router::new()
        .route("/", get(health))
        .route(
            "/rtc",
            get(|rooms, asked, upgrade| connect(rooms, Endpoint::V0, asked, upgrade)),
        )
        .route(
            "/rtc/v1",
            get(|rooms, asked, upgrade| connect(rooms, Endpoint::V1, asked, upgrade)),
        )
        .route(
            "/rtc/validate",
            get(|rooms, asked| validate(rooms, Endpoint::V0, asked)),
        )
        .route(
            "/rtc/v1/validate",
            get(|rooms, asked| validate(rooms, Endpoint::V1, asked)),
        )
        .fallback(async || (StatusCode::NOT_FOUND, "404 page not found\n"))
        .with_state(rooms)
}

/// Says whether the node can take clients, with LiveKit's status where it cannot.
async fn health(State(rooms): State<Rooms>) -> Response {
    match rooms.ready() {
        Ok(()) => "OK".into_response(),
        Err(why) => (StatusCode::NOT_ACCEPTABLE, format!("Not Ready\n{why}")).into_response(),
    }
}

/// What of a request decides about its admission.
struct Asked {
    caller: Caller,
    query: Query,
    user_agent: String,
    /// Where the client is, as anybody may say.
    told: String,
    /// Where it is.
    address: Option<IpAddr>,
    /// Whom the join is counted for.
    from: Option<IpAddr>,
}

impl FromRequestParts<Rooms> for Asked {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, rooms: &Rooms) -> Result<Self, Self::Rejection> {
        let trusted = &rooms.settings().trusted_proxies;
        let caller = parts.extensions.get().cloned().unwrap_or(Caller::Anonymous);
        let peer: Option<&ConnectInfo<SocketAddr>> = parts.extensions.get();
        let peer = peer.map(|ConnectInfo(address)| address.ip());
        let user_agent = parts.headers.get(header::USER_AGENT);
        let user_agent = user_agent.and_then(|value| value.to_str().ok());
        Ok(Self {
            caller,
            query: Query::read(parts.uri.query().unwrap_or_default()),
            user_agent: user_agent.unwrap_or_default().to_owned(),
            told: client_address::told(&parts.headers, peer),
            address: client_address::of(&parts.headers, peer, trusted),
            from: client_address::counted(&parts.headers, peer, trusted),
        })
    }
}

async fn validate(State(rooms): State<Rooms>, endpoint: Endpoint, asked: Asked) -> Response {
    let allow_origin = [(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")];
    let valid = match admit(&rooms, endpoint, Strictness::Strict, &asked).await {
        Ok(applicant) => check_session(&rooms, applicant).await,
        Err(refusal) => Err(refusal),
    };
    match valid {
        Ok(()) => (allow_origin, "success").into_response(),
        Err(refusal) => (allow_origin, refusal).into_response(),
    }
}

/// Checks that no session keeps an applicant out, neither its own nor all those of its key. Browsers are told why a join is
/// refused by nothing but this.
async fn check_session(rooms: &Rooms, applicant: Applicant) -> Result<(), Refusal> {
    // Whether it takes the place of another session only its room knows, which is not asked for that.
    if applicant.is_counted() && rooms.seats().are_all_taken(applicant.first_key()) {
        return Err(Refusal::Join(JoinRefused::QuotaExceeded));
    }
    let Applicant {
        room,
        claims,
        credential,
        parameters,
        ..
    } = applicant;
    if parameters.resume.is_some() || parameters.publish.is_some() {
        return Ok(());
    }
    let visitor = Visitor {
        identity: claims.identity,
        credential,
        // As LiveKit's, this says nothing of whether the room is full.
        is_dependent: true,
    };
    rooms.check_visitor(&room, visitor).await
}

/// Lets a client into its room, then upgrades: a refusal is an HTTP status, never an upgraded and
/// then closed socket, because clients read the reason from it.
async fn connect(
    State(rooms): State<Rooms>,
    endpoint: Endpoint,
    asked: Asked,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let applicant = match admit(&rooms, endpoint, Strictness::Lenient, &asked).await {
        Ok(applicant) => applicant,
        Err(refusal) => return refused(&asked, refusal),
    };
    let (sender, responses) = responses();
    let connection = rooms.next_connection();
    let seat = applicant.take_seat(&rooms);
    let join = Join {
        connection,
        claims: applicant.claims,
        seat,
        credential: applicant.credential,
        parameters: Box::new(applicant.parameters),
    };
    let joined = rooms
        .join(applicant.options.as_ref(), &applicant.room, &join, &sender)
        .await;
    // If the client goes, this is dropped without a socket and the room hears of it.
    let presence = match joined {
        Ok(presence) => presence,
        Err(refusal) => return refused(&asked, refusal),
    };
    let holder = (applicant.room, join.claims.identity);
    let allowance = rooms.allowance(holder);
    let max_message = rooms.settings().max_signal_message;
    let hits = Arc::clone(rooms.hits());
    let connection = Connection::new(presence, responses, allowance, max_message, hits);
    upgrade
        .max_message_size(max_message)
        .max_frame_size(max_message)
        .read_buffer_size(READ_BUFFER)
        .on_upgrade(move |socket| connection.run(socket))
}

/// Answers with a refusal, and writes it down for whoever is asked why. Strangers fill no log.
fn refused(asked: &Asked, refusal: Refusal) -> Response {
    if let Some(verified) = asked.caller.verified() {
        let claims = &verified.claims;
        let room = claims.room_to_join().ok();
        let room = room.as_ref().map_or("", RoomName::as_str);
        tracing::info!(
            identity = %claims.identity, room, address = ?asked.address, %refusal, "A join was refused"
        );
    }
    refusal.into_response()
}

/// A client whose token and parameters allow it to ask its room.
struct Applicant {
    room: RoomName,
    claims: Claims,
    credential: Credential,
    parameters: ConnectParameters,
    /// What the room is created with, if the client may create it.
    options: Option<RoomOptions>,
}

impl Applicant {
    /// Returns the key of the first of its tokens.
    fn first_key(&self) -> &ApiKey {
        &self.credential.token.first_key
    }

    fn take_seat(&self, rooms: &Rooms) -> Seat {
        match self.is_counted() {
            true => rooms.seats().take(self.first_key()),
            false => Seat::uncounted(),
        }
    }

    /// Reports whether it needs a seat. Who takes up its session again has one; agents and recorders need none.
    fn is_counted(&self) -> bool {
        self.parameters.resume.is_none() && !self.claims.is_dependent()
    }
}

/// Checks what is asked, waits for the turn of the key and the address, and asks whether the applicant may be in the
/// room. Who only asks whether it would be let in costs as much, and waits as those do who join.
async fn admit(
    rooms: &Rooms,
    endpoint: Endpoint,
    strictness: Strictness,
    asked: &Asked,
) -> Result<Applicant, Refusal> {
    let applicant = check(rooms, endpoint, strictness, asked)?;
    let credential = &applicant.credential;
    rooms.await_join(&credential.token.key, asked.from).await?;
    let entry = Entry {
        occasion: match applicant.parameters.resume {
            Some(_) => Occasion::Resume,
            None => Occasion::Join,
        },
        room: &applicant.room,
        identity: &applicant.claims.identity,
        credential,
    };
    admission::ask(rooms.admission(), entry).await?;
    Ok(applicant)
}

/// Reads what is asked, and checks it against the token and the limits of the node.
fn check(
    rooms: &Rooms,
    endpoint: Endpoint,
    strictness: Strictness,
    asked: &Asked,
) -> Result<Applicant, Refusal> {
    let verified = asked.caller.verified().ok_or(Refusal::PermissionDenied)?;
    let claims = &verified.claims;
    if claims.video.is_none() {
        return Err(Refusal::PermissionDenied);
    }
    let headers = ConnectHeaders {
        user_agent: &asked.user_agent,
        address: &asked.told,
    };
    let parameters = ConnectParameters::read(endpoint, strictness, &asked.query, headers)
        .map_err(Refusal::BadRequest)?;
    let granted = claims
        .room_to_join()
        .map_err(|_| Refusal::PermissionDenied)?;
    let room = match granted.is_empty() {
        true => RoomName::from(asked.query.get("room").unwrap_or_default()),
        false => granted,
    };
    check_names(rooms, claims, &parameters, &room)?;
    let may_publish = claims
        .video
        .as_ref()
        .is_some_and(auth::VideoGrant::may_publish);
    if parameters.publish.is_some() && !may_publish {
        return Err(Refusal::PermissionDenied);
    }
    let may_create = rooms.settings().auto_create || claims.check_room_create().is_ok();
    if !may_create && !rooms.contains(&room) {
        return Err(Refusal::NoRoom);
    }
    if rooms.is_draining() && !rooms.contains(&room) {
        return Err(Refusal::Draining);
    }
    // Departure: LiveKit refuses who resumes, too; that would end a call which costs nothing more.
    if parameters.resume.is_none() && rooms.is_full() {
        return Err(Refusal::NodeFull);
    }
    Ok(Applicant {
        options: may_create.then(|| rooms.options_of(&create_request(&room, claims))),
        room,
        claims: claims.clone(),
        credential: Credential {
            token: verified.token.clone(),
            expires_at: verified.expires_at,
            address: asked.address,
        },
        parameters,
    })
}

/// Checks who joins what: the names that the token gives, and those that the request adds.
fn check_names(
    rooms: &Rooms,
    claims: &Claims,
    parameters: &ConnectParameters,
    room: &RoomName,
) -> Result<(), Refusal> {
    let limits = rooms.settings().limits;
    let exceeds = |length: usize, max: usize| max > 0 && length > max;
    let identity = claims.identity.as_str();
    if identity.is_empty() {
        return Err(Refusal::NoIdentity);
    }
    let suffix = parameters
        .publish
        .as_ref()
        .map_or(0, |suffix| 1 + suffix.len());
    if exceeds(identity.len() + suffix, limits.identity) {
        return Err(Refusal::IdentityTooLong(limits.identity));
    }
    if exceeds(room.as_str().len(), limits.room_name) {
        return Err(Refusal::RoomNameTooLong(limits.room_name));
    }
    if room.is_empty() {
        return Err(Refusal::NoRoomName);
    }
    Ok(())
}

/// Writes the token's wishes for a room that this join creates as LiveKit's message.
fn create_request(room: &RoomName, claims: &Claims) -> proto::CreateRoomRequest {
    let wishes = claims.room_config.clone();
    let wishes: proto::RoomConfiguration = wishes
        .and_then(|json| serde_json::from_value(json).ok())
        .unwrap_or_default();
    proto::CreateRoomRequest {
        name: room.as_str().to_owned(),
        room_preset: claims.room_preset.clone(),
        empty_timeout: wishes.empty_timeout,
        departure_timeout: wishes.departure_timeout,
        max_participants: wishes.max_participants,
        metadata: wishes.metadata,
        sync_streams: wishes.sync_streams,
        ..proto::CreateRoomRequest::default()
    }
}

#[cfg(test)]
mod tests;
