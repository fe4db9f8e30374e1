use std::time::Duration;

use sfu_model::limits::{MAX_DATA_MESSAGE_IN_BYTES, MAX_DATA_MESSAGE_OUT_BYTES};
use sfu_model::{CloseReason, DataChannel, DataChannelOpener};
use sfu_transport::{SendDataError, TransportEvent};

use crate::world::World;

const DCEP: u32 = 50;
const TEXT: u32 = 51;
const BINARY: u32 = 53;

fn received(channel: DataChannel, payload: &[u8]) -> TransportEvent {
    TransportEvent::DataReceived {
        channel,
        message: payload.into(),
    }
}

fn with_channels() -> World {
    let mut world = World::connected(DataChannelOpener::Peer);
    world.client.open(0, 0x00, "_reliable");
    world.client.open(2, 0x81, "_lossy");
    world.exchange();
    world
}

#[test]
fn the_channels_of_a_client_open_and_carry_messages_both_ways() {
    let mut world = with_channels();
    for channel in [DataChannel::Reliable, DataChannel::Lossy] {
        assert!(world.saw(&TransportEvent::DataChannelOpened(channel)));
    }
    assert_eq!(world.client.inbox, [(0, DCEP, vec![2]), (2, DCEP, vec![2])]);
    world.client.send(0, BINARY, b"up");
    world.client.send_unordered(2, b"lossy up");
    let now = world.now;
    world
        .server
        .send_data(now, DataChannel::Reliable, b"down"[..].into())
        .unwrap();
    world
        .server
        .send_data(now, DataChannel::Lossy, b"lossy down"[..].into())
        .unwrap();
    world.exchange();
    assert!(world.saw(&received(DataChannel::Reliable, b"up")));
    assert!(world.saw(&received(DataChannel::Lossy, b"lossy up")));
    assert!(world.client.inbox.contains(&(0, BINARY, b"down".to_vec())));
    assert!(
        world
            .client
            .inbox
            .contains(&(2, BINARY, b"lossy down".to_vec()))
    );
}

#[test]
fn our_channels_open_on_odd_streams_and_send_what_waited() {
    let mut world = World::new(DataChannelOpener::Server);
    let now = world.now;
    world
        .server
        .send_data(now, DataChannel::Reliable, b"early"[..].into())
        .unwrap();
    let lossy = world
        .server
        .send_data(now, DataChannel::Lossy, b"gone"[..].into());
    assert_eq!(lossy, Err(SendDataError::NotOpen));
    world.connect();
    world.run_until(Duration::from_secs(5), |world| {
        world.client.inbox.len() == 3
    });
    let opens: Vec<_> = world.client.inbox.drain(..).collect();
    let expected: [(u16, &[u8]); 3] = [
        (1, b"\x03\0\0\0\0\0\0\0\0\x09\0\0_reliable"),
        (3, b"\x03\x81\0\0\0\0\0\0\0\x06\0\0_lossy"),
        (5, b"\x03\x81\0\0\0\0\0\0\0\x0b\0\0_data_track"),
    ];
    assert_eq!(
        opens,
        expected.map(|(stream, open)| (stream, DCEP, open.to_vec()))
    );
    for stream in [1, 3, 5] {
        world.client.send(stream, DCEP, &[2]);
    }
    world.exchange();
    assert!(world.saw(&TransportEvent::DataChannelOpened(DataChannel::DataTrack)));
    assert_eq!(world.client.inbox, [(1, BINARY, b"early".to_vec())]);
}

#[test]
fn seventy_thousand_bytes_pass_both_ways() {
    let mut world = with_channels();
    world.client.inbox.clear();
    let message: Vec<u8> = (0..MAX_DATA_MESSAGE_IN_BYTES)
        .map(|i| (i % 251) as u8)
        .collect();
    world.client.send(0, BINARY, &message);
    let now = world.now;
    world
        .server
        .send_data(now, DataChannel::Reliable, message.as_slice().into())
        .unwrap();
    world.run_until(Duration::from_secs(5), |world| {
        !world.client.inbox.is_empty() && world.saw(&received(DataChannel::Reliable, &message))
    });
    assert_eq!(world.client.inbox, [(0, BINARY, message)]);
}

