//! Messages on data channels.

use std::time::Duration;

use sfu_model::{Command, DataChannel, Event};
use sfu_sim::{Call, ClientId, LinkProfile, PerMille, Seed};

use crate::support::{PATIENCE, assert_no_faults, call, replay};

const MESSAGES: u32 = 200;

/// The message with this number: from four bytes up to several packets.
fn message(number: u32) -> Vec<u8> {
    let mut message = number.to_be_bytes().to_vec();
    let len = number * 97 % 4_000;
    message.extend((0..len).map(|_| 0x5a));
    message
}

fn expected() -> Vec<Vec<u8>> {
    (0..MESSAGES).map(message).collect()
}

/// A call whose data channels are open, over links that lose a tenth and mix up the order.
fn lossy_call(seed: Seed) -> (Call, [ClientId; 2]) {
    let (mut call, clients) = call(seed, ["alice", "bob"], LinkProfile::CLEAN);
    let limit = Duration::from_secs(5);
    call.world.run_until(limit, |world| {
        let opened = world.events().iter();
        let opened = opened.filter(|event| matches!(event, Event::DataChannelOpened { .. }));
        opened.count() == 4
    });
    let profile = LinkProfile {
        reordering: PerMille(50),
        duplication: PerMille(50),
        ..LinkProfile::losing(PerMille(100))
    };
    for id in clients {
        call.world.set_links(id, profile);
    }
    (call, clients)
}

fn received(call: &Call, channel: DataChannel) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    for event in call.world.events() {
        if let Event::DataReceived {
            channel: by,
            message,
            ..
        } = event
            && *by == channel
        {
            payloads.push(message.to_vec());
        }
    }
    payloads
}

#[test]
fn reliable_messages_arrive_complete_and_in_order_both_ways() {
    replay(|seed| {
        let (mut call, [alice, bob]) = lossy_call(seed);
        let peers = [call.peer(bob)];
        for number in 0..MESSAGES {
            let now = call.world.now();
            let channel = DataChannel::Reliable;
            let up = call.world.client_mut(alice);
            up.send_data(now, channel, message(number));
            call.world.command(&Command::SendData {
                peers: peers.into(),
                channel,
                message: message(number).into(),
            });
            call.world.run_for(Duration::from_millis(10));
        }
        let all = expected().len();
        call.world.run_until(PATIENCE, |world| {
            let events = world.events().iter();
            let up = events.filter(|event| matches!(event, Event::DataReceived { .. }));
            up.count() == all && world.client(bob).data().inbox.len() == all
        });
        assert!(received(&call, DataChannel::Reliable) == expected());
        let down = call.world.client(bob).data().inbox.iter();
        assert!(down.map(|(_, payload)| payload).eq(&expected()));
        assert_no_faults(&call, &[alice, bob]);
        call.world.into_trace()
    });
}

#[test]
fn lossy_messages_are_not_repeated() {
    replay(|seed| {
        let (mut call, [alice, bob]) = lossy_call(seed);
        for number in 0..MESSAGES {
            let now = call.world.now();
            let payload = number.to_be_bytes().to_vec();
            let up = call.world.client_mut(alice);
            up.send_data(now, DataChannel::Lossy, payload);
            call.world.run_for(Duration::from_millis(20));
        }
        call.world.run_for(Duration::from_secs(5));
        let mut numbers = received(&call, DataChannel::Lossy);
        let count = numbers.len();
        assert!((150..200).contains(&count), "{count}");
        numbers.sort();
        numbers.dedup();
        assert_eq!(numbers.len(), count);
        assert_no_faults(&call, &[alice, bob]);
        call.world.into_trace()
    });
}
