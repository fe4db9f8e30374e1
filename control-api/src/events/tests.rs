use std::path::Path;
use std::time::{Duration, Instant};

use databases::Database;
use signaling_protocol::proto;
use signaling_session::RoomRequest;
use store::Journal;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::*;
use crate::test_node::TestNode;
use crate::webhooks::{Reach, Target, Targets};

const URL: &str = "http://127.0.0.1:9/";

/// A node whose events are written down for a receiver that is never told.
struct Kept {
    node: TestNode,
    journal: Journal,
    orders: Orders,
    counts: std::sync::Arc<EventCounts>,
    _stop: oneshot::Sender<()>,
}

async fn start(file: &str) -> Kept {
    let node = TestNode::start();
    let journal = Journal::open(Path::new(file));
    let target = Target::new(URL, Vec::new(), Vec::new(), Reach::Anywhere).unwrap();
    let parts = KeeperParts {
        journal: journal.clone(),
        notices: node.rooms.notices().unwrap(),
        targets: Targets::new(vec![target]),
        detail: RoomDetail::Short,
    };
    let (keeper, orders, _) = EventKeeper::start(parts).await.unwrap();
    let counts = keeper.counts();
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(keeper.run(stopped));
    Kept {
        node,
        journal,
        orders,
        counts,
        _stop: stop,
    }
}

async fn create(node: &TestNode, name: &str) -> proto::Room {
    let request = proto::CreateRoomRequest {
        name: name.to_owned(),
        ..proto::CreateRoomRequest::default()
    };
    let room = node.rooms.create(request).await.unwrap();
    let asked = RoomRequest::ListParticipants;
    node.rooms.request(&name.into(), asked).await.unwrap();
    room
}

fn file(files: &Database) -> String {
    files.url.replace("sqlite://", "")
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_stops_no_room_and_gets_everything_later() {
    let files = databases::sqlite();
    let kept = start(&file(&files)).await;
    let locked = databases::lock(&file(&files)).await;
    let begun = Instant::now();
    for number in 0..20 {
        let name = format!("room{number}");
        create(&kept.node, &name).await;
        let ended = kept
            .node
            .rooms
            .request(&name.as_str().into(), RoomRequest::DeleteRoom)
            .await;
        ended.unwrap();
    }
    assert!(
        begun.elapsed() < Duration::from_millis(1500),
        "rooms waited for the disk"
    );
    drop(locked);
    let begun = Instant::now();
    while kept.counts.written() < 40 {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{} are written",
            kept.counts.written()
        );
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(kept.counts.lost(), 0);
    let told = kept.journal.deliveries(URL, 0, 100).await.unwrap();
    let kinds: Vec<_> = told
        .iter()
        .map(|it| it.body.contains("room_started"))
        .collect();
    assert_eq!(kinds.len(), 40);
    for room in told.chunk_by(|a, b| a.room_sid == b.room_sid) {
        assert!(room[0].body.contains("room_started"));
    }
}

#[tokio::test]
async fn what_has_settled_is_written() {
    let files = databases::sqlite();
    let kept = start(&file(&files)).await;
    for number in 1..10 {
        create(&kept.node, &format!("room{number}")).await;
        kept.orders.settle().await;
        assert_eq!(kept.journal.count_deliveries(URL).await.unwrap(), number);
    }
}

#[tokio::test]
async fn what_had_begun_is_ended_after_a_crash_inside_out_and_numbered_on() {
    let files = databases::sqlite();
    let kept = start(&file(&files)).await;
    let room = create(&kept.node, "lobby").await;
    kept.orders.settle().await;
    // Another process takes up the journal.
    let after = start(&file(&files)).await;
    let told = after.journal.deliveries(URL, 0, 10).await.unwrap();
    assert_eq!(told.len(), 2);
    let ended: serde_json::Value = serde_json::from_str(&told[1].body).unwrap();
    assert!(told[1].at >= told[0].at, "a room ended before it began");
    assert_eq!(ended["event"], "room_finished");
    assert_eq!(ended["room"]["sid"], room.sid);
    assert_eq!(
        (&ended["sequence"], &ended["recovered"]),
        (&"2".into(), &true.into())
    );
    assert!(after.journal.beginnings().await.unwrap().is_empty());
}

/// Writes a room's beginning of a time, and that the node ran at another.
async fn begun(journal: &Journal, at: u64, alive_at: u64) {
    let seconds = |seconds| sfu_model::UnixTime(Duration::from_secs(seconds));
    let beginning = store::Beginning {
        room_sid: "RM_1".to_owned(),
        sid: "RM_1".to_owned(),
        rank: store::RANK_ROOM,
        kind: "room_finished".to_owned(),
        body: "{\"event\": \"room_finished\"}".to_owned(),
        record: None,
        at: sfu_model::UnixTime::default(),
    };
    let event = store::JournalEvent {
        id: "EV_1".to_owned(),
        at: seconds(at),
        kind: "room_started".to_owned(),
        room_sid: "RM_1".to_owned(),
        room_sequence: 1,
        body: "{}".to_owned(),
        record: None,
        begins: Some(beginning),
        ends: None,
        targets: vec![URL.to_owned()],
    };
    let writes = store::Writes {
        events: vec![event],
        alive_at: Some(seconds(alive_at)),
        ..store::Writes::default()
    };
    journal.write(&writes).await.unwrap();
}

#[tokio::test]
async fn nothing_that_ends_by_a_crash_ends_before_it_began() {
    for (at, alive_at, ended_at) in [(104, 100, 104), (104, 200, 200)] {
        let files = databases::sqlite();
        let journal = Journal::open(Path::new(&file(&files)));
        journal.prepare().await.unwrap();
        begun(&journal, at, alive_at).await;
        let kept = start(&file(&files)).await;
        let told = kept.journal.deliveries(URL, 0, 10).await.unwrap();
        assert_eq!(told[1].at.seconds(), ended_at);
    }
}
