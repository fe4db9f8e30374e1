//! LiveKit's server APIs over Twirp, protobuf and JSON, and the node's metrics.
//!
//! [`routes`] serves `POST /twirp/livekit.RoomService/<Method>`. A call is checked for its grant,
//! then asked of the room it is about; this crate keeps nothing of its own. [`metrics_routes`] serves
//! what the media plane counts, for Prometheus.

mod api;
mod bans;
mod body;
mod clock;
mod drain;
mod error;
mod events;
mod field;
mod histograms;
mod json_form;
mod message_fields;
mod metrics;
mod quotas;
mod room_service;
mod sessions;
#[cfg(test)]
mod test_node;
#[cfg(test)]
mod test_webhooks;
mod tokens;
mod twirp;
mod webhooks;

pub use api::{Answers, Api, ApiError, api_routes, with_json_errors};
pub use bans::{BanAdded, BanCounts, BanFailed, BanList, Bans};
pub use drain::{Drain, Drained};
pub use error::{Code, TwirpError};
pub use events::{EventCounts, EventKeeper, KeeperParts, Orders, RoomDetail};
pub use field::FieldError;
pub use metrics::{MetricsLogin, MetricsSources, metrics_routes};
pub use quotas::{Doors, KeyQuotas, MinuteLimit};
pub use room_service::routes;
pub use sessions::{Projector, ProjectorParts, Retention, Sessions};
pub use tokens::{
    KeySet, Session, SignedBy, TokenCounts, TokenEndpoint, TokenEndpointParts, TokenFields,
    TokenRates, claims_of, token_routes,
};
pub use webhooks::{
    Health, Reach, Receiver, Senders, SendersParts, Target, TargetError, TargetHealth, Targets,
    Webhooks,
};
