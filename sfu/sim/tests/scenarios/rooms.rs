//! A room and its shard together: what participants do by signalling reaches their media.

use std::time::Duration;

use sfu_model::MediaKind;
use sfu_sim::{LinkProfile, PerMille, Script, Seed};
use signaling_protocol::proto;
use signaling_protocol::proto::signal_request::Message as Request;

use crate::node::Node;
use crate::support::{PATIENCE, packets_of, replay};

fn microphone() -> Request {
    Request::AddTrack(proto::AddTrackRequest {
        cid: "microphone".to_owned(),
        r#type: proto::TrackType::Audio.into(),
        source: proto::TrackSource::Microphone.into(),
        ..proto::AddTrackRequest::default()
    })
}

fn camera() -> Request {
    Request::AddTrack(proto::AddTrackRequest {
        cid: "camera".to_owned(),
        r#type: proto::TrackType::Video.into(),
        source: proto::TrackSource::Camera.into(),
        width: 1_280,
        height: 720,
        ..proto::AddTrackRequest::default()
    })
}

/// Alice and Bob in a room, both publishing sound and pictures for a second.
fn room(seed: Seed, profile: LinkProfile) -> Node {
    let mut node = Node::new(seed);
    for name in ["alice", "bob"] {
        node.join(name, profile);
        node.run_for(Duration::from_secs(1));
        node.send(name, microphone());
        node.send(name, camera());
    }
    node.run_for(Duration::from_secs(1));
    node
}

fn assert_no_faults(node: &Node, names: &[&str]) {
    for name in names {
        let client = node.world.client(node.member(name).client);
        assert_eq!(client.faults(), [""; 0], "{name}");
        for reception in node.receptions(name) {
            assert_eq!(reception.faults, [""; 0], "{name}");
        }
    }
}

#[test]
fn participants_that_join_and_publish_by_signalling_hear_and_see_each_other() {
    replay(|seed| {
        let mut node = room(seed, LinkProfile::CLEAN);
        node.run_for(Duration::from_secs(5));
        for name in ["alice", "bob"] {
            let receptions = node.receptions(name);
            assert_eq!(receptions.len(), 2, "{name}");
            let pictures = receptions.iter().filter(|one| one.key_frames > 0);
            assert_eq!(pictures.count(), 1, "{name}");
            for reception in receptions {
                assert!(
                    reception.delivered >= packets_of(MediaKind::Audio, 5),
                    "{reception:?}"
                );
                assert_eq!(reception.lost, 0);
            }
        }
        assert_no_faults(&node, &["alice", "bob"]);
        node.world.into_trace()
    });
}

#[test]
fn a_late_participant_receives_all_that_is_published() {
    replay(|seed| {
        let mut node = room(seed, LinkProfile::losing(PerMille(20)));
        node.join("carol", LinkProfile::losing(PerMille(20)));
        node.run_for(Duration::from_secs(10));
        let receptions = node.receptions("carol");
        assert_eq!(receptions.len(), 4);
        let pictures = receptions.iter().filter(|one| one.key_frames > 0);
        assert_eq!(pictures.count(), 2);
        for reception in receptions {
            assert!(
                reception.delivered >= packets_of(MediaKind::Audio, 7),
                "{reception:?}"
            );
        }
        assert_no_faults(&node, &["alice", "bob", "carol"]);
        node.world.into_trace()
    });
}

#[test]
fn a_session_that_is_resumed_from_another_network_goes_on() {
    replay(|seed| {
        let mut node = room(seed, LinkProfile::CLEAN);
        let alice = node.member("alice").client;
        node.run_for(Duration::from_secs(2));
        node.cut_signal("alice");
        node.world
            .move_client(alice, ([203, 0, 113, 5], 9_999).into());
        node.run_for(Duration::from_millis(300));
        node.resume("alice");
        node.run_for(Duration::from_secs(5));
        for name in ["alice", "bob"] {
            for reception in node.receptions(name) {
                assert!(
                    reception.delivered >= packets_of(MediaKind::Audio, 6),
                    "{reception:?}"
                );
                // Gone without a network, then resumed, and a receiver waits for what was lost.
                assert!(
                    reception.longest_pause < Duration::from_millis(1_500),
                    "{reception:?}"
                );
            }
        }
        assert_eq!(node.world.trace().count("alice", "is connected"), 1);
        let seen = node
            .world
            .trace()
            .count("alice", "is seen at 203.0.113.5:9999");
        assert_eq!(seen, 1);
        assert_no_faults(&node, &["alice", "bob"]);
        node.world.into_trace()
    });
}

