//! What happens in rooms, written down in the journal before anybody is told of it.
//!
//! [`EventKeeper`] is the one who writes there: events of rooms, and what receivers have taken of them.

mod body;
mod keeper;
mod order;
mod record;
mod recovery;
mod rooms;
mod tally;

pub use body::RoomDetail;
pub use keeper::{EventCounts, EventKeeper, KeeperParts};
pub(crate) use order::Order;
pub use order::Orders;
pub(crate) use record::account_of;
pub(crate) use tally::TallyReport;
#[cfg(test)]
pub(crate) use {record::progress, recovery::end_all, rooms::RoomEvents};

#[cfg(test)]
mod tests;
