//! Sessions are what a recomputation from the events gives, whatever happened in between.

mod recomputed;
mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use databases::databases;
use sfu_model::UnixTime;
use store::{Day, ParticipantFilter, RoomFilter, Share, Store, UsageFilter};

use recomputed::Recomputed;
use world::World;

/// Histories that are tried with each kind of database.
const HISTORIES: u64 = 12;

/// Things that happen in each.
const STEPS: usize = 150;

#[tokio::test]
async fn sessions_are_what_the_events_say_after_any_history_of_crashes_and_steps_of_the_clock() {
    for seed in 0..HISTORIES {
        for database in databases().await {
            let store = Store::open(&database.url).expect("the URL is good");
            store.prepare().await.expect("the database answers");
            let mut world = World::new(store.clone(), seed).await;
            for _ in 0..STEPS {
                world.step().await;
            }
            world.end().await;
            let recomputed = Recomputed::of(&world.events().await);
            assert_eq!(rooms(&store).await, recomputed.rooms, "seed {seed}");
            assert_eq!(
                participants(&store).await,
                recomputed.participants,
                "seed {seed}"
            );
            assert_eq!(usage(&store).await, recomputed.usage, "seed {seed}");
        }
    }
}

#[tokio::test]
async fn a_session_over_midnight_is_used_on_both_days() {
    for database in databases().await {
        let store = Store::open(&database.url).expect("the URL is good");
        store.prepare().await.expect("the database answers");
        let mut world = World::new(store.clone(), 1).await;
        let before_midnight = UnixTime(Duration::from_secs(20_788 * 86_400 - 60));
        world.set_clock(before_midnight);
        let room = world.open("lobby");
        let alice = world.join(room, "alice");
        world.pass(Duration::from_secs(90));
        world.leave(room, alice);
        world.end().await;
        let listed = store.usage(&by_day()).await.expect("the database answers");
        let days: Vec<_> = listed
            .iter()
            .map(|it| (it.day.to_string(), it.share.participant_ms))
            .collect();
        let expected = [("2026-11-30", 60_000), ("2026-12-01", 30_000)];
        assert_eq!(days, expected.map(|(day, ms)| (day.to_owned(), ms)));
    }
}

#[tokio::test]
async fn a_session_that_a_crash_cuts_off_lasted_until_the_node_was_last_known_to_run() {
    for database in databases().await {
        let store = Store::open(&database.url).expect("the URL is good");
        store.prepare().await.expect("the database answers");
        let mut world = World::new(store.clone(), 1).await;
        let room = world.open("lobby");
        world.join(room, "alice");
        world.pass(Duration::from_secs(5));
        world.tell_progress();
        world.pass(Duration::from_secs(3));
        world.end().await;
        let (rooms, participants) = (rooms(&store).await, participants(&store).await);
        let (room, alice) = (&rooms["RM_1"], &participants["PA_2"]);
        assert_eq!((room.lasted_ms, room.recovered), (8_000, true));
        assert_eq!((alice.account.lasted_ms, alice.recovered), (8_000, true));
        assert_eq!(room.participant_ms, 8_000);
    }
}

#[tokio::test]
async fn what_is_old_is_forgotten_and_what_is_open_or_used_is_not() {
    for database in databases().await {
        let store = Store::open(&database.url).expect("the URL is good");
        store.prepare().await.expect("the database answers");
        let mut world = World::new(store.clone(), 1).await;
        let room = world.open("lobby");
        let alice = world.join(room, "alice");
        world.join(room, "bob");
        world.pass(Duration::from_secs(5));
        world.leave(room, alice);
        world.take().await;
        let later = UnixTime(world.clock().0 + Duration::from_secs(1));
        let used = usage(&store).await;
        assert_eq!(store.prune_sessions(world.clock()).await.ok(), Some(0));
        assert_eq!(store.prune_sessions(later).await.ok(), Some(1));
        assert_eq!(participants(&store).await.len(), 1);
        assert_eq!(rooms(&store).await.len(), 1);
        assert_eq!(usage(&store).await, used);
        assert_eq!(
            store.prune_usage(Day::of(later.millis())).await.ok(),
            Some(0)
        );
        let tomorrow = Day(Day::of(later.millis()).0 + 1);
        assert_eq!(store.prune_usage(tomorrow).await.ok(), Some(2));
    }
}

fn by_day() -> UsageFilter {
    UsageFilter {
        from: Day(0),
        to: Day(100_000),
        api_key: String::new(),
        room: String::new(),
        by_key: false,
        by_room: false,
        after: None,
        limit: 1000,
    }
}

async fn rooms(store: &Store) -> BTreeMap<String, recomputed::Room> {
    let filter = RoomFilter {
        limit: 1000,
        ..RoomFilter::default()
    };
    let rooms = store.room_sessions(&filter).await;
    let rooms = rooms.expect("the database answers").into_iter();
    let room = |it: store::RoomSession| recomputed::Room {
        started_at: it.started_at.millis(),
        ended_at: it.ended_at.map(UnixTime::millis),
        lasted_ms: it.lasted_ms,
        recovered: it.recovered,
        participants: it.participants,
        peak_participants: it.peak_participants,
        peak_viewers: it.peak_viewers,
        participant_ms: it.participant_ms,
        received: it.received,
        sent: it.sent,
        tracks: it.tracks,
    };
    rooms.map(|it| (it.sid.clone(), room(it))).collect()
}

async fn participants(store: &Store) -> BTreeMap<String, recomputed::Participant> {
    let filter = ParticipantFilter {
        limit: 1000,
        ..ParticipantFilter::default()
    };
    let participants = store.participant_sessions(&filter).await;
    let participants = participants.expect("the database answers").into_iter();
    let participant = |it: store::ParticipantSession| recomputed::Participant {
        joined_at: it.joined_at.millis(),
        left_at: it.left_at.map(UnixTime::millis),
        recovered: it.recovered,
        tracks: it.tracks,
        account: it.account,
    };
    participants
        .map(|it| (it.sid.clone(), participant(it)))
        .collect()
}

/// Returns what each key used in each room, all days together: how it lies over days depends on when it was told.
async fn usage(store: &Store) -> BTreeMap<(String, String), Share> {
    let filter = UsageFilter {
        by_key: true,
        by_room: true,
        ..by_day()
    };
    let mut sums: BTreeMap<_, Share> = BTreeMap::new();
    for usage in store.usage(&filter).await.expect("the database answers") {
        let sum = sums.entry((usage.api_key, usage.room)).or_default();
        sum.sessions += usage.share.sessions;
        sum.participant_ms += usage.share.participant_ms;
        sum.dependent_ms += usage.share.dependent_ms;
        sum.received += usage.share.received;
        sum.sent += usage.share.sent;
    }
    sums
}
