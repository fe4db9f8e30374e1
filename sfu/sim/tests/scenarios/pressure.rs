//! Senders of data who are faster than their receivers.

use std::time::Duration;

use sfu_model::DataChannel;
use sfu_sim::{LinkProfile, PerMille};
use signaling_protocol::proto;
use signaling_protocol::proto::data_packet::Value;

use crate::node::Node;
use crate::support::{PATIENCE, replay};

/// A link that carries a few hundred kilobits a second of SCTP.
const SLOW: LinkProfile = LinkProfile {
    delay: Duration::from_millis(60),
    loss: PerMille(10),
    ..LinkProfile::CLEAN
};

fn numbered(sequence: u32, len: usize) -> proto::DataPacket {
    proto::DataPacket {
        sequence,
        value: Some(Value::User(proto::UserPacket {
            payload: vec![0x5a; len],
            ..proto::UserPacket::default()
        })),
        ..proto::DataPacket::default()
    }
}

fn sequences(node: &Node, name: &str) -> Vec<u32> {
    let packets = node.packets(name);
    packets.iter().map(|packet| packet.sequence).collect()
}

/// How many messages a participant has got.
fn received(node: &Node, name: &str) -> usize {
    let client = node.world.client(node.member(name).client);
    client.data().inbox.len()
}

/// Joins participants whose data channels are open soon after.
fn join(node: &mut Node, names: &[&str]) {
    for name in names {
        node.join(name, LinkProfile::CLEAN);
    }
    node.run_until(PATIENCE, |node| {
        let mut members = names.iter().map(|name| node.member(name));
        members.all(|member| node.world.client(member.client).data().is_open())
    });
    node.run_for(Duration::from_secs(1));
}

/// Has alice send so many messages as fast as her SCTP takes them.
fn flood(node: &mut Node, count: u32, len: usize) {
    for sequence in 1..=count {
        while buffered(node) > 500_000 {
            node.run_for(Duration::from_millis(10));
        }
        node.send_packet("alice", &numbered(sequence, len));
    }
}

fn buffered(node: &Node) -> usize {
    let alice = node.world.client(node.member("alice").client);
    alice.data().buffered(DataChannel::Reliable)
}

#[test]
fn a_slow_receiver_slows_the_sender_and_all_get_everything() {
    for (count, len) in [(120, 15_000), (5_000, 100)] {
        replay(|seed| {
            let mut node = Node::new(seed);
            join(&mut node, &["alice", "bob", "carol"]);
            let carol = node.member("carol").client;
            node.world.set_links(carol, SLOW);
            flood(&mut node, count, len);
            let all = count as usize;
            node.run_until(Duration::from_secs(300), |node| {
                received(node, "carol") == all && received(node, "bob") == all
            });
            for name in ["bob", "carol"] {
                assert!(sequences(&node, name).into_iter().eq(1..=count), "{name}");
            }
            let counters = node.world.shards()[0].counters();
            assert_eq!(counters.peers, 3);
            assert!(counters.data_holds > 0);
            node.world.into_trace()
        });
    }
}

#[test]
fn a_receiver_that_takes_nothing_leaves_and_the_others_get_everything() {
    replay(|seed| {
        let mut node = Node::new(seed);
        join(&mut node, &["alice", "bob", "carol"]);
        let carol = node.member("carol").client;
        node.world.set_links(carol, LinkProfile::CUT);
        flood(&mut node, 200, 15_000);
        node.run_until(Duration::from_secs(30), |node| received(node, "bob") == 200);
        assert!(sequences(&node, "bob").into_iter().eq(1..=200));
        assert_eq!(node.world.shards()[0].counters().peers, 2);
        node.world.into_trace()
    });
}
