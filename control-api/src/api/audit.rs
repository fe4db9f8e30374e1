use axum::extract::State;
use axum::response::Json;
use serde::{Deserialize, Serialize};
use store::{Audit, AuditFilter};
use utoipa::ToSchema;

use super::admin::Admin;
use super::error::ApiError;
use super::new_ban::text;
use super::page;
use super::request::Parameters;
use super::state::Api;

/// Something that somebody did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditView {
    id: String,
    at_ms: i64,
    author: String,
    /// Such as `ban.add`.
    action: String,
    room: String,
    /// To whom or what, such as the id of a ban.
    subject: String,
    detail: String,
}

impl From<Audit> for AuditView {
    fn from(audit: Audit) -> Self {
        Self {
            id: audit.id,
            at_ms: audit.at.millis(),
            author: audit.author,
            action: audit.action,
            room: audit.room,
            subject: audit.subject,
            detail: audit.detail,
        }
    }
}

/// A page of the audit.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditPage {
    audit: Vec<AuditView>,
    /// What to write as `after` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Which lines are listed.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listed {
    /// Only those of this author.
    #[serde(default)]
    author: String,
    /// Only those of this action.
    #[serde(default)]
    action: String,
    /// Only those about this subject.
    #[serde(default)]
    subject: String,
    /// Rows of a page, 1 to 1000. Default 100.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Lists what was done by whom, the latest first.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    params(Listed),
    responses((status = 200, body = AuditPage), (status = 400, body = ApiError), (status = 401, body = ApiError), (status = 503, body = ApiError))
)]
pub(crate) async fn list(
    State(api): State<Api>,
    _: Admin,
    Parameters(asked): Parameters<Listed>,
) -> Result<Json<AuditPage>, ApiError> {
    let filter = AuditFilter {
        author: text("author", &asked.author)?,
        action: text("action", &asked.action)?,
        subject: text("subject", &asked.subject)?,
        after: page::after(asked.after.as_deref())?,
        limit: page::limit(asked.limit)?,
    };
    let lines = api.bans.store().audit(&filter).await?;
    let last = lines.last().map(|line| (line.at, line.id.as_str()));
    let next = page::next(lines.len(), filter.limit, last);
    let audit = lines.into_iter().map(AuditView::from).collect();
    Ok(Json(AuditPage { audit, next }))
}
