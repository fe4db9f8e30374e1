//! Audio and video as a browser sends and receives them, without encoding anything: every packet
//! carries its number, so that a receiver can tell what became of it.

mod account;
mod arrivals;
mod encoder;
mod packet;
mod playout;
mod publisher;
mod receiver;
mod reception;
mod shown;

pub(crate) use arrivals::Arrivals;
pub use encoder::Encoder;
pub use packet::{PicturePlace, Received};
pub use playout::Playout;
pub(crate) use publisher::Outbox;
pub use publisher::{Published, Publisher};
pub use receiver::Receiver;
pub use reception::Reception;
pub use shown::Shown;
