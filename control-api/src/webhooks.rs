//! Receivers are told of what happens: each in order per room, at least once, at its own pace.

mod client;
mod handle;
mod health;
mod outbox;
mod resolver;
mod sender;
mod target;

pub use handle::{Receiver, Webhooks};
pub use health::{Health, TargetHealth};
pub use sender::{Senders, SendersParts};
pub use target::{Reach, Target, TargetError, Targets};
