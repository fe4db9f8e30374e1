//! What comes from nobody in the call changes nothing.

use std::net::SocketAddr;
use std::time::Duration;

use sfu_model::{IceCredentials, MediaKind};
use sfu_sim::{LinkProfile, Seed, Trace, write_check};

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

/// A call of some seconds with strangers around or not.
fn scenario(seed: Seed, strangers: &Strangers) -> Trace {
    let (mut call, clients) = call(seed, ["alice", "bob"], LinkProfile::CLEAN);
    let tracks = [MediaKind::Audio, MediaKind::Video].map(|kind| call.publish(clients[0], kind));
    let heard = tracks.map(|track| call.subscribe(clients[1], track));
    let mut random = call.world.random(7);
    for round in 0_u16..200 {
        call.world.run_for(Duration::from_millis(20));
        if matches!(strangers, Strangers::Absent) {
            continue;
        }
        let stranger: SocketAddr = ([203, 0, 113, 66], 1_024 + round).into();
        // Nobody proves by an address who they are.
        for from in [stranger, call.world.address(clients[0])] {
            for first in FIRST_BYTES {
                let mut datagram = random.bytes::<80>().to_vec();
                datagram[..first.len()].copy_from_slice(first);
                call.world.inject(from, datagram);
            }
            let ours = call.server_credentials(clients[0]).unwrap();
            let guessed = IceCredentials {
                ufrag: ours.ufrag.clone(),
                pwd: "a guess of 24 characters".to_owned(),
            };
            let check = write_check(&guessed, "mine", random.bytes());
            call.world.inject(from, check);
        }
        call.world.inject(stranger, Vec::new());
    }
    for (track, heard) in tracks.into_iter().zip(heard) {
        assert_complete(&call, heard, packets_of(track.kind, 4));
    }
    assert_eq!(call.world.shard().counters().peers, 2);
    let dropped = call.world.shard().counters().drops();
    let dropped: u64 = dropped.map(|(_, count)| count).sum();
    assert_eq!(dropped > 0, matches!(strangers, Strangers::Present));
    assert_no_faults(&call, &clients);
    call.world.into_trace()
}

#[test]
fn a_call_does_not_notice_junk_of_every_kind() {
    replay(|seed| {
        let quiet = scenario(seed, &Strangers::Absent);
        let noisy = scenario(seed, &Strangers::Present);
        assert_eq!(quiet.difference(&noisy), None);
        noisy
    });
}