/// How a participant goes away.
type Departure = fn(&mut Node);

#[test]
fn a_participant_that_leaves_or_vanishes_is_gone_for_the_others() {
    let leaves: Departure = |node| {
        node.send("alice", Request::Leave(proto::LeaveRequest::default()));
        node.run_for(Duration::from_millis(500));
    };
    let vanishes: Departure = |node| {
        let alice = node.member("alice").client;
        node.world.set_links(alice, LinkProfile::CUT);
        node.cut_signal("alice");
        node.run_for(Duration::from_secs(16));
    };
    for depart in [leaves, vanishes] {
        replay(|seed| {
            let mut node = room(seed, LinkProfile::CLEAN);
            node.run_for(Duration::from_secs(2));
            depart(&mut node);
            let others = &node.member("bob").others;
            let alice = others.iter().find(|info| info.identity == "alice");
            let alice = alice.expect("bob has heard of alice");
            assert_eq!(alice.state(), proto::participant_info::State::Disconnected);
            let counters = node.world.shard().counters();
            let held = (
                counters.peers,
                counters.publications,
                counters.subscriptions,
            );
            assert_eq!(held, (1, 2, 0));
            assert_no_faults(&node, &["bob"]);
            node.world.into_trace()
        });
    }
}

#[test]
fn reliable_messages_reach_the_others_complete_and_in_order_under_loss() {
    replay(|seed| {
        let mut node = room(seed, LinkProfile::losing(PerMille(50)));
        node.run_until(PATIENCE, |node| {
            let clients = ["alice", "bob"].map(|name| node.member(name).client);
            let mut clients = clients.iter();
            clients.all(|id| node.world.client(*id).data().is_open())
        });
        for sequence in 1..=100 {
            let user = proto::UserPacket {
                payload: vec![0x5a; 10 * sequence as usize],
                ..proto::UserPacket::default()
            };
            let packet = proto::DataPacket {
                sequence,
                value: Some(proto::data_packet::Value::User(user)),
                ..proto::DataPacket::default()
            };
            node.send_packet("alice", &packet);
            node.run_for(Duration::from_millis(20));
        }
        node.run_for(Duration::from_secs(5));
        let packets = node.packets("bob");
        let sequences: Vec<u32> = packets.iter().map(|packet| packet.sequence).collect();
        assert!(sequences.iter().copied().eq(1..=100), "{sequences:?}");
        assert!(
            packets
                .iter()
                .all(|packet| packet.participant_identity == "alice")
        );
        assert!(node.packets("alice").is_empty());
        node.world.into_trace()
    });
}

#[test]
fn who_loses_packets_is_poorly_connected_and_nobody_else() {
    use proto::ConnectionQuality::{Excellent, Poor};
    replay(|seed| {
        let mut node = room(seed, LinkProfile::CLEAN);
        node.run_for(Duration::from_secs(10));
        let own = |node: &Node, name: &str| node.member(name).quality_of(None);
        assert_eq!(own(&node, "alice"), Some(Excellent));
        assert_eq!(own(&node, "bob"), Some(Excellent));

        let bob = node.member("bob").client;
        let script = Script::read("0s down loss=20%\n30s down loss=0%").expect("a script");
        node.world.run_script(bob, &script);
        node.run_for(Duration::from_secs(25));
        assert_eq!(own(&node, "bob"), Some(Poor));
        let as_alice_knows = node.member("alice").quality_of(Some("bob"));
        assert_eq!(as_alice_knows, Some(Poor));
        assert_eq!(own(&node, "alice"), Some(Excellent));

        node.run_for(Duration::from_secs(40));
        assert_eq!(own(&node, "bob"), Some(Excellent));
        node.world.into_trace()
    });
}

#[test]
fn a_publisher_whose_link_is_cut_is_lost_until_it_is_back() {
    use proto::ConnectionQuality::{Excellent, Lost};
    replay(|seed| {
        let mut node = room(seed, LinkProfile::CLEAN);
        node.run_for(Duration::from_secs(10));
        let alice = node.member("alice").client;
        node.world.set_links(alice, LinkProfile::CUT);
        let of_alice = |node: &Node| node.member("bob").quality_of(Some("alice"));
        node.run_until(Duration::from_secs(12), |node| of_alice(node) == Some(Lost));
        node.world.set_links(alice, LinkProfile::CLEAN);
        let is_back = |node: &Node| of_alice(node) == Some(Excellent);
        node.run_until(Duration::from_secs(40), is_back);
        node.world.into_trace()
    });
}
