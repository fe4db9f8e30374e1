//! The ends of what had begun when the node, or a room, ended without telling.

use std::collections::HashMap;

use sfu_model::UnixTime;
use store::{Journal, StoreError, Writes};

use super::rooms::RoomEvents;

/// Writes the ends of all that had begun, as of a time; of one room, or of all. No end is earlier than what its room told
/// before.
///
/// # Errors
///
/// The journal cannot be read or written; nothing of it is then.
pub(crate) async fn end_all(
    journal: &Journal,
    rooms: &RoomEvents,
    at: UnixTime,
    room: Option<&str>,
) -> Result<usize, StoreError> {
    let mut latest: HashMap<String, (i64, UnixTime)> = HashMap::new();
    let mut writes = Writes::default();
    for beginning in journal.beginnings().await? {
        if room.is_some_and(|room| room != beginning.room_sid) {
            continue;
        }
        let (last, at) = match latest.get(&beginning.room_sid) {
            Some(latest) => *latest,
            None => {
                let (last, told_at) = journal.last_of_room(&beginning.room_sid).await?;
                (last, told_at.map_or(at, |told_at| told_at.max(at)))
            }
        };
        let number = last + 1;
        latest.insert(beginning.room_sid.clone(), (number, at));
        writes.events.push(rooms.end(at, &beginning, number));
    }
    let ended = writes.events.len();
    if ended > 0 {
        journal.write(&writes).await?;
    }
    Ok(ended)
}
