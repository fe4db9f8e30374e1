//! What open sessions have come to by now, of which the store knows only what it was told last.

use std::collections::BTreeMap;

use futures_util::future::{join_all, try_join_all};
use sfu_model::RoomName;
use signaling::Rooms;
use signaling_session::{RoomReply, RoomRequest};
use store::{Account, ParticipantFilter, ParticipantSession, RoomSession, Store, StoreError};

use crate::clock;
use crate::events::account_of;

/// Rooms that are asked at once.
const ASKED: usize = 32;

/// Participants of one room that are read at a time.
const PAGE: u32 = 1000;

/// Brings open room sessions up to now, as far as their rooms are on this node and answer.
///
/// # Errors
///
/// The database does not answer.
pub(crate) async fn bring_rooms_up(
    rooms: &Rooms,
    store: &Store,
    sessions: &mut [RoomSession],
) -> Result<(), StoreError> {
    for some in sessions.chunks_mut(ASKED) {
        try_join_all(some.iter_mut().map(|it| bring_room_up(rooms, store, it))).await?;
    }
    Ok(())
}

async fn bring_room_up(
    rooms: &Rooms,
    store: &Store,
    session: &mut RoomSession,
) -> Result<(), StoreError> {
    if session.ended_at.is_some() {
        return Ok(());
    }
    let now = clock::now();
    let age = now.0.saturating_sub(session.started_at.0);
    session.lasted_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    let accounts = accounts(rooms, &session.room).await;
    match accounts.is_empty() {
        true => Ok(()),
        false => add_since(store, session, &accounts).await,
    }
}

/// Brings open sessions of participants up to now, as far as their rooms are on this node and answer.
pub(crate) async fn bring_participants_up(rooms: &Rooms, sessions: &mut [ParticipantSession]) {
    let open = sessions.iter().filter(|it| it.left_at.is_none());
    let mut names: Vec<_> = open.map(|it| it.room.clone()).collect();
    names.sort_unstable();
    names.dedup();
    let mut known = BTreeMap::new();
    for some in names.chunks(ASKED) {
        let asked = join_all(some.iter().map(|name| accounts(rooms, name))).await;
        known.extend(asked.into_iter().flatten());
    }
    for session in sessions.iter_mut().filter(|it| it.left_at.is_none()) {
        if let Some(account) = known.get(&session.sid) {
            session.account = *account;
        }
    }
}

/// Adds to a room session what its participants have come to since the store was told.
async fn add_since(
    store: &Store,
    session: &mut RoomSession,
    accounts: &BTreeMap<String, Account>,
) -> Result<(), StoreError> {
    let mut filter = ParticipantFilter {
        room_sid: session.sid.clone(),
        open: true,
        limit: PAGE,
        ..ParticipantFilter::default()
    };
    loop {
        let page = store.participant_sessions(&filter).await?;
        for participant in &page {
            let Some(by_now) = accounts.get(&participant.sid) else {
                continue;
            };
            let before = participant.account;
            if !participant.is_dependent {
                session.participant_ms += (by_now.lasted_ms - before.lasted_ms).max(0);
            }
            session.received += (by_now.received - before.received).max(0);
            session.sent += (by_now.sent - before.sent).max(0);
        }
        let Some(last) = page.last().filter(|_| page.len() == PAGE as usize) else {
            return Ok(());
        };
        filter.after = Some(store::After {
            at: last.joined_at,
            id: last.sid.clone(),
        });
    }
}

/// Asks a room what each session in it has come to; it is a second old at most.
async fn accounts(rooms: &Rooms, name: &str) -> BTreeMap<String, Account> {
    let name = RoomName::from(name);
    match rooms.request(&name, RoomRequest::ListAccounts).await {
        Ok(RoomReply::Accounts(accounts)) => accounts
            .iter()
            .map(|(sid, account)| (sid.as_str().to_owned(), account_of(account)))
            .collect(),
        Ok(_) | Err(_) => BTreeMap::new(),
    }
}
