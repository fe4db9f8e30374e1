//! LiveKit's server APIs over Twirp, protobuf and JSON, and the node's metrics.
//!
//! [`routes`] serves `POST /twirp/livekit.RoomService/<Method>`. A call is checked for its grant,
//! then asked of the room it is about; this crate keeps nothing of its own. [`metrics_routes`] serves
//! what the media plane counts, for Prometheus.

mod body;
mod error;
mod histograms;
mod json_form;
mod message_fields;
mod metrics;
mod room_service;
mod twirp;

pub use error::{Code, TwirpError};
pub use metrics::{MetricsLogin, metrics_routes};
pub use room_service::routes;
