//! What happens in rooms, written down in the journal before anybody is told of it.
//!
//! [`EventKeeper`] is the one who writes there: events of rooms, and what receivers have taken of them.

mod body;
mod keeper;
mod order;
mod recovery;
mod rooms;
mod tally;

pub use body::RoomDetail;
pub use keeper::{EventCounts, EventKeeper, KeeperParts};
pub(crate) use order::Order;
pub use order::Orders;
pub(crate) use tally::TallyReport;

#[cfg(test)]
mod tests;
