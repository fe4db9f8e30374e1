use axum::response::Json;
use utoipa::OpenApi;

/// The description of the API, which is made of the types that it takes and gives.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Sluice",
        description = "Bans, who did what, many participants at once, sessions and usage, receivers of webhooks, tokens, and the drain of the node."
    ),
    paths(
        super::bans::add,
        super::bans::list,
        super::bans::find,
        super::bans::lift,
        super::audit::list,
        super::webhooks::list,
        super::webhooks::dead,
        super::webhooks::replay,
        super::sessions::list_rooms,
        super::sessions::find_room,
        super::sessions::list_participants,
        super::usage::list,
        super::quotas::list,
        super::tokens::issue,
        super::rooms::mute,
        super::rooms::remove,
        super::rooms::update,
        super::drain::begin,
        super::drain::find,
        super::drain::undo
    )
)]
pub(super) struct Description;

/// Describes the API (OpenAPI 3.1).
pub(crate) async fn describe() -> Json<utoipa::openapi::OpenApi> {
    Json(Description::openapi())
}
