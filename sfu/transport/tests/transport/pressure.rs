//! Senders who are held back, and receivers who keep them waiting.

use std::collections::VecDeque;
use std::time::Duration;

use dcsctp::api::StreamId;
use sfu_model::limits::{DATA_MESSAGE_COST_BYTES, RELIABLE_DATA_IN_FLIGHT_BYTES};
use sfu_model::{CloseReason, DataBudget, DataChannel, DataChannelOpener, DataMessage};
use sfu_transport::TransportEvent;

use crate::world::World;

const BINARY: u32 = 53;

/// A world with an open reliable channel, and the messages that came by it.
struct Pressed {
    world: World,
    /// What the client has not given to SCTP yet, whose buffer is small.
    unsent: VecDeque<Vec<u8>>,
    /// What whoever takes the messages has not dropped yet.
    kept: Vec<DataMessage>,
    numbers: Vec<u32>,
}

impl Pressed {
    fn new() -> Self {
        let mut world = World::connected(DataChannelOpener::Peer);
        world.client.open(0, 0x00, "_reliable");
        world.client.open(2, 0x81, "_lossy");
        world.exchange();
        world.events.clear();
        let mut pressed = Self {
            world,
            unsent: VecDeque::new(),
            kept: Vec::new(),
            numbers: Vec::new(),
        };
        pressed.take();
        pressed
    }

    /// Has the client send so many messages of this length, each with its number.
    fn send(&mut self, count: u32, len: usize) {
        for number in 0..count {
            let mut message = number.to_be_bytes().to_vec();
            message.resize(len, 0);
            self.unsent.push_back(message);
        }
    }

    /// Lets time pass, and keeps what comes.
    fn run_for(&mut self, duration: Duration) {
        let end = self.world.now.mono + duration;
        while self.world.now.mono < end {
            while self.world.client.sctp.buffered_amount(StreamId(0)) < 500_000
                && let Some(message) = self.unsent.pop_front()
            {
                self.world.client.send(0, BINARY, &message);
            }
            let left = end - self.world.now.mono;
            self.world.run_for(left.min(Duration::from_millis(10)));
            self.take();
        }
    }

    fn take(&mut self) {
        for event in self.world.events.drain(..) {
            if let TransportEvent::DataReceived { message, .. } = event {
                let number = message.first_chunk().copied().map(u32::from_be_bytes);
                self.numbers.extend(number);
                self.kept.push(message);
            }
        }
    }

    fn kept_bytes(&self) -> usize {
        let cost = |message: &DataMessage| message.len() + DATA_MESSAGE_COST_BYTES;
        self.kept.iter().map(cost).sum()
    }
}

#[test]
fn who_sends_more_than_is_taken_is_held_back_and_goes_on_when_it_is() {
    for len in [15_000, 100] {
        let mut pressed = Pressed::new();
        let count = u32::try_from(4 * RELIABLE_DATA_IN_FLIGHT_BYTES / (len + 256)).unwrap();
        pressed.send(count, len);
        pressed.run_for(Duration::from_secs(30));
        let held = pressed.kept_bytes();
        assert!(held >= RELIABLE_DATA_IN_FLIGHT_BYTES, "{held}");
        assert!(held < RELIABLE_DATA_IN_FLIGHT_BYTES + len + 256, "{held}");
        assert_eq!(pressed.world.server.take_data_counts().holds, 1);
        let mut waited = 0;
        while pressed.numbers.len() < count as usize {
            pressed.kept.clear();
            pressed.run_for(Duration::from_millis(50));
            waited += 1;
            assert!(waited < 200, "{} of {count}", pressed.numbers.len());
        }
        assert!(pressed.numbers.iter().copied().eq(0..count));
    }
}

#[test]
fn who_is_held_back_goes_on_at_once_and_not_when_its_timers_say() {
    let mut pressed = Pressed::new();
    pressed.send(1_000, 15_000);
    pressed.run_for(Duration::from_secs(30));
    let before = pressed.numbers.len();
    pressed.kept.clear();
    pressed.run_for(Duration::from_millis(20));
    // What was unread, and then some: the window is open again.
    let more = pressed.numbers.len() - before;
    assert!(more * 15_000 > 400_000, "{more}");
}

#[test]
fn lossy_messages_pass_while_reliable_ones_are_held_back() {
    let mut pressed = Pressed::new();
    pressed.send(80, 15_000);
    pressed.run_for(Duration::from_secs(1));
    assert_eq!(pressed.world.server.take_data_counts().holds, 1);
    assert!(pressed.numbers.len() < 80);
    pressed.world.client.send_unordered(2, b"lossy");
    pressed.run_for(Duration::from_secs(1));
    assert!(pressed.kept.iter().any(|message| **message == *b"lossy"));
}

#[test]
fn messages_of_one_byte_fill_no_more_than_their_place() {
    let mut pressed = Pressed::new();
    pressed.send(40_000, 4);
    pressed.run_for(Duration::from_secs(60));
    assert!(pressed.kept_bytes() < RELIABLE_DATA_IN_FLIGHT_BYTES + 260);
    let mut waited = 0;
    while pressed.numbers.len() < 40_000 {
        pressed.kept.clear();
        pressed.run_for(Duration::from_millis(100));
        waited += 1;
        assert!(waited < 3_000, "{}", pressed.numbers.len());
    }
    assert!(pressed.numbers.iter().copied().eq(0..40_000));
}

/// Sends to a client that gets nothing, on behalf of a sender who may have this much under way.
fn send_into_silence(budget: usize) -> World {
    let mut world = Pressed::new().world;
    world.loss = 100;
    let budget = DataBudget::new(budget);
    let now = world.now;
    for _ in 0..4 {
        let message = DataMessage {
            payload: vec![1; 10_000].into(),
            permit: budget.permit(10_000),
        };
        let reliable = DataChannel::Reliable;
        world
            .server
            .send_data(now, reliable, message)
            .expect("the transport is open");
    }
    world
}

#[test]
fn a_receiver_that_takes_nothing_while_a_sender_waits_is_closed_after_five_seconds() {
    let mut world = send_into_silence(40_000);
    world.run_for(Duration::from_millis(4_900));
    assert_eq!(world.events, []);
    world.run_for(Duration::from_millis(200));
    let closed = TransportEvent::Closed(CloseReason::DataStalled);
    assert_eq!(world.events, [closed]);
}

#[test]
fn a_receiver_that_keeps_nobody_waiting_is_left_alone() {
    let mut world = send_into_silence(RELIABLE_DATA_IN_FLIGHT_BYTES);
    world.run_for(Duration::from_secs(9));
    assert_eq!(world.events, []);
    world.loss = 0;
    world.run_for(Duration::from_secs(5));
    let arrived = world.client.inbox.iter().filter(|m| m.2.len() == 10_000);
    assert_eq!(arrived.count(), 4);
}

#[test]
fn a_receiver_that_never_opens_its_channel_holds_nobody_back() {
    let mut world = World::connected(DataChannelOpener::Peer);
    let budget = DataBudget::new(1_000);
    let message = DataMessage {
        payload: vec![1; 1_000].into(),
        permit: budget.permit(1_000),
    };
    let now = world.now;
    let reliable = DataChannel::Reliable;
    world.server.send_data(now, reliable, message).unwrap();
    assert!(budget.is_recovered());
    world.client.open(0, 0x00, "_reliable");
    world.exchange();
    assert_eq!(
        world.client.inbox.last(),
        Some(&(0, BINARY, vec![1; 1_000]))
    );
}
