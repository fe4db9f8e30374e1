//! A journal and a receiver for tests.

use std::path::Path;
use std::time::Duration;

use databases::Database;
use store::{Given, Journal, JournalEvent, Writes};
use tokio::sync::oneshot;

use crate::clock;
use crate::events::{EventKeeper, KeeperParts, RoomDetail};
use crate::test_node::TestNode;
use crate::webhooks::{Reach, Senders, SendersParts, Target, Targets, Webhooks};

/// A receiver that takes nothing.
pub(crate) const DEAF: &str = "http://127.0.0.1:9/hook";

/// The journal of a node with one receiver, to which an event is dead.
pub(crate) async fn webhooks(node: &TestNode) -> (Webhooks, Database) {
    let files = databases::sqlite();
    let file = files
        .url
        .replace("sqlite://", "")
        .replace("test.db", "journal.db");
    let journal = Journal::open(Path::new(&file));
    let notices = node.rooms.notices().unwrap();
    let target = Target::new(DEAF, Vec::new(), Vec::new(), Reach::Anywhere).unwrap();
    let targets = Targets::new(vec![target]);
    let parts = KeeperParts {
        journal: journal.clone(),
        notices,
        targets: targets.clone(),
        detail: RoomDetail::Short,
    };
    let (keeper, orders, written) = EventKeeper::start(parts).await.unwrap();
    let event = JournalEvent {
        id: "EV_1".to_owned(),
        at: clock::now(),
        kind: "room_started".to_owned(),
        room_sid: "RM_1".to_owned(),
        room_sequence: 1,
        body: "{\"event\": \"room_started\"}".to_owned(),
        record: None,
        begins: None,
        ends: None,
        targets: vec![DEAF.to_owned()],
    };
    let given = Given {
        target: DEAF.to_owned(),
        sequence: 1,
        at: clock::now(),
        reason: "it answered 500".to_owned(),
    };
    let writes = Writes {
        events: vec![event],
        given_up: vec![given],
        ..Writes::default()
    };
    journal.write(&writes).await.unwrap();
    let senders = Senders::start(SendersParts {
        targets,
        reach: Reach::Anywhere,
        keys: node.keys.clone(),
        key: "devkey".into(),
        journal: journal.clone(),
        orders,
        written,
        give_up_after: Duration::from_secs(3600),
    });
    let counts = keeper.counts();
    let (stop, stopped) = oneshot::channel();
    // For as long as the test.
    std::mem::forget(stop);
    tokio::spawn(keeper.run(stopped));
    let senders = senders.expect("the system has certificates");
    (Webhooks::new(senders, journal, counts), files)
}
