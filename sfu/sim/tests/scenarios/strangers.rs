//! What comes from nobody in the call changes nothing.

use std::net::SocketAddr;
use std::time::Duration;

use sfu_model::{IceCredentials, MediaKind};
use sfu_sim::{Call, ClientId, LinkProfile, Random, Seed, Trace, write_check};

use crate::support::{assert_complete, assert_no_faults, call, packets_of, replay};

/// The first bytes of STUN, DTLS (handshake, alert, data), RTP, RTCP, TURN channels and nothing.
const FIRST_BYTES: [&[u8]; 9] = [
    &[0, 1],
    &[1, 1],
    &[22, 254, 253, 0, 0],
    &[21, 254, 253, 0, 0],
    &[23, 254, 253, 0, 1],
    &[128, 111],
    &[128, 200],
    &[64, 0],
    &[255],
];

enum Strangers {
    Absent,
    Present,
}

/// What happened in a call, and how much the shard dropped in it.
struct Outcome {
    trace: Trace,
    injected: u64,
    dropped: u64,
}

/// A call of some seconds with strangers around or not.
fn scenario(seed: Seed, strangers: &Strangers) -> Outcome {
    let (mut call, clients) = call(seed, ["alice", "bob"], LinkProfile::CLEAN);
    let tracks = [MediaKind::Audio, MediaKind::Video].map(|kind| call.publish(clients[0], kind));
    let heard = tracks.map(|track| call.subscribe(clients[1], track));
    let mut random = call.world.random(7);
    let mut injected = 0;
    for round in 0_u16..200 {
        call.world.run_for(Duration::from_millis(20));
        if matches!(strangers, Strangers::Absent) {
            continue;
        }
        let stranger: SocketAddr = ([203, 0, 113, 66], 1_024 + round).into();
        // Nobody proves by an address who they are.
        for from in [stranger, call.world.address(clients[0])] {
            for datagram in junk(&call, clients[0], &mut random) {
                call.world.inject(from, datagram);
                injected += 1;
            }
        }
    }
    for (track, heard) in tracks.into_iter().zip(heard) {
        assert_complete(&call, heard, packets_of(track.kind(), 4));
    }
    let counters = call.world.shard().counters();
    assert_eq!(counters.peers, 2);
    let dropped = counters.drops().map(|(_, count)| count).sum();
    assert_no_faults(&call, &clients);
    Outcome {
        trace: call.world.into_trace(),
        injected,
        dropped,
    }
}

/// A datagram of every kind, and a connectivity check by somebody who knows the user names.
fn junk(call: &Call, victim: ClientId, random: &mut Random) -> Vec<Vec<u8>> {
    let ours = call.server_credentials(victim);
    let guessed = IceCredentials {
        ufrag: ours.expect("the victim has joined").ufrag.clone(),
        pwd: "a guess of 24 characters".to_owned(),
    };
    let theirs = &call.world.client(victim).credentials().ufrag;
    let mut junk = vec![Vec::new(), write_check(&guessed, theirs, random.bytes())];
    for first in FIRST_BYTES {
        junk.push([first, &random.bytes::<80>()].concat());
    }
    junk
}

#[test]
fn a_call_does_not_notice_junk_of_every_kind() {
    replay(|seed| {
        let quiet = scenario(seed, &Strangers::Absent);
        let noisy = scenario(seed, &Strangers::Present);
        assert_eq!(quiet.trace.difference(&noisy.trace), None);
        assert!(noisy.injected > 0);
        assert_eq!(noisy.dropped - quiet.dropped, noisy.injected);
        noisy.trace
    });
}
