//! The ends of what had begun when the node, or a room, ended without telling.

use std::collections::HashMap;

use sfu_model::UnixTime;
use store::{Journal, StoreError, Writes};

use super::rooms::RoomEvents;

/// Writes the ends of all that had begun, as of a time; of one room, or of all.
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
    let mut numbers: HashMap<String, i64> = HashMap::new();
    let mut writes = Writes::default();
    for beginning in journal.beginnings().await? {
        if room.is_some_and(|room| room != beginning.room_sid) {
            continue;
        }
        let last = match numbers.get(&beginning.room_sid) {
            Some(last) => *last,
            None => journal.last_of_room(&beginning.room_sid).await?,
        };
        let number = last + 1;
        numbers.insert(beginning.room_sid.clone(), number);
        writes.events.push(rooms.end(at, &beginning, number));
    }
    let ended = writes.events.len();
    if ended > 0 {
        journal.write(&writes).await?;
    }
    Ok(ended)
}
