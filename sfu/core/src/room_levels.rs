//! Who was heard lately in a room.

use crate::keys::PublicationKey;
use crate::timers::Deadline;

/// Who was heard lately in one room.
#[derive(Debug, Default)]
pub(crate) struct RoomLevels {
    pub(crate) heard: Vec<PublicationKey>,
    /// Whether the last report named anybody.
    pub(crate) audible: bool,
    pub(crate) armed: Option<Deadline>,
}
