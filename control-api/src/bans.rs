//! Who may not be in a room: held in memory, where joins ask, and kept in the store.
//!
//! [`Bans`] is what the API works with, [`BanList`] what rooms ask (`signaling::Admission`). A ban holds in memory at once
//! and is acknowledged when it is in the store; what the store does not take yet is tried again until it does.

mod audit;
mod index;
mod keeper;
mod list;
mod unsaved;

pub(crate) use audit::ban_audit;
pub use keeper::{BanAdded, BanCounts, BanFailed, Bans};
pub use list::BanList;

/// Most bytes of an identity, a room's name, a `jti` or an API key.
pub(crate) const MAX_NAME: usize = 1024;
