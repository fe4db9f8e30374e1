use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Json;
use serde::{Deserialize, Serialize};
use signaling::random;
use signaling_protocol::sid;
use store::{Audit, Ban, BanFilter, BanTarget};
use utoipa::ToSchema;

use super::admin::Admin;
use super::error::ApiError;
use super::new_ban::{self, NewBan};
use super::page;
use super::request::{Asked, IDEMPOTENCY_KEY, Id, Parameters};
use super::state::Api;
use crate::bans::{BanAdded, ban_audit};
use crate::clock;

/// A ban as it is told.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BanView {
    id: String,
    /// `identity`, `tokens`, `address`, `token` or `key`.
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens_issued_before_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<String>,
    reason: String,
    author: String,
    created_at_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lifted_at_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lifted_by: Option<String>,
    /// Whether it holds now.
    holds: bool,
}

impl BanView {
    fn of(ban: Ban) -> Self {
        let holds = ban.holds(clock::now());
        let mut view = Self {
            id: ban.id,
            kind: "",
            identity: None,
            room: None,
            tokens_issued_before_ms: None,
            address: None,
            token_id: None,
            api_key: None,
            reason: ban.reason,
            author: ban.author,
            created_at_ms: ban.created_at.millis(),
            expires_at_ms: ban.expires_at.map(|at| at.millis()),
            lifted_at_ms: ban.lifted.as_ref().map(|lifted| lifted.at.millis()),
            lifted_by: ban.lifted.map(|lifted| lifted.by),
            holds,
        };
        view.set_target(ban.target);
        view
    }

    fn set_target(&mut self, target: BanTarget) {
        let name = |name: &dyn ToString| Some(name.to_string());
        match target {
            BanTarget::Identity { identity, room } => {
                self.kind = "identity";
                self.identity = name(&identity);
                self.room = room.as_ref().and_then(|room| name(room));
            }
            BanTarget::Tokens {
                identity,
                room,
                issued_before,
            } => {
                self.kind = "tokens";
                self.identity = name(&identity);
                self.room = room.as_ref().and_then(|room| name(room));
                self.tokens_issued_before_ms = Some(issued_before.millis());
            }
            BanTarget::Address(network) => {
                self.kind = "address";
                self.address = name(&network);
            }
            BanTarget::Token(id) => {
                self.kind = "token";
                self.token_id = Some(id);
            }
            BanTarget::Key(key) => {
                self.kind = "key";
                self.api_key = name(&key);
            }
        }
    }
}

/// A ban that was added.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BanAnswer {
    ban: BanView,
    /// Sessions that ended for it.
    removed: usize,
}

/// A page of bans.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BanPage {
    bans: Vec<BanView>,
    /// What to write as `after` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Which bans are listed.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listed {
    /// `true`: also those that were lifted or have ended.
    #[serde(default)]
    all: bool,
    /// Only those of this identity, network, `jti` or API key.
    #[serde(default)]
    subject: String,
    /// Only those in this room.
    #[serde(default)]
    room: String,
    /// Only those whose subject or reason has this in it.
    #[serde(default)]
    search: String,
    /// Rows of a page, 1 to 1000. Default 100.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Bans somebody: at once, and across restarts.
#[utoipa::path(
    post,
    path = "/api/v1/bans",
    request_body = NewBan,
    params(("Idempotency-Key" = Option<String>, Header, description = "A request with the same key adds no second ban")),
    responses(
        (status = 201, body = BanAnswer),
        (status = 400, body = ApiError),
        (status = 401, body = ApiError),
        (status = 503, body = ApiError, description = "The database does not answer: the ban holds in this process and is written later")
    )
)]
pub(crate) async fn add(
    State(api): State<Api>,
    admin: Admin,
    headers: HeaderMap,
    Asked(asked): Asked<NewBan>,
) -> Result<(StatusCode, Json<BanAnswer>), ApiError> {
    let now = clock::now();
    let (id, target) = (id_of(&headers, &admin)?, asked.target()?);
    let has_key = headers.contains_key(IDEMPOTENCY_KEY);
    if has_key && let Ok(Some(there)) = api.bans.find(&id).await {
        return repeated(there, &target);
    }
    let ban = Ban {
        id,
        target,
        reason: asked.reason()?,
        author: admin.author,
        created_at: now,
        expires_at: asked.expires_at(now)?,
        lifted: None,
    };
    let ban = match has_key {
        true => ban,
        false => api.bans.waiting_like(ban),
    };
    let audit = ban_audit(&ban);
    let added = api.bans.add(ban, audit).await?;
    Ok(created(added))
}

