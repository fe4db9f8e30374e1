//! The journal by itself: what is kept, what is forgotten, and how long that takes.

use std::path::Path;
use std::time::{Duration, Instant};

use databases::Database;
use sfu_model::UnixTime;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use store::{Beginning, Given, Journal, JournalEvent, RANK_PARTICIPANT, RANK_ROOM, Writes};

const DEAD: &str = "http://dead.example/";

fn at(seconds: u64) -> UnixTime {
    UnixTime(Duration::from_secs(seconds))
}

async fn journal() -> (Database, Journal) {
    let files = databases::sqlite();
    let journal = Journal::open(Path::new(&files.url.replace("sqlite://", "")));
    journal.prepare().await.expect("the file is new");
    (files, journal)
}

fn event(number: i64, seconds: u64) -> JournalEvent {
    JournalEvent {
        id: format!("EV_{number}"),
        at: at(seconds),
        kind: "participant_joined".to_owned(),
        room_sid: "RM_1".to_owned(),
        room_sequence: number,
        body: "{}".to_owned(),
        record: None,
        begins: None,
        ends: None,
        targets: vec![DEAD.to_owned()],
    }
}

fn beginning(sid: &str, rank: i64) -> Option<Beginning> {
    Some(Beginning {
        room_sid: "RM_1".to_owned(),
        sid: sid.to_owned(),
        rank,
        kind: "participant_left".to_owned(),
        body: "{}".to_owned(),
        record: None,
        at: UnixTime::default(),
    })
}

async fn write(journal: &Journal, events: Vec<JournalEvent>) {
    let writes = Writes {
        events,
        ..Writes::default()
    };
    journal.write(&writes).await.expect("there is room");
}

#[tokio::test]
async fn what_a_dead_receiver_has_not_taken_makes_forgetting_no_slower() {
    const OLD: i64 = 20_000;

    let (_files, journal) = journal().await;
    write(&journal, (1..=OLD).map(|number| event(number, 1)).collect()).await;
    let given_up = (1..=OLD / 2).map(|sequence| Given {
        target: DEAD.to_owned(),
        sequence,
        at: at(2),
        reason: "it answered 500".to_owned(),
    });
    let writes = Writes {
        given_up: given_up.collect(),
        ..Writes::default()
    };
    journal.write(&writes).await.unwrap();
    let begun = Instant::now();
    assert_eq!(journal.prune(at(100), 1000).await.unwrap(), 0);
    // Where each event was searched for in all that waits, this took ten seconds and more.
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn beyond_a_number_the_oldest_are_forgotten_whoever_waits_for_them() {
    let (_files, journal) = journal().await;
    write(&journal, (1..=10).map(|number| event(number, 1)).collect()).await;
    assert_eq!(journal.prune_beyond(10).await.unwrap(), 0);
    assert_eq!(journal.prune_beyond(4).await.unwrap(), 6);
    let left = journal.read_after(0, 100).await.unwrap();
    let left: Vec<_> = left.iter().map(|it| it.sequence).collect();
    assert_eq!(left, [7, 8, 9, 10]);
    assert_eq!(journal.count_deliveries(DEAD).await.unwrap(), 4);
}

#[tokio::test]
async fn events_are_read_on_from_where_a_reader_was() {
    let (_files, journal) = journal().await;
    write(&journal, (1..=5).map(|number| event(number, 7)).collect()).await;
    let first = journal.read_after(0, 2).await.unwrap();
    assert_eq!(first.len(), 2);
    assert_eq!((first[1].id.as_str(), first[1].at), ("EV_2", at(7)));
    let rest = journal.read_after(first[1].sequence, 100).await.unwrap();
    let rest: Vec<_> = rest.iter().map(|it| it.room_sequence).collect();
    assert_eq!(rest, [3, 4, 5]);
    assert!(journal.read_after(5, 100).await.unwrap().is_empty());
}

#[tokio::test]
async fn with_a_room_ends_all_in_it() {
    let (_files, journal) = journal().await;
    let begin = |number, begins| JournalEvent {
        begins,
        ..event(number, 1)
    };
    let events = vec![
        begin(1, beginning("RM_1", RANK_ROOM)),
        begin(2, beginning("PA_1", RANK_PARTICIPANT)),
        begin(3, beginning("PA_2", RANK_PARTICIPANT)),
    ];
    write(&journal, events).await;
    let end = |number, sid: &str| JournalEvent {
        ends: Some(sid.to_owned()),
        ..event(number, 2)
    };
    write(&journal, vec![end(4, "PA_1")]).await;
    assert_eq!(journal.beginnings().await.unwrap().len(), 2);
    write(&journal, vec![end(5, "RM_1")]).await;
    assert!(journal.beginnings().await.unwrap().is_empty());
    assert_eq!(
        journal.last_of_room("RM_1").await.unwrap(),
        (5, Some(at(2)))
    );
    assert_eq!(journal.last_of_room("RM_2").await.unwrap(), (0, None));
}

/// Opens the file of a journal beside it.
async fn beside(files: &Database) -> SqliteConnection {
    let file = files.url.replace("sqlite://", "");
    let options = SqliteConnectOptions::new().filename(file);
    options.connect().await.expect("the file is there")
}

#[tokio::test]
async fn a_journal_whose_disk_was_full_is_written_again() {
    let (files, journal) = journal().await;
    let mut other = beside(&files).await;
    // As a full disk does, it takes the whole transaction back.
    let full =
        "CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ROLLBACK, 'full'); END";
    sqlx::query(full).execute(&mut other).await.unwrap();
    let writes = Writes {
        events: vec![event(1, 1)],
        ..Writes::default()
    };
    for _ in 0..8 {
        let refused = journal.write(&writes).await.unwrap_err().to_string();
        assert!(refused.contains("full"), "{refused}");
    }
    sqlx::query("DROP TRIGGER full")
        .execute(&mut other)
        .await
        .unwrap();
    journal.write(&writes).await.unwrap();
    assert_eq!(journal.read_after(0, 10).await.unwrap().len(), 1);
    other.close().await.unwrap();
}
