//! The media plane with real sockets on loopback and the clocks of the system.

#[path = "../../../transport/tests/transport/check.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the tests of sfu-transport"
)]
mod check;
mod tcp;
mod udp;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use sfu_core::ShardConfig;
use sfu_model::{
    Command, DataChannelOpener, DtlsRole, Fingerprint, IceCredentials, NodeIndex, PeerId,
    RoomIndex, ShardIndex,
};
use sfu_transport::TransportConfig;

use crate::limits::TcpLimits;
use crate::{MediaConfig, MediaPlane, ShardAddresses, UdpAddresses};

use check::{Check, verify_reply};

/// Time after which something that must come counts as missing.
const PATIENCE: Duration = Duration::from_secs(20);

/// A success response to a binding request (RFC 8489 section 5).
const BINDING_SUCCESS: u16 = 0x0101;

fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

fn config() -> MediaConfig {
    let certificate = TransportConfig::generate().unwrap();
    MediaConfig {
        udp: UdpAddresses::of_each(vec![vec![loopback()], vec![loopback()]]),
        tcp: vec![loopback()],
        shard: ShardConfig::new(Arc::new(certificate)),
        seeds: vec![[7; 32], [8; 32]],
    }
}

fn start(limits: TcpLimits) -> MediaPlane {
    MediaPlane::start_with(&config(), limits, drop).unwrap()
}

/// The addresses of the shard that peers of these tests live on.
fn addresses(plane: &MediaPlane) -> &ShardAddresses {
    &plane.addresses()[1]
}

/// Sends as a room does that never has to wait.
fn send(plane: &MediaPlane, commands: impl IntoIterator<Item = Command>) {
    let mut lane = plane.lane();
    let sending = std::pin::pin!(lane.send(commands));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(sending.poll(&mut context).is_ready());
}

/// Adds a peer to the second shard, and returns the check that proves to be it.
fn add_peer(plane: &MediaPlane) -> Check {
    let shard = ShardIndex(1);
    let local = IceCredentials::generate(shard, [3; 34]);
    let room = RoomIndex(0);
    let index = 0;
    let peer = PeerId {
        room,
        index,
        shard,
        node: NodeIndex(0),
    };
    let remote = IceCredentials {
        ufrag: "them".to_owned(),
        pwd: "a-password-of-two-and-twenty".to_owned(),
    };
    let commands = [
        Command::AddPeer {
            peer,
            local: local.clone(),
            data_channels: DataChannelOpener::Peer,
        },
        Command::SetRemote {
            peer,
            remote,
            fingerprint: Fingerprint([1; 32]),
            role: DtlsRole::Server,
        },
    ];
    send(plane, commands);
    Check {
        to: local,
        from_ufrag: "them".to_owned(),
        nominates: true,
        controlled: false,
    }
}

/// A check that knows a peer's ufrag and not its password.
fn forged(check: &Check) -> Vec<u8> {
    let mut forged = check.clone();
    forged.to.pwd = "not-the-password-of-that-peer".to_owned();
    forged.bytes()
}

/// What strangers send: none of it may draw an answer.
fn junk() -> Vec<Vec<u8>> {
    vec![
        Vec::new(),
        vec![0],
        vec![0xff; 1400],
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        // A binding request without attributes, and one cut short.
        [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[1; 12]].concat(),
        vec![0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42],
        // DTLS, RTP, RTCP, and a TURN channel.
        [
            &[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20][..],
            &[1; 20],
        ]
        .concat(),
        [&[0x80, 111, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1][..], &[5; 100]].concat(),
        vec![0x81, 201, 0, 7, 0, 0, 0, 1],
        vec![0x40, 0, 0, 4, 1, 2, 3, 4],
    ]
}

#[test]
fn an_address_that_is_taken_is_named() {
    let plane = start(TcpLimits::default());
    let taken = addresses(&plane).udp[0];
    let mut config = config();
    config.udp = UdpAddresses::of_each(vec![vec![loopback()], vec![taken]]);
    let failed = MediaPlane::start(&config, drop).unwrap_err();
    let words = format!("UDP address {taken} cannot be bound");
    assert!(failed.to_string().starts_with(&words), "{failed}");
}

#[test]
fn all_shards_tell_the_same_tcp_address() {
    let plane = start(TcpLimits::default());
    let [first, second] = plane.addresses() else {
        panic!("two shards");
    };
    assert_eq!(first.tcp, second.tcp);
    assert_ne!(first.udp, second.udp);
}