#[test]
fn reliable_messages_arrive_in_order_over_a_lossy_link() {
    for seed in 0..5 {
        let mut world = with_channels();
        world.loss = 20;
        world.random.0 = seed;
        world.client.inbox.clear();
        let opened = world.events.len();
        let messages: Vec<Vec<u8>> = (0..200_u8)
            .map(|i| vec![i; 1 + usize::from(i) * 20])
            .collect();
        for message in &messages {
            world.client.send(0, BINARY, message);
            let now = world.now;
            world
                .server
                .send_data(now, DataChannel::Reliable, message.as_slice().into())
                .unwrap();
        }
        let expected: Vec<_> = messages
            .iter()
            .map(|message| received(DataChannel::Reliable, message))
            .collect();
        world.run_until(Duration::from_secs(600), |world| {
            let arrived = world.events.len() - opened;
            arrived >= messages.len() && world.client.inbox.len() >= messages.len()
        });
        let arrived: Vec<_> = world
            .events
            .iter()
            .filter(|event| matches!(event, TransportEvent::DataReceived { .. }))
            .cloned()
            .collect();
        assert_eq!(arrived.len(), expected.len(), "seed {seed}");
        assert!(arrived == expected, "seed {seed}");
        let inbox: Vec<_> = world.client.inbox.iter().map(|m| m.2.clone()).collect();
        assert_eq!(inbox.len(), messages.len(), "seed {seed}");
        assert!(inbox == messages, "seed {seed}");
    }
}

#[test]
fn a_longer_message_than_that_ends_the_transport() {
    let mut world = with_channels();
    world
        .client
        .send(0, BINARY, &vec![1; MAX_DATA_MESSAGE_IN_BYTES + 1]);
    world.run_for(Duration::from_secs(2));
    let closed = TransportEvent::Closed(CloseReason::DataChannelFailed);
    assert_eq!(world.events.last(), Some(&closed));
}

#[test]
fn we_send_no_longer_message_than_the_limit() {
    let mut world = with_channels();
    let now = world.now;
    for (len, expected) in [
        (MAX_DATA_MESSAGE_OUT_BYTES, Ok(())),
        (MAX_DATA_MESSAGE_OUT_BYTES + 1, Err(SendDataError::TooLarge)),
    ] {
        let sent = world
            .server
            .send_data(now, DataChannel::Reliable, vec![1; len].into());
        assert_eq!(sent, expected);
    }
    world.exchange();
    let longest = world.client.inbox.iter().map(|message| message.2.len());
    assert_eq!(longest.max(), Some(MAX_DATA_MESSAGE_OUT_BYTES));
}

#[test]
fn text_and_unknown_messages_are_ignored_and_counted() {
    let mut world = with_channels();
    world.events.clear();
    world.client.send(0, TEXT, b"hello");
    world.client.send(0, 77, b"what");
    world.client.send(8, BINARY, b"nobody opened it");
    world.exchange();
    assert_eq!(world.events, []);
    assert_eq!(world.server.take_data_counts().ignored, 3);
}

#[test]
fn an_empty_message_is_empty_on_both_ends() {
    let mut world = with_channels();
    world.client.inbox.clear();
    world.client.send(0, 57, &[0]);
    let now = world.now;
    world
        .server
        .send_data(now, DataChannel::Reliable, Vec::new().into())
        .unwrap();
    world.exchange();
    assert!(world.saw(&received(DataChannel::Reliable, &[])));
    assert_eq!(world.client.inbox, [(0, 57, vec![0])]);
}

#[test]
fn a_channel_of_another_label_is_unlabelled_to_us() {
    let mut world = with_channels();
    world.client.open(4, 0, "chat");
    world.client.send(4, BINARY, b"hi");
    world.exchange();
    assert!(world.saw(&received(DataChannel::Unlabelled, b"hi")));
}

