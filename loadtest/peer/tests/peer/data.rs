use std::time::Duration;

use loadtest_peer::{DataDelivery, DataFlow, DataSender, DataStamp, OutboundData};
use sfu_model::DataChannel;
use sfu_transport::TransportEvent;

use crate::world::World;

const PAYLOAD: usize = 500;
const INTERVAL: Duration = Duration::from_millis(20);

fn publish(world: &mut World, delivery: DataDelivery) {
    let data = OutboundData {
        sender: DataSender(3),
        delivery,
        payload_len: PAYLOAD,
        interval: INTERVAL,
    };
    world.peer.publish_data(world.now, data);
}

/// The messages that the server got by a channel.
fn messages(world: &World, wanted: DataChannel) -> Vec<Vec<u8>> {
    let events = world.server_events.iter();
    let messages = events.filter_map(|event| {
        let TransportEvent::DataReceived { channel, message } = event else {
            return None;
        };
        (*channel == wanted).then(|| message.to_vec())
    });
    messages.collect()
}

/// Has the server send a message back.
fn send_back(world: &mut World, message: &[u8]) {
    world
        .server
        .send_data(world.now, DataChannel::Reliable, message.into())
        .unwrap();
    world.run(Duration::from_millis(20));
}

#[test]
fn data_is_published_at_its_rate_and_numbered_by_the_channel_that_was_asked_for() {
    for (delivery, channel) in [
        (DataDelivery::Reliable, DataChannel::Reliable),
        (DataDelivery::Lossy, DataChannel::Lossy),
    ] {
        let mut world = World::new();
        publish(&mut world, delivery);
        world.run(World::CONNECTED_AT);
        world.server_events.clear();
        world.run(Duration::from_secs(1));
        let stamps = messages(&world, channel);
        let stamps: Vec<_> = stamps
            .iter()
            .map(|message| DataStamp::read_packet(message).unwrap())
            .collect();
        assert!((49..=51).contains(&stamps.len()), "{}", stamps.len());
        let mut numbers = stamps.windows(2);
        assert!(numbers.all(|pair| pair[1].0.number == pair[0].0.number + 1));
        let same = |(stamp, len): &(DataStamp, usize)| (stamp.sender, *len);
        assert!(
            stamps
                .iter()
                .map(same)
                .all(|what| what == (DataSender(3), PAYLOAD))
        );
    }
}

#[test]
fn data_that_comes_counts_once_and_tells_its_age() {
    let mut world = World::connected();
    world.peer.begin_window(Duration::ZERO);
    publish(&mut world, DataDelivery::Reliable);
    world.run(Duration::from_millis(10));
    let message = messages(&world, DataChannel::Reliable).remove(0);
    world.run(Duration::from_millis(100));
    send_back(&mut world, &message);
    send_back(&mut world, &message);
    send_back(&mut world, b"of somebody else");
    let flow = world.peer.data_flow();
    assert_eq!((flow.received, flow.duplicates), (1, 1));
    assert_eq!((flow.bytes, flow.receivers), (PAYLOAD as u64, 1));
    assert_eq!(world.tally.messages, 3);
    let age = world.tally.data_latency.quantile(1.0).unwrap();
    assert!(
        age >= Duration::from_millis(100) && age < Duration::from_millis(130),
        "{age:?}"
    );
}

#[test]
fn only_what_was_made_between_two_moments_counts_whenever_it_comes() {
    let mut world = World::connected();
    publish(&mut world, DataDelivery::Reliable);
    world.run(Duration::from_millis(90));
    let begun = World::CONNECTED_AT + Duration::from_millis(90);
    world.peer.begin_window(begun);
    world.run(Duration::from_millis(200));
    world.peer.end_window(begun + Duration::from_millis(200));
    world.run(Duration::from_millis(200));
    let all = messages(&world, DataChannel::Reliable);
    for message in &all {
        send_back(&mut world, message);
    }
    let DataFlow { sent, received, .. } = world.peer.data_flow();
    assert!((9..=11).contains(&sent), "{sent}");
    assert_eq!(received, sent);
    assert!(all.len() as u64 > sent + 10, "{}", all.len());
}

#[test]
fn a_peer_without_data_channels_is_nobody_who_could_receive() {
    let mut world = World::new();
    world.peer.begin_window(Duration::ZERO);
    world.run(World::CONNECTED_AT);
    assert_eq!(world.peer.data_flow().receivers, 0);
}

#[test]
fn a_message_is_sent_as_it_is_once_the_channel_is_open() {
    let mut world = World::new();
    let send = |world: &mut World| {
        let message = b"as it is".to_vec();
        world
            .peer
            .send_data(world.now, DataDelivery::Reliable, message)
    };
    assert!(!send(&mut world));
    world.run(World::CONNECTED_AT);
    assert!(send(&mut world));
    world.run(Duration::from_millis(20));
    assert_eq!(messages(&world, DataChannel::Reliable), [b"as it is"]);
}

#[test]
fn who_holds_data_takes_no_message() {
    let mut world = World::connected();
    send_back(&mut world, b"taken");
    world.peer.hold_data();
    send_back(&mut world, b"left");
    assert_eq!(world.tally.messages, 1);
}
