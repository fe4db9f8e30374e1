use sfu_model::{CloseReason, LinkProtocol, NodeIndex, RoomIndex};

use super::*;

fn peer(index: u32) -> PeerId {
    PeerId {
        room: RoomIndex(1),
        index,
        shard: ShardIndex(0),
        node: NodeIndex(0),
    }
}

fn connected(index: u32) -> Event {
    Event::PeerConnected {
        peer: peer(index),
        protocol: LinkProtocol::Udp,
    }
}

fn closed(index: u32) -> Event {
    Event::PeerClosed {
        peer: peer(index),
        reason: CloseReason::TimedOut,
    }
}

fn data(sender: u32, channel: DataChannel, payload: Vec<u8>) -> Event {
    Event::DataReceived {
        peer: peer(sender),
        channel,
        message: payload.into(),
    }
}

fn lossy(sender: u32, number: u8) -> Event {
    data(sender, DataChannel::Lossy, vec![number])
}

fn taken(waiting: &mut WaitingEvents) -> Vec<Event> {
    std::iter::from_fn(|| waiting.take()).collect()
}

/// Who sent each lossy message that waits.
fn senders(events: &[Event]) -> Vec<u32> {
    let mut senders = Vec::new();
    for event in events {
        if let Event::DataReceived { peer, .. } = event {
            senders.push(peer.index);
        }
    }
    senders
}

#[test]
fn events_are_taken_in_the_order_in_which_they_came() {
    let mut waiting = WaitingEvents::default();
    let hello = data(1, DataChannel::Reliable, vec![7]);
    for event in [connected(1), hello, closed(1)] {
        assert_eq!(waiting.put(event), 0);
    }
    assert!(matches!(
        taken(&mut waiting).as_slice(),
        [
            Event::PeerConnected { .. },
            Event::DataReceived { .. },
            Event::PeerClosed { .. }
        ]
    ));
    assert!(waiting.is_empty());
}

#[test]
fn of_a_state_that_changes_a_thousand_times_the_latest_waits() {
    let mut waiting = WaitingEvents::default();
    for _ in 0..1000 {
        waiting.put(Event::PeerSilent { peer: peer(1) });
        waiting.put(Event::PeerResumed { peer: peer(1) });
        let levels = Event::AudioLevels {
            room: RoomIndex(1),
            shard: ShardIndex(0),
            levels: Vec::new(),
        };
        waiting.put(levels);
    }
    waiting.put(closed(1));
    assert!(matches!(
        taken(&mut waiting).as_slice(),
        [
            Event::PeerResumed { .. },
            Event::AudioLevels { .. },
            Event::PeerClosed { .. }
        ]
    ));
}

#[test]
fn of_each_part_of_what_a_shard_counts_the_latest_waits() {
    let statistics = |shard, part| Event::Statistics {
        room: RoomIndex(1),
        shard: ShardIndex(shard),
        part,
        streams: Box::default(),
    };
    let mut waiting = WaitingEvents::default();
    for _ in 0..1000 {
        waiting.put(statistics(0, 0));
        waiting.put(statistics(0, 1));
        waiting.put(statistics(1, 0));
    }
    assert_eq!(taken(&mut waiting).len(), 3);
}

#[test]
fn a_state_that_was_taken_is_told_again_when_it_changes() {
    let mut waiting = WaitingEvents::default();
    waiting.put(Event::PeerSilent { peer: peer(1) });
    assert_eq!(taken(&mut waiting).len(), 1);
    waiting.put(Event::PeerResumed { peer: peer(1) });
    assert_eq!(taken(&mut waiting).len(), 1);
}

#[test]
fn a_flood_of_lossy_data_costs_nobody_a_state_and_loses_its_oldest() {
    let mut waiting = WaitingEvents::default();
    waiting.put(connected(1));
    let sent = LOSSY_MESSAGES_EACH + 10;
    let dropped: u64 = (0..sent).map(|n| waiting.put(lossy(2, n as u8))).sum();
    waiting.put(closed(3));
    assert_eq!(dropped, 10);
    let events = taken(&mut waiting);
    assert_eq!(events.len(), LOSSY_MESSAGES_EACH + 2);
    assert!(matches!(events[0], Event::PeerConnected { .. }));
    let Event::DataReceived { message, .. } = &events[1] else {
        panic!("{:?}", events[1]);
    };
    assert_eq!(**message, [10]);
}

#[test]
fn who_floods_a_room_that_is_full_takes_no_place_of_others() {
    let mut waiting = WaitingEvents::default();
    let floods = LOSSY_MESSAGES / LOSSY_MESSAGES_EACH;
    for flood in 0..floods {
        for n in 0..LOSSY_MESSAGES_EACH {
            assert_eq!(waiting.put(lossy(flood as u32, n as u8)), 0);
        }
    }
    assert_eq!(waiting.put(lossy(99, 0)), 1);
    let events = taken(&mut waiting);
    assert_eq!(events.len(), LOSSY_MESSAGES);
    assert!(senders(&events).contains(&99));
}

#[test]
fn large_lossy_messages_are_bounded_in_bytes() {
    let mut waiting = WaitingEvents::default();
    let large = LOSSY_BYTES / 8;
    let dropped: u64 = (0..12)
        .map(|sender| waiting.put(data(sender, DataChannel::Lossy, vec![0; large])))
        .sum();
    assert_eq!(dropped, 4);
    assert_eq!(taken(&mut waiting).len(), 8);
    assert_eq!(waiting.lossy.bytes, 0);
    assert_eq!(waiting.lossy.messages, 0);
}

#[test]
fn reliable_data_is_never_dropped() {
    let mut waiting = WaitingEvents::default();
    let sent = 2 * LOSSY_MESSAGES;
    for _ in 0..sent {
        assert_eq!(waiting.put(data(1, DataChannel::Reliable, vec![0])), 0);
    }
    assert_eq!(taken(&mut waiting).len(), sent);
}
