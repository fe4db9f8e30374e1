use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use sfu_core::DropReason;
use sfu_transport::framing::frame;

use super::*;
use crate::acceptor::protocol::Protocol;

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(600);

/// Strangers are never late, and peers never idle.
fn patient() -> TcpLimits {
    TcpLimits {
        step: LONG,
        idle: LONG,
        ..TcpLimits::default()
    }
}

fn connect(plane: &MediaPlane) -> TcpStream {
    let stream = TcpStream::connect(addresses(plane).tcp[0]).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn framed(packet: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    frame(packet, &mut stream);
    stream
}

/// Waits until the other end closes; nothing may come before.
fn is_closed(mut stream: TcpStream) -> bool {
    let mut byte = [0];
    match stream.read(&mut byte) {
        Ok(count) => count == 0,
        // The other end closed before it had read everything.
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

/// Checks by this connection; `false` where it is closed.
fn is_answered(stream: &mut TcpStream, check: &Check) -> bool {
    let request = check.bytes();
    let mut length = [0; 2];
    if stream.write_all(&framed(&request)).is_err() || stream.read_exact(&mut length).is_err() {
        return false;
    }
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut reply).unwrap();
    let (kind, address) = verify_reply(&reply, &request, &check.to.pwd);
    assert_eq!(address, Some(stream.local_addr().unwrap()));
    kind == BINDING_SUCCESS
}

#[test]
fn a_first_message_that_is_no_check_closes_the_connection() {
    let plane = start(patient());
    let mut nowhere = add_peer(&plane);
    nowhere.to = IceCredentials::generate(ShardIndex(2), [3; 34]);
    // Of fewer bytes it is not known yet what they begin.
    let junk = junk().into_iter().map(|message| framed(&message));
    let junk = junk.filter(|stream| stream.len() >= Protocol::DECIDED);
    let elsewhere = [framed(&nowhere.bytes()), b"GET / HTTP/1.1\r\n\r\n".to_vec()];
    for message in junk.chain(elsewhere) {
        let mut stream = connect(&plane);
        stream.write_all(&message).unwrap();
        assert!(is_closed(stream), "{message:?}");
    }
}

#[test]
fn a_frame_longer_than_any_packet_closes_the_connection_at_first_and_is_skipped_and_counted_later()
{
    let plane = start(patient());
    let check = add_peer(&plane);
    let (mut first, mut later) = (connect(&plane), connect(&plane));
    let too_long = framed(&[1; sfu_model::MAX_DATAGRAM_BYTES + 1]);
    first.write_all(&too_long).unwrap();
    assert!(is_closed(first));
    assert!(is_answered(&mut later, &check));
    later.write_all(&too_long).unwrap();
    assert!(is_answered(&mut later, &check));
    wait_for(|| {
        let reports = plane.reports();
        reports[1].counters.dropped(DropReason::TooLong) == 1
    });
}

/// Waits until the condition holds.
fn wait_for(condition: impl Fn() -> bool) {
    let patience = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < patience, "it does not come to that");
        std::thread::yield_now();
    }
}

#[test]
fn a_peer_has_a_bounded_number_of_connections_and_leaves_none_behind() {
    let plane = start(patient());
    let check = add_peer(&plane);
    let mut streams: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut stream = connect(&plane);
            assert!(is_answered(&mut stream, &check));
            stream
        })
        .collect();
    let kept = streams.split_off(24);
    for stream in streams {
        assert!(is_closed(stream));
    }
    send(
        &plane,
        [Command::RemovePeer {
            peer: PeerId {
                room: RoomIndex(0),
                index: 0,
                shard: ShardIndex(1),
                node: NodeIndex(0),
            },
        }],
    );
    for stream in kept {
        assert!(is_closed(stream));
    }
}

#[test]
fn a_first_message_that_does_not_come_in_time_closes_the_connection() {
    let plane = start(TcpLimits {
        step: SHORT,
        ..patient()
    });
    let check = framed(&add_peer(&plane).bytes());
    let beginnings = [0, 1, 2, check.len() - 1];
    let streams = beginnings.map(|beginning| {
        let mut stream = connect(&plane);
        stream.write_all(&check[..beginning]).unwrap();
        stream
    });
    for (stream, beginning) in streams.into_iter().zip(beginnings) {
        assert!(is_closed(stream), "after {beginning} bytes");
    }
}

