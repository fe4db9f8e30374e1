use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;

use mio::Waker;
use sfu_core::{DropReason, ShardConfig};
use sfu_model::{Command, DataChannelOpener, IceCredentials, PeerId, RoomIndex, ShardIndex};
use sfu_transport::TransportConfig;

use super::*;
use crate::mailbox::{Mailbox, mailbox};

const SHARD: ShardIndex = ShardIndex(0);

/// A shard of one port, with the writing end of its mailbox.
fn thread() -> (ShardThread<fn(Event)>, Mailbox) {
    let certificate = Arc::new(TransportConfig::generate().unwrap());
    let shard = Shard::new(SHARD, ShardConfig::new(certificate), [1; 32]);
    let poll = Poll::new().unwrap();
    let (mailbox, inbox) = mailbox(Waker::new(poll.registry(), MAILBOX).unwrap());
    let intake = Intake {
        inbox,
        exchange: Exchange::between(std::slice::from_ref(&mailbox)).remove(0),
        ports: vec![UdpPort::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap()],
    };
    let limits = TcpLimits::default();
    let report = LatestReport::default();
    let thread = ShardThread::new(shard, poll, intake, limits, report, drop as fn(Event));
    (thread.unwrap(), mailbox)
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
    };
    mailbox.send(Letter::Command(Command::AddPeer {
        peer,
        local,
        data_channels: DataChannelOpener::Peer,
    }));
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
