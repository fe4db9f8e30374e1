//! The WebSocket and HTTP shell around sessions and rooms.
//!
//! [`Rooms`] owns every room of the node: each is a task that drives one
//! [`signaling_session::Room`]. [`routes`] serves LiveKit's signalling endpoints in front of it, and
//! [`http`] what every request passes through. Nothing here decides what a message means; it checks
//! tokens, moves frames, and carries out what rooms ask for.

mod admission;
mod allowance;
mod allowances;
mod bucket;
mod client_address;
mod clock;
mod connect;
mod connection;
mod desk;
mod dev;
mod health;
mod hits;
pub mod http;
mod key_ring;
mod letter;
mod limits;
mod load;
mod mailbox;
mod media_events;
#[cfg(test)]
mod media_faults;
mod moved;
mod moving;
mod notices;
mod parts;
mod passage;
mod projections;
mod pulse;
mod qualities;
mod quotas;
mod random;
mod refusal;
mod registry;
mod request_failed;
mod responses;
mod room_options;
mod room_task;
mod rooms;
mod seats;
mod settings;
mod snapshot;
#[cfg(test)]
mod test_node;

pub use admission::{Admission, AdmitAll, Decision, Entry, NotAdmitted, Occasion};
pub use client_address::of as client_address;
pub use clock::now;
pub use connect::routes;
pub use dev::dev_routes;
pub use health::{NotReady, RoomsReport};
pub use hits::Limit;
pub use key_ring::KeyRing;
pub use letter::Concerned;
pub use load::LoadLimits;
pub use media_events::MediaEvents;
pub use moving::MoveFailed;
pub use notices::{Notice, Notices};
pub use parts::RoomsParts;
pub use quotas::{TooOften, neighbourhood};
pub use random::random;
pub use refusal::Refusal;
pub use request_failed::RequestFailed;
pub use rooms::Rooms;
pub use seats::{Exceeded, SeatLimit, Seats};
pub use settings::{NameLimits, Preset, Settings};
pub use signaling_session::{Credential, QualityCounts, QualityReport, TrackFigures};
