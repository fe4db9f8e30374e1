//! LiveKit's server APIs over Twirp, protobuf and JSON.
//!
//! [`routes`] serves `POST /twirp/livekit.RoomService/<Method>`. A call is checked for its grant,
//! then asked of the room it is about; this crate keeps nothing of its own.

mod body;
mod error;
mod json_form;
mod message_fields;
mod room_service;
mod twirp;

pub use error::{Code, TwirpError};
pub use room_service::routes;
