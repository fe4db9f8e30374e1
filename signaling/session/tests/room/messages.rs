//! Messages on data channels.

use std::time::Duration;

use prost::Message as _;
use sfu_model::limits::MAX_DATA_MESSAGE_IN_BYTES;
use sfu_model::{DataBudget, DataChannel, DataMessage, Event, LinkProtocol};
use signaling_protocol::proto;
use signaling_protocol::proto::data_packet::Value;
use signaling_session::ConnectionId;

use crate::support::{World, client};

fn text(text: &str) -> proto::DataPacket {
    proto::DataPacket {
        value: Some(Value::User(proto::UserPacket {
            payload: text.as_bytes().to_vec(),
            ..proto::UserPacket::default()
        })),
        ..proto::DataPacket::default()
    }
}

fn texts(world: &mut World, connection: ConnectionId) -> Vec<String> {
    let packets = world.packets(connection);
    let text = |packet: proto::DataPacket| match packet.value {
        Some(Value::User(user)) => String::from_utf8(user.payload).unwrap(),
        other => format!("{other:?}"),
    };
    packets
        .into_iter()
        .map(|(_, packet)| text(packet))
        .collect()
}

fn three() -> (World, ConnectionId, ConnectionId, ConnectionId) {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join_one(client("bob"));
    let carol = world.join_one(client("carol"));
    (world, alice, bob, carol)
}

#[test]
fn a_message_reaches_everybody_but_its_sender_under_its_real_name() {
    let (mut world, alice, bob, carol) = three();
    let mut packet = text("hello");
    packet.participant_identity = "mallory".to_owned();
    packet.participant_sid = "PA_mallory".to_owned();
    packet.sequence = 1;
    world.send_packet(alice, DataChannel::Reliable, &packet);
    let sent = world.commands.len();
    let peers = [world.peers(bob)[0], world.peers(carol)[0]];
    let Some(sfu_model::Command::SendData { peers: to, .. }) = world.commands.last() else {
        panic!("nothing of {sent} commands is a message");
    };
    assert_eq!(**to, peers);
    let (channel, packet) = world.packets(bob).remove(0);
    assert_eq!(channel, DataChannel::Reliable);
    assert_eq!(
        (packet.participant_identity.as_str(), packet.sequence),
        ("alice", 1)
    );
    assert!(packet.participant_sid.starts_with("PA_") && packet.participant_sid != "PA_mallory");
    let Some(Value::User(user)) = packet.value else {
        panic!("another value");
    };
    assert_eq!(user.participant_identity, "alice");
}

#[test]
fn a_message_with_destinations_reaches_only_them() {
    let (mut world, alice, bob, carol) = three();
    let mut packet = text("psst");
    packet.destination_identities = vec!["bob".to_owned(), "nobody".to_owned()];
    world.send_packet(alice, DataChannel::Reliable, &packet);
    assert!(world.commands.iter().all(|command| match command {
        sfu_model::Command::SendData { peers, .. } => peers.len() == 1,
        _ => true,
    }));
    assert_eq!(texts(&mut world, bob), ["psst"]);
    assert!(texts(&mut world, carol).is_empty());
}

#[test]
fn one_who_may_not_publish_data_is_not_heard() {
    let mut world = World::new();
    let alice = client("alice").with(|joining| joining.grant().can_publish_data = Some(false));
    let alice = world.join_one(alice);
    let bob = world.join_one(client("bob"));
    world.send_packet(alice, DataChannel::Reliable, &text("hello"));
    assert!(texts(&mut world, bob).is_empty());
}

#[test]
fn a_repeated_reliable_message_is_dropped() {
    let (mut world, alice, bob, _) = three();
    for sequence in [1, 2, 2, 1, 3] {
        let mut packet = text(&sequence.to_string());
        packet.sequence = sequence;
        world.send_packet(alice, DataChannel::Reliable, &packet);
    }
    assert_eq!(texts(&mut world, bob), ["1", "2", "3"]);
}

