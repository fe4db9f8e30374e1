//! Audio and video as a browser sends and receives them, without encoding anything: every packet
//! carries its number, so that a receiver can tell what became of it.

mod account;
mod arrivals;
mod packet;
mod publisher;
mod receiver;
mod reception;

pub(crate) use arrivals::Arrivals;
pub use packet::Received;
pub(crate) use publisher::Outbox;
pub use publisher::{Published, Publisher};
pub use receiver::Receiver;
pub use reception::Reception;