#[test]
fn sixteen_channels_are_accepted_and_no_more() {
    let mut world = World::connected(DataChannelOpener::Peer);
    for stream in 0..20 {
        world.client.open(stream, 0, "chat");
    }
    world.exchange();
    let opened = TransportEvent::DataChannelOpened(DataChannel::Unlabelled);
    let count = world.events.iter().filter(|event| **event == opened);
    assert_eq!(count.count(), 16);
    assert_eq!(world.server.take_data_counts().ignored, 4);
}

#[test]
fn messages_of_an_unopened_channel_are_bounded_too() {
    let mut world = World::new(DataChannelOpener::Peer);
    let now = world.now;
    let queued = (0..100_000)
        .take_while(|_| {
            world
                .server
                .send_data(now, DataChannel::Reliable, vec![1].into())
                .is_ok()
        })
        .count();
    assert_eq!(queued, 1_024);
    let refused = world
        .server
        .send_data(now, DataChannel::Reliable, vec![1].into());
    assert_eq!(refused, Err(SendDataError::NotOpen));
}

#[test]
fn the_queue_empties_when_the_reader_reads() {
    let mut world = with_channels();
    for _ in 0..20 {
        let now = world.now;
        for _ in 0..1_000 {
            world
                .server
                .send_data(now, DataChannel::Reliable, vec![1; 100].into())
                .unwrap();
        }
        world.run_for(Duration::from_millis(500));
    }
    assert_eq!(world.client.inbox.len(), 20_002);
}

#[test]
fn the_oldest_lossy_messages_give_way_when_too_many_wait() {
    let mut world = with_channels();
    world.client.inbox.clear();
    let now = world.now;
    for i in 0..1_000_u32 {
        let mut message = vec![0; 1_000];
        message[..4].copy_from_slice(&i.to_be_bytes());
        let lossy = DataChannel::Lossy;
        world.server.send_data(now, lossy, message.into()).unwrap();
    }
    let dropped = world.server.take_data_counts().dropped_out;
    world.run_for(Duration::from_secs(1));
    let number = |payload: &[u8]| u32::from_be_bytes(payload[..4].try_into().unwrap());
    let arrived: Vec<_> = world.client.inbox.iter().map(|m| number(&m.2)).collect();
    assert_eq!(arrived.len() as u64 + dropped, 1_000);
    assert!((100..200).contains(&arrived.len()), "{arrived:?}");
    assert_eq!(arrived.last(), Some(&999));
}

#[test]
fn a_lost_lossy_message_is_not_sent_again() {
    let mut world = with_channels();
    world.client.inbox.clear();
    world.loss = 100;
    let now = world.now;
    world
        .server
        .send_data(now, DataChannel::Lossy, b"lost"[..].into())
        .unwrap();
    world.exchange();
    world.loss = 0;
    world.run_for(Duration::from_secs(8));
    let now = world.now;
    world
        .server
        .send_data(now, DataChannel::Lossy, b"next"[..].into())
        .unwrap();
    world.exchange();
    assert_eq!(world.client.inbox, [(2, BINARY, b"next".to_vec())]);
}

#[test]
fn a_client_that_aborts_sctp_has_closed() {
    let mut world = with_channels();
    world.client.sctp.close();
    world.exchange();
    let closed = TransportEvent::Closed(CloseReason::ClosedByPeer);
    assert_eq!(world.events.last(), Some(&closed));
}

#[test]
fn a_channel_that_the_client_closes_can_be_opened_again() {
    let mut world = with_channels();
    world.events.clear();
    world
        .client
        .sctp
        .reset_streams(&[dcsctp::api::StreamId(0)])
        .unwrap();
    world.run_for(Duration::from_secs(1));
    world.client.open(0, 0, "_reliable");
    world.client.send(0, BINARY, b"again");
    world.run_for(Duration::from_secs(1));
    assert!(world.saw(&TransportEvent::DataChannelOpened(DataChannel::Reliable)));
    assert!(world.saw(&received(DataChannel::Reliable, b"again")));
}
