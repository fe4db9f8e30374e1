use std::net::UdpSocket;

use super::*;

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind(loopback()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

#[test]
fn strangers_draw_no_answer_and_the_peer_gets_its_own() {
    let plane = start(TcpLimits::default());
    let check = add_peer(&plane);
    let socket = socket();
    let to = addresses(&plane).udp[0];
    for datagram in junk().into_iter().chain([forged(&check)]) {
        socket.send_to(&datagram, to).unwrap();
    }
    // Answers come in the order of requests: the first is that to the valid check.
    let request = check.bytes();
    socket.send_to(&request, to).unwrap();
    let mut reply = [0; 2048];
    let (length, from) = socket.recv_from(&mut reply).unwrap();
    assert_eq!(from, to);
    let (kind, address) = verify_reply(&reply[..length], &request, &check.to.pwd);
    assert_eq!(kind, BINDING_SUCCESS);
    assert_eq!(address, Some(socket.local_addr().unwrap()));
}

#[test]
fn a_flood_to_one_shard_does_not_hold_up_its_peers() {
    let plane = start(TcpLimits::default());
    let check = add_peer(&plane);
    let (flood, peer) = (socket(), socket());
    let to = addresses(&plane).udp[0];
    for round in 0..20 {
        for _ in 0..500 {
            // The kernel drops what is too much.
            flood.send_to(&[0x80; 1200], to).unwrap();
        }
        let request = check.bytes();
        peer.send_to(&request, to).unwrap();
        // A check may be among what the kernel drops: it is repeated, as ICE does.
        peer.set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        let mut reply = [0; 2048];
        let answered = (0..100).any(|_| {
            let answered = peer.recv_from(&mut reply).is_ok();
            if !answered {
                peer.send_to(&request, to).unwrap();
            }
            answered
        });
        assert!(answered, "round {round}");
    }
}

#[test]
fn what_is_sent_to_nobody_does_not_end_a_shard() {
    let plane = start(TcpLimits::default());
    let check = add_peer(&plane);
    let to = addresses(&plane).udp[0];
    // The answer meets a closed port, and the kernel tells the shard's socket so.
    let gone = socket();
    gone.send_to(&check.bytes(), to).unwrap();
    drop(gone);
    let peer = socket();
    let request = check.bytes();
    peer.send_to(&request, to).unwrap();
    let mut reply = [0; 2048];
    let (length, _) = peer.recv_from(&mut reply).unwrap();
    let (kind, _) = verify_reply(&reply[..length], &request, &check.to.pwd);
    assert_eq!(kind, BINDING_SUCCESS);
}