/// Answers a request that was made before as it was answered then.
fn repeated(there: Ban, target: &BanTarget) -> Result<(StatusCode, Json<BanAnswer>), ApiError> {
    if there.target != *target {
        let message = "the key was used for another ban";
        return Err(ApiError::invalid("Idempotency-Key", message));
    }
    Ok(created(BanAdded {
        ban: there,
        removed: 0,
    }))
}

fn created(added: BanAdded) -> (StatusCode, Json<BanAnswer>) {
    let answer = BanAnswer {
        ban: BanView::of(added.ban),
        removed: added.removed,
    };
    (StatusCode::CREATED, Json(answer))
}

/// Lists bans, the latest first.
#[utoipa::path(
    get,
    path = "/api/v1/bans",
    params(Listed),
    responses((status = 200, body = BanPage), (status = 400, body = ApiError), (status = 401, body = ApiError), (status = 503, body = ApiError))
)]
pub(crate) async fn list(
    State(api): State<Api>,
    _: Admin,
    Parameters(asked): Parameters<Listed>,
) -> Result<Json<BanPage>, ApiError> {
    let filter = BanFilter {
        holding_at: (!asked.all).then(clock::now),
        subject: new_ban::text("subject", &asked.subject)?,
        room: new_ban::text("room", &asked.room)?,
        search: new_ban::text("search", &asked.search)?,
        after: page::after(asked.after.as_deref())?,
        limit: page::limit(asked.limit)?,
    };
    let bans = api.bans.list(&filter).await?;
    let last = bans.last().map(|ban| (ban.created_at, ban.id.as_str()));
    let next = page::next(bans.len(), filter.limit, last);
    let bans = bans.into_iter().map(BanView::of).collect();
    Ok(Json(BanPage { bans, next }))
}

/// Finds a ban.
#[utoipa::path(
    get,
    path = "/api/v1/bans/{id}",
    params(("id" = String, Path)),
    responses((status = 200, body = BanView), (status = 401, body = ApiError), (status = 404, body = ApiError), (status = 503, body = ApiError))
)]
pub(crate) async fn find(
    State(api): State<Api>,
    _: Admin,
    Id(id): Id,
) -> Result<Json<BanView>, ApiError> {
    let ban = api.bans.find(&id).await?;
    let ban = ban.ok_or_else(|| ApiError::not_found("the ban"))?;
    Ok(Json(BanView::of(ban)))
}

/// Lifts a ban: whoever it concerned may come back at once.
#[utoipa::path(
    delete,
    path = "/api/v1/bans/{id}",
    params(("id" = String, Path)),
    responses((status = 200, body = BanView), (status = 401, body = ApiError), (status = 404, body = ApiError), (status = 503, body = ApiError))
)]
pub(crate) async fn lift(
    State(api): State<Api>,
    admin: Admin,
    Id(id): Id,
) -> Result<Json<BanView>, ApiError> {
    let audit = Audit {
        id: sid("AU_", random()),
        at: clock::now(),
        author: admin.author,
        action: "ban.lift".to_owned(),
        room: String::new(),
        subject: id.clone(),
        detail: String::new(),
    };
    let ban = api.bans.lift(&id, &audit).await?;
    let ban = ban.ok_or_else(|| ApiError::not_found("the ban"))?;
    Ok(Json(BanView::of(ban)))
}

/// Makes an id: of the request's key the same one each time, so that a repetition adds nothing.
fn id_of(headers: &HeaderMap, admin: &Admin) -> Result<String, ApiError> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(sid("BN_", random()));
    };
    let key = key.to_str().unwrap_or_default();
    if !(1..=255).contains(&key.len()) {
        return Err(ApiError::invalid(
            "Idempotency-Key",
            "write 1 to 255 ASCII characters",
        ));
    }
    let hash = digest(&SHA256, format!("{}\n{key}", admin.author).as_bytes());
    let mut random = [0; 16];
    random
        .iter_mut()
        .zip(hash.as_ref())
        .for_each(|(to, from)| *to = *from);
    Ok(sid("BN_", random))
}
