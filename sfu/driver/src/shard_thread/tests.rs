use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;

use mio::Waker;
use sfu_core::{DropReason, ExportBatch, ShardConfig};
use sfu_model::{
    Command, DataChannelOpener, ExtensionMap, Forwarding, IceCredentials, Importance, Mid,
    NodeIndex, Opening, Pausing, PeerId, PublicationId, RedundancyPolicy, RoomIndex, SendMedia,
    ShardIndex, Ssrc, SubscriptionId,
};
use sfu_transport::TransportConfig;

use super::*;
use crate::mailbox::{Mailbox, Place, mailbox};

const SHARD: ShardIndex = ShardIndex(0);

type Thread = ShardThread<fn(Event)>;

/// A shard of one port, with the writing end of its mailbox.
fn thread() -> (Thread, Mailbox) {
    threads(1).remove(0)
}

/// So many shards with a port each.
fn threads(count: u16) -> Vec<(Thread, Mailbox)> {
    let polls: Vec<_> = (0..count).map(|_| Poll::new().unwrap()).collect();
    let wakers = polls
        .iter()
        .map(|poll| mailbox(Waker::new(poll.registry(), MAILBOX).unwrap()));
    let (mailboxes, inboxes): (Vec<_>, Vec<_>) = wakers.unzip();
    let exchanges = Exchange::between(&mailboxes);
    let parts = polls.into_iter().zip(inboxes).zip(exchanges);
    let threads = (0..).map(ShardIndex).zip(parts);
    let threads = threads.map(|(index, ((poll, inbox), exchange))| {
        let mut config = ShardConfig::new(Arc::new(TransportConfig::generate().unwrap()));
        config.shards = count;
        let shard = Shard::new(index, config, [1; 32]);
        of_shard(shard, poll, (inbox, exchange))
    });
    threads.zip(mailboxes).collect()
}

fn of_shard(shard: Shard, poll: Poll, (inbox, exchange): (Inbox, Exchange)) -> Thread {
    let intake = Intake {
        inbox,
        exchange,
        ports: vec![UdpPort::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap()],
    };
    let limits = TcpLimits::default();
    let outlet = Outlet {
        sink: drop as fn(Event),
        report: LatestReport::default(),
        pulse: Pulse::new(Instant::now()),
    };
    ShardThread::new(shard, poll, intake, limits, outlet).unwrap()
}

/// The head of a binding request to `ufrag` (RFC 8489 section 5), unsigned.
fn request(ufrag: &str) -> Vec<u8> {
    let mut user = format!("{ufrag}:them").into_bytes();
    let length = u8::try_from(user.len()).unwrap();
    user.resize(user.len().next_multiple_of(4), 0);
    let all = u8::try_from(user.len() + 4).unwrap();
    let head = [0, 1, 0, all, 0x21, 0x12, 0xa4, 0x42];
    [&head[..], &[5; 12], &[0, 6, 0, length], &user].concat()
}

#[test]
fn a_check_finds_the_peer_that_was_added_before_it_in_the_same_turn() {
    let (mut thread, mailbox) = thread();
    let local = IceCredentials::generate(SHARD, [3; 34]);
    let check = request(&local.ufrag);
    // The turn has begun: what wakes the thread from here on is for the next one.
    thread.inbox.acknowledge_wake();
    let peer = PeerId {
        room: RoomIndex(0),
        index: 0,
        shard: SHARD,
        node: NodeIndex(0),
    };
    mailbox.send(Letter::Command(
        Command::AddPeer {
            peer,
            local,
            data_channels: DataChannelOpener::Peer,
        },
        Place::free(),
    ));
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    client.send_to(&check, thread.ports[0].local()).unwrap();
    thread.ports[0].set_readable();
    while thread.shard.counters().datagrams_in == 0 {
        thread.ports[0].set_readable();
        thread.receive();
    }
    let counters = thread.shard.counters();
    assert_eq!(counters.dropped(DropReason::UnknownUfrag), 0);
    assert_eq!(counters.peers, 1);
}

#[test]
fn a_thread_that_is_told_to_stop_while_it_receives_ends() {
    let (mut thread, mailbox) = thread();
    thread.inbox.acknowledge_wake();
    mailbox.send(Letter::Stop);
    thread.ports[0].set_readable();
    thread.receive();
    thread.run();
}

#[test]
fn a_full_socket_is_tried_again_once_a_turn_and_not_whenever_there_is_more() {
    let (mut thread, mailbox) = thread();
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let patience = Duration::from_secs(10);
    client.set_read_timeout(Some(patience)).unwrap();
    thread.ports[0].send_in_vain(client.local_addr().unwrap(), b"late");
    // There is room by now: a try would find it.
    for _ in 0..3 {
        thread.drain();
    }
    assert!(thread.ports[0].is_blocked());
    mailbox.send(Letter::Stop);
    thread.run();
    let mut datagram = [0; 8];
    let length = client.recv(&mut datagram).unwrap();
    assert_eq!(datagram[..length], *b"late");
}

#[test]
fn what_another_shard_told_before_a_datagram_came_is_known_when_it_is_taken() {
    let mut threads = threads(2);
    let (mut second, _) = threads.remove(1);
    let (mut first, _) = threads.remove(0);
    second.inbox.acknowledge_wake();
    let (room, index, shard) = (RoomIndex(0), 0, SHARD);
    let peer = PeerId {
        room,
        index,
        shard,
        node: NodeIndex(0),
    };
    let publication = PublicationId {
        room,
        index,
        shard: ShardIndex(1),
        node: NodeIndex(0),
    };
    for command in [
        Command::AddPeer {
            peer,
            local: IceCredentials::generate(SHARD, [3; 34]),
            data_channels: DataChannelOpener::Peer,
        },
        Command::Subscribe {
            subscription: SubscriptionId {
                room,
                index,
                shard,
                node: NodeIndex(0),
            },
            publication,
            peer,
            media: SendMedia {
                mid: Mid(sfu_model::Token::default()),
                ssrc: Ssrc(1),
                rtx_ssrc: None,
                codecs: Vec::new(),
                extensions: ExtensionMap::default(),
                nack: false,
                cname: String::new(),
                forwarding: Forwarding::Paused,
                opening: Opening::Media,
                importance: Importance::default(),
                pausing: Pausing::default(),
                redundancy: RedundancyPolicy::default(),
            },
        },
    ] {
        first.shard.handle_command(clock::now(), command);
    }
    first.drain();
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    client.send_to(&[0], second.ports[0].local()).unwrap();
    while second.shard.counters().datagrams_in == 0 {
        second.ports[0].set_readable();
        second.receive();
    }
    // It has found that there is no such publication.
    assert!(second.shard.poll_export(SHARD, &mut ExportBatch::default()));
}
