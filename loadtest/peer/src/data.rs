use std::time::{Duration, Instant};

use dcsctp::api::{
    DcSctpSocket, Message, Options, PpId, SendOptions, SocketEvent, SocketState, SocketTime,
    StreamId,
};
use sfu_model::DataChannel;

/// Who opens LiveKit's data channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataChannelOpener {
    /// We do: on the only transport, and on the one that publishes.
    Us,
    /// The server does, on the transport that it offers.
    Server,
}

/// SCTP by libwebrtc's `dcsctp`, and the data channels over it. What comes is counted.
pub(crate) struct DataChannels {
    socket: Box<dyn DcSctpSocket>,
    start: Instant,
    opener: DataChannelOpener,
    opened: bool,
    /// When it was driven last.
    advanced_at: Instant,
}

/// Payload protocol identifiers (RFC 8831 section 8).
const DCEP: PpId = PpId(50);

/// Messages of DCEP (RFC 8832 section 8.2.1).
const DATA_CHANNEL_ACK: u8 = 2;
const DATA_CHANNEL_OPEN: u8 = 3;

/// The channels that clients open, and their types (RFC 8832 section 8.2.2).
const OPENS: [(u16, DataChannel, u8); 2] = [
    (0, DataChannel::Reliable, 0x00),
    (2, DataChannel::Lossy, 0x81),
];

impl DataChannels {
    /// The library's deadlines are not served more often than this.
    const LEAST_SLEEP: Duration = Duration::from_millis(1);

    /// Begins the association: DTLS is up.
    pub(crate) fn connect(now: Instant, opener: DataChannelOpener) -> Self {
        let mut socket = dcsctp::new_socket("loadtest", &Options::default());
        socket.connect();
        Self {
            socket,
            start: now,
            opener,
            opened: false,
            advanced_at: now,
        }
    }

    /// Takes an SCTP packet; returns how many messages came of it.
    pub(crate) fn handle(&mut self, now: Instant, packet: &[u8]) -> u64 {
        self.advance(now);
        self.socket.handle_input(packet);
        if !self.opened && self.socket.state() == SocketState::Connected {
            self.opened = true;
            self.open();
        }
        let mut messages = 0;
        while let Some(message) = self.socket.get_next_message() {
            if message.ppid != DCEP {
                messages += 1;
            } else if message.payload.first() == Some(&DATA_CHANNEL_OPEN) {
                self.send(message.stream_id, vec![DATA_CHANNEL_ACK]);
            }
        }
        messages
    }

    fn open(&mut self) {
        if self.opener == DataChannelOpener::Server {
            return;
        }
        for (stream, channel, kind) in OPENS {
            let label = channel.label().as_bytes();
            let [l0, l1] = u16::try_from(label.len()).unwrap_or(0).to_be_bytes();
            let mut message = vec![DATA_CHANNEL_OPEN, kind, 0, 0, 0, 0, 0, 0, l0, l1, 0, 0];
            message.extend_from_slice(label);
            self.send(StreamId(stream), message);
        }
    }

    fn send(&mut self, stream: StreamId, payload: Vec<u8>) {
        let message = Message::new(stream, DCEP, payload);
        // Two small messages at the beginning fit any queue.
        self.socket.send(message, &SendOptions::default()).ok();
    }

    /// Returns the next packet to send.
    pub(crate) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        loop {
            if let SocketEvent::SendPacket(packet) = self.socket.poll_event()? {
                return Some(packet);
            }
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let due = self.socket.poll_timeout();
        let due = (due != SocketTime::infinite_future()).then(|| due - SocketTime::zero())?;
        Some((self.start + due).max(self.advanced_at + Self::LEAST_SLEEP))
    }

    /// Does what is due.
    pub(crate) fn advance(&mut self, now: Instant) {
        self.advanced_at = now;
        let elapsed = now.saturating_duration_since(self.start);
        self.socket.advance_time(SocketTime::zero() + elapsed);
    }
}

impl std::fmt::Debug for DataChannels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataChannels").finish_non_exhaustive()
    }
}