#[test]
fn a_lossy_message_reaches_only_those_who_are_active() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join(client("bob"));
    world.member(bob).up.add_receiving(1, true);
    world.offer(bob);
    world.send_packet(alice, DataChannel::Lossy, &text("lost"));
    world.send_packet(alice, DataChannel::Reliable, &text("kept"));
    assert!(texts(&mut world, bob).is_empty());
    world.connect(bob);
    assert_eq!(texts(&mut world, bob), ["kept"]);
    world.send_packet(alice, DataChannel::Lossy, &text("found"));
    let (channel, _) = world.packets(bob).remove(0);
    assert_eq!(channel, DataChannel::Lossy);
}

#[test]
fn a_lossy_message_waits_for_its_channel_to_open() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let bob = world.join(client("bob"));
    world.member(bob).up.add_receiving(1, true);
    world.offer(bob);
    let peer = world.peers(bob)[0];
    let protocol = LinkProtocol::Udp;
    world.media(Event::PeerConnected { peer, protocol });
    world.send_packet(alice, DataChannel::Lossy, &text("early"));
    assert!(texts(&mut world, bob).is_empty());
    let channel = DataChannel::Lossy;
    world.media(Event::DataChannelOpened { peer, channel });
    assert_eq!(texts(&mut world, bob), ["early"]);
}

#[test]
fn only_agents_transcribe() {
    let transcription = proto::DataPacket {
        value: Some(Value::Transcription(proto::Transcription::default())),
        ..proto::DataPacket::default()
    };
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let agent = client("agent").with(|joining| joining.grant().agent = true);
    let agent = world.join_one(agent);
    world.send_packet(alice, DataChannel::Reliable, &transcription);
    assert!(world.packets(agent).is_empty());
    world.send_packet(agent, DataChannel::Reliable, &transcription);
    assert_eq!(world.packets(alice).len(), 1);
}

#[test]
fn an_agent_may_chat_for_another() {
    let chat = proto::DataPacket {
        participant_identity: "bob".to_owned(),
        value: Some(Value::ChatMessage(proto::ChatMessage::default())),
        ..proto::DataPacket::default()
    };
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let carol = world.join_one(client("carol"));
    let agent = client("agent").with(|joining| joining.grant().agent = true);
    let agent = world.join_one(agent);
    world.send_packet(agent, DataChannel::Reliable, &chat);
    let (_, packet) = world.packets(alice).remove(0);
    assert_eq!(packet.participant_identity, "bob");
    assert!(matches!(packet.value, Some(Value::ChatMessage(chat)) if chat.generated));
    world.send_packet(carol, DataChannel::Reliable, &chat);
    let (_, packet) = world.packets(alice).remove(0);
    assert_eq!(packet.participant_identity, "carol");
}

#[test]
fn a_hidden_sender_has_no_name() {
    let mut world = World::new();
    let alice = world.join_one(client("alice"));
    let ghost = world.join_one(client("ghost").with(|joining| joining.grant().hidden = true));
    world.send_packet(ghost, DataChannel::Reliable, &text("boo"));
    let (_, packet) = world.packets(alice).remove(0);
    assert_eq!(
        (
            packet.participant_identity.as_str(),
            packet.participant_sid.as_str()
        ),
        ("", "")
    );
}

#[test]
fn a_message_of_an_unknown_kind_is_passed_on_whole() {
    let (mut world, alice, bob, _) = three();
    // Field 99, bytes: nobody has defined it.
    let unknown = [0x9a, 0x06, 0x03, b'n', b'e', b'w'];
    let peer = world.peers(alice)[0];
    let mut payload = unknown.to_vec();
    payload.extend(
        proto::DataPacket {
            participant_identity: "mallory".to_owned(),
            ..proto::DataPacket::default()
        }
        .encode_to_vec(),
    );
    world.media(Event::DataReceived {
        peer,
        channel: DataChannel::Reliable,
        message: payload.into(),
    });
    let bob = world.peers(bob)[0];
    let sent = world.commands.iter().find_map(|command| match command {
        sfu_model::Command::SendData { peers, message, .. } if peers.contains(&bob) => {
            Some(message.clone())
        }
        _ => None,
    });
    let sent = sent.unwrap();
    assert!(sent.starts_with(&unknown));
    assert_eq!(
        proto::DataPacket::decode(&*sent)
            .unwrap()
            .participant_identity,
        "alice"
    );
}

#[test]
fn junk_is_dropped() {
    let (mut world, alice, bob, _) = three();
    let peer = world.peers(alice)[0];
    let payload = vec![0xff; 100];
    world.media(Event::DataReceived {
        peer,
        channel: DataChannel::Reliable,
        message: payload.into(),
    });
    assert!(world.packets(bob).is_empty());
}

