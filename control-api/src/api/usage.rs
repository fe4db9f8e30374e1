use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use serde::{Deserialize, Serialize};
use store::{Day, Usage, UsageFilter};
use utoipa::ToSchema;

use super::admin::Admin;
use super::error::ApiError;
use super::new_ban::text;
use super::page;
use super::request::Parameters;
use super::sessions::minutes;
use super::state::Api;
use super::table::{self, Format, Paged, Row, Rows};
use crate::clock;

/// Rows of a page of CSV.
const CSV_PAGE: u32 = 1000;

/// What was used on a day (UTC). Of sessions that are open it is known up to half a minute ago.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageView {
    /// `YYYY-MM-DD`.
    day: String,
    /// Absent where keys are not told apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<String>,
    /// Absent where rooms are not told apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<String>,
    /// Sessions of participants that began, agents and recorders among them.
    sessions: i64,
    /// Of participants; agents and recorders aside.
    participant_minutes: f64,
    /// Of agents and recorders.
    agent_minutes: f64,
    bytes_received: i64,
    bytes_sent: i64,
}

impl Row for UsageView {
    const COLUMNS: &'static [&'static str] = &[
        "day",
        "api_key",
        "room",
        "sessions",
        "participant_minutes",
        "agent_minutes",
        "bytes_received",
        "bytes_sent",
    ];
}

/// A page of usage.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsagePage {
    usage: Vec<UsageView>,
    /// What to write as `after` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Which usage is listed.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listed {
    /// The first day, `YYYY-MM-DD` of UTC. Default the first of this month.
    from: Option<String>,
    /// The last day. Default today.
    to: Option<String>,
    /// Only of this key.
    #[serde(default)]
    api_key: String,
    /// Only in rooms of this name.
    #[serde(default)]
    room: String,
    /// What is told apart beside days: `key`, `room` or `key,room`. Default `key`.
    by: Option<String>,
    /// `json`, or `csv` for all pages as one table.
    #[serde(default)]
    format: Format,
    /// Rows of a page, 1 to 1000. Default 100.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Lists what was used, by day, key and room.
#[utoipa::path(
    get,
    path = "/api/v1/usage",
    params(Listed),
    responses((status = 200, body = UsagePage), (status = 400, body = ApiError), (status = 401, body = ApiError), (status = 503, body = ApiError))
)]
pub(crate) async fn list(
    State(api): State<Api>,
    _: Admin,
    Parameters(asked): Parameters<Listed>,
) -> Result<Response, ApiError> {
    let mut pages = Pages {
        filter: filter(&asked)?,
        api,
    };
    if asked.format == Format::Csv {
        pages.filter.limit = CSV_PAGE;
        return table::csv(pages).await;
    }
    let Rows { rows, next } = pages.read(None).await?;
    let next = next.map(|(day, key, room)| {
        let parts = [day.to_string(), key, room];
        serde_json::json!(parts).to_string()
    });
    Ok(Json(UsagePage { usage: rows, next }).into_response())
}

fn filter(asked: &Listed) -> Result<UsageFilter, ApiError> {
    let today = Day::of(clock::now().millis());
    let (by_key, by_room) = match asked.by.as_deref().unwrap_or("key") {
        "" => (false, false),
        "key" => (true, false),
        "room" => (false, true),
        "key,room" | "room,key" => (true, true),
        _ => return Err(ApiError::invalid("by", "write key, room or key,room")),
    };
    Ok(UsageFilter {
        from: day("from", asked.from.as_deref())?.unwrap_or_else(|| today.first_of_month()),
        to: day("to", asked.to.as_deref())?.unwrap_or(today),
        api_key: text("api_key", &asked.api_key)?,
        room: text("room", &asked.room)?,
        by_key,
        by_room,
        after: after(asked.after.as_deref())?,
        limit: page::limit(asked.limit)?,
    })
}

fn day(field: &str, asked: Option<&str>) -> Result<Option<Day>, ApiError> {
    let invalid = |()| ApiError::invalid(field, "write a day such as 2026-12-31");
    asked.map(|day| day.parse().map_err(invalid)).transpose()
}

/// Reads after which row a page begins, as `next` of the page before says.
fn after(asked: Option<&str>) -> Result<Option<(Day, String, String)>, ApiError> {
    let Some(asked) = asked else {
        return Ok(None);
    };
    let invalid = || ApiError::invalid("after", "write what `next` of the page before says");
    let parts: [String; 3] = serde_json::from_str(asked).map_err(|_| invalid())?;
    let [day, key, room] = parts;
    let (key, room) = (text("after", &key)?, text("after", &room)?);
    Ok(Some((day.parse().map_err(|()| invalid())?, key, room)))
}

struct Pages {
    api: Api,
    filter: UsageFilter,
}

type AfterRow = (Day, String, String);

impl Paged<UsageView, AfterRow> for Pages {
    async fn read(
        &mut self,
        begins: Option<AfterRow>,
    ) -> Result<Rows<UsageView, AfterRow>, ApiError> {
        self.filter.after = begins.or_else(|| self.filter.after.take());
        let usage = self.api.bans.store().usage(&self.filter).await?;
        let is_full = u32::try_from(usage.len()).is_ok_and(|rows| rows == self.filter.limit);
        let last = usage.last().filter(|_| is_full);
        let next = last.map(|it| (it.day, it.api_key.clone(), it.room.clone()));
        let view = |usage| view(usage, &self.filter);
        Ok(Rows {
            rows: usage.into_iter().map(view).collect(),
            next,
        })
    }
}

fn view(usage: Usage, filter: &UsageFilter) -> UsageView {
    let share = usage.share;
    UsageView {
        day: usage.day.to_string(),
        api_key: filter.by_key.then_some(usage.api_key),
        room: filter.by_room.then_some(usage.room),
        sessions: share.sessions,
        participant_minutes: minutes(share.participant_ms),
        agent_minutes: minutes(share.dependent_ms),
        bytes_received: share.received,
        bytes_sent: share.sent,
    }
}
