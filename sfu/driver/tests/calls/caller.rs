//! A peer with a socket of its own.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_srtp::context::Context;
use sfu_driver::MediaPlane;
use sfu_model::{Command, DataChannelOpener, DtlsRole, IceCredentials, Now, PeerId, UnixTime};
use sfu_transport::{PacketKind, classify};

use crate::check::{Check, answer};
use crate::client::Client;

/// How long a turn waits for a datagram: what paces a test.
const TURN: Duration = Duration::from_millis(2);

pub(crate) struct Caller {
    socket: UdpSocket,
    server: SocketAddr,
    client: Client,
    check: Check,
    credentials: IceCredentials,
    /// When checks are sent again.
    checked: Option<Instant>,
    srtp: Option<(Context, Context)>,
    /// RTP packets that came.
    pub(crate) pictures: u32,
}

fn now() -> Now {
    Now {
        mono: Instant::now(),
        unix: UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).unwrap()),
    }
}

impl Caller {
    /// Has the media plane expect a peer, and begins to connect it.
    pub(crate) fn join(plane: &MediaPlane, peer: PeerId) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(TURN)).unwrap();
        let client = Client::new(now(), &[SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm]);
        let byte = u8::try_from(peer.index).unwrap();
        let local = IceCredentials::generate(peer.shard, [byte; 34]);
        let remote = IceCredentials::generate(peer.shard, [byte | 0x80; 34]);
        let check = Check {
            to: local.clone(),
            from_ufrag: remote.ufrag.clone(),
            nominates: true,
            controlled: false,
        };
        let commands = [
            Command::AddPeer {
                peer,
                local,
                data_channels: DataChannelOpener::Peer,
            },
            Command::SetRemote {
                peer,
                remote: remote.clone(),
                fingerprint: client.fingerprint,
                role: DtlsRole::Server,
            },
        ];
        crate::send(plane, commands);
        let ports = &plane.addresses()[usize::from(peer.shard.0)].udp;
        // Of each shard's callers the first goes to its first port, the next to the next.
        let turn = usize::from(byte / 2);
        Self {
            socket,
            server: ports[turn % ports.len()],
            client,
            check,
            credentials: remote,
            checked: None,
            srtp: None,
            pictures: 0,
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.srtp.is_some()
    }

    /// Sends an RTP packet.
    pub(crate) fn send(&mut self, packet: &[u8]) {
        let (seal, _) = self.srtp.as_mut().unwrap();
        let datagram = seal.encrypt_rtp(packet).unwrap();
        self.socket.send_to(&datagram, self.server).unwrap();
    }

    /// Sends what is to be sent, and takes what has come.
    pub(crate) fn turn(&mut self) {
        self.client.handle_timeout(now());
        let again = |at: Instant| at.elapsed() > Duration::from_millis(200);
        if !self.is_connected() && self.checked.is_none_or(again) {
            self.checked = Some(Instant::now());
            let check = self.check.bytes();
            self.socket.send_to(&check, self.server).unwrap();
        }
        while let Some(datagram) = self.client.poll_transmit(now()) {
            self.socket.send_to(&datagram, self.server).unwrap();
        }
        let mut buffer = [0; 2_048];
        while let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
            assert_eq!(from, self.server);
            self.take(&buffer[..length]);
        }
    }

    fn take(&mut self, datagram: &[u8]) {
        match (classify(datagram), &mut self.srtp) {
            (PacketKind::Dtls, _) => self.client.handle(now(), datagram),
            (PacketKind::Rtp, Some((_, open))) => {
                open.decrypt_rtp(datagram).unwrap();
                self.pictures += 1;
            }
            (PacketKind::Stun, _) => {
                if let Some(answer) = answer(datagram, &self.credentials, self.server) {
                    self.socket.send_to(&answer, self.server).unwrap();
                }
            }
            (PacketKind::Rtp | PacketKind::Rtcp | PacketKind::Other, _) => {}
        }
        if self.client.connected && self.srtp.is_none() {
            self.srtp = Some(self.client.srtp());
        }
    }
}