#[test]
fn a_message_on_a_channel_of_the_clients_own_becomes_a_user_packet() {
    let (mut world, alice, bob, _) = three();
    let peer = world.peers(alice)[0];
    let payload = b"raw".to_vec();
    world.media(Event::DataReceived {
        peer,
        channel: DataChannel::Unlabelled,
        message: payload.into(),
    });
    assert_eq!(texts(&mut world, bob), ["raw"]);
}

#[test]
fn messages_missed_while_reconnecting_are_sent_again() {
    let (mut world, alice, bob, _) = three();
    for sequence in 1..=3 {
        let mut packet = text(&sequence.to_string());
        packet.sequence = sequence;
        world.send_packet(alice, DataChannel::Reliable, &packet);
    }
    texts(&mut world, bob);
    let alice_sid = world.seen(bob, "alice").unwrap().sid;
    let bob = world.resume(bob, client("bob"));
    let state = proto::SyncState {
        datachannel_receive_states: vec![proto::DataChannelReceiveState {
            publisher_sid: alice_sid,
            last_seq: 1,
        }],
        ..proto::SyncState::default()
    };
    world.send(bob, proto::signal_request::Message::SyncState(state));
    assert_eq!(texts(&mut world, bob), ["2", "3"]);
    world.pass(Duration::from_secs(1));
}

#[test]
fn what_only_the_server_says_is_passed_on_for_nobody() {
    let (mut world, alice, bob, _) = three();
    let values = [
        Value::Speaker(proto::ActiveSpeakerUpdate::default()),
        Value::Metrics(proto::MetricsBatch::default()),
    ];
    for value in values {
        let packet = proto::DataPacket {
            value: Some(value),
            ..proto::DataPacket::default()
        };
        world.send_packet(alice, DataChannel::Reliable, &packet);
    }
    assert!(world.packets(bob).is_empty());
}

#[test]
fn the_longest_message_that_comes_is_passed_on_with_what_the_server_adds() {
    let (mut world, alice, bob, _) = three();
    let peer = world.peers(alice)[0];
    for len in [65_279, 65_536, MAX_DATA_MESSAGE_IN_BYTES] {
        let mut packet = text("");
        let overhead = packet.encoded_len() + 6;
        packet.value = text(&"x".repeat(len - overhead)).value;
        let payload = packet.encode_to_vec();
        assert!(
            (len - 3..=len).contains(&payload.len()),
            "{}",
            payload.len()
        );
        world.media(Event::DataReceived {
            peer,
            channel: DataChannel::Reliable,
            message: payload.into(),
        });
        assert_eq!(world.packets(bob).len(), 1, "{len}");
    }
}

#[test]
fn a_list_of_receivers_that_would_not_fit_twice_is_written_once() {
    let (mut world, alice, bob, _) = three();
    let mut packet = text("many");
    let mut receivers: Vec<_> = (0..2_500).map(|i| format!("participant-{i:04}")).collect();
    receivers.push("bob".to_owned());
    packet.destination_identities = receivers;
    world.send_packet(alice, DataChannel::Reliable, &packet);
    assert_eq!(texts(&mut world, bob), ["many"]);
}

#[test]
fn a_message_holds_its_senders_budget_until_it_is_sent_to_all() {
    let (mut world, alice, bob, _) = three();
    let peer = world.peers(alice)[0];
    let budget = DataBudget::new(1);
    let send = |world: &mut World, channel, payload: Vec<u8>| {
        world.media(Event::DataReceived {
            peer,
            channel,
            message: DataMessage {
                permit: budget.permit(payload.len()),
                payload: payload.into(),
            },
        });
    };
    let mut packet = text("kept for those who resume");
    packet.sequence = 1;
    for channel in [DataChannel::Reliable, DataChannel::Unlabelled] {
        send(&mut world, channel, packet.encode_to_vec());
        assert!(budget.is_spent(), "{channel:?}");
        assert_eq!(world.packets(bob).len(), 1);
        assert!(budget.is_recovered(), "{channel:?}");
    }
    send(&mut world, DataChannel::Reliable, vec![0xff]);
    assert!(budget.is_recovered());
}