#[test]
fn a_check_that_comes_byte_by_byte_is_answered() {
    let plane = start(patient());
    let check = add_peer(&plane);
    let mut stream = connect(&plane);
    stream.set_nodelay(true).unwrap();
    let request = check.bytes();
    for byte in framed(&request) {
        stream.write_all(&[byte]).unwrap();
    }
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    assert!(u16::from_be_bytes(length) > 20);
}

#[test]
fn the_oldest_silent_connections_give_way_to_further_ones() {
    let plane = start(TcpLimits {
        pending: 4,
        ..patient()
    });
    let check = add_peer(&plane);
    let mut streams: Vec<TcpStream> = (0..12).map(|_| connect(&plane)).collect();
    let kept = streams.split_off(8);
    for stream in streams {
        assert!(is_closed(stream));
    }
    for mut stream in kept {
        assert!(is_answered(&mut stream, &check));
    }
}

#[test]
fn a_connection_without_a_valid_check_is_closed_unanswered() {
    let plane = start(TcpLimits {
        step: SHORT,
        ..patient()
    });
    let check = add_peer(&plane);
    let mut stream = connect(&plane);
    for message in [forged(&check)].into_iter().chain(junk()) {
        stream.write_all(&framed(&message)).unwrap();
    }
    assert!(is_closed(stream));
}

#[test]
fn the_oldest_unproven_connections_give_way_and_proven_ones_stay() {
    let plane = start(TcpLimits {
        unproven: 4,
        ..patient()
    });
    let check = add_peer(&plane);
    let mut peer = connect(&plane);
    assert!(is_answered(&mut peer, &check));
    let strangers: Vec<TcpStream> = (0..12)
        .map(|_| {
            let mut stream = connect(&plane);
            stream.write_all(&framed(&forged(&check))).unwrap();
            stream
        })
        .collect();
    for stream in strangers.into_iter().take(8) {
        assert!(is_closed(stream));
    }
    assert!(is_answered(&mut peer, &check));
}

#[test]
fn a_proven_connection_outlives_the_time_for_proof() {
    let plane = start(TcpLimits {
        step: SHORT,
        ..patient()
    });
    let check = add_peer(&plane);
    let mut peer = connect(&plane);
    assert!(is_answered(&mut peer, &check));
    for _ in 0..2 {
        // A connection that proves nothing lasts as long as it may.
        let mut stranger = connect(&plane);
        stranger.write_all(&framed(&forged(&check))).unwrap();
        assert!(is_closed(stranger));
    }
    assert!(is_answered(&mut peer, &check));
}

#[test]
fn a_proven_connection_on_which_nothing_is_sent_for_long_is_closed() {
    let plane = start(TcpLimits {
        step: SHORT,
        idle: SHORT,
        ..patient()
    });
    let check = add_peer(&plane);
    let mut peer = connect(&plane);
    assert!(is_answered(&mut peer, &check));
    assert!(is_closed(peer));
}

#[test]
fn a_flood_of_empty_frames_does_not_hold_up_others() {
    let plane = start(patient());
    let check = add_peer(&plane);
    let mut flood = connect(&plane);
    flood.write_all(&framed(&forged(&check))).unwrap();
    flood.set_nonblocking(true).unwrap();
    let mut peer = connect(&plane);
    for _ in 0..50 {
        // As much as the kernel takes.
        while flood.write(&[0; 1 << 16]).is_ok() {}
        assert!(is_answered(&mut peer, &check));
    }
}

#[test]
fn a_plane_that_ends_closes_its_connections() {
    let plane = start(patient());
    let check = add_peer(&plane);
    let (pending, mut proven) = (connect(&plane), connect(&plane));
    assert!(is_answered(&mut proven, &check));
    drop(plane);
    assert!(is_closed(pending));
    assert!(is_closed(proven));
}
