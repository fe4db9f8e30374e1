use std::collections::{BTreeSet, VecDeque};
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

/// How data is delivered: by which of LiveKit's data channels it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataDelivery {
    /// In order, and sent again until it comes.
    Reliable,
    /// In any order, and sent once.
    Lossy,
}

impl DataDelivery {
    /// The stream of our channel.
    fn stream(self) -> StreamId {
        match self {
            Self::Reliable => StreamId(0),
            Self::Lossy => StreamId(2),
        }
    }

    fn options(self) -> SendOptions {
        match self {
            Self::Reliable => SendOptions::default(),
            Self::Lossy => SendOptions {
                unordered: true,
                max_retransmissions: Some(0),
                ..SendOptions::default()
            },
        }
    }
}

/// SCTP by libwebrtc's `dcsctp`, and the data channels over it.
pub(super) struct DataChannels {
    socket: Box<dyn DcSctpSocket>,
    start: Instant,
    opener: DataChannelOpener,
    opened: bool,
    /// Streams whose channel the other side has acknowledged or opened.
    open: BTreeSet<StreamId>,
    messages: VecDeque<Vec<u8>>,
    /// Whether messages are left where they are.
    held: bool,
    /// When it was driven last.
    advanced_at: Instant,
}

/// Payload protocol identifiers (RFC 8831 section 8).
const DCEP: PpId = PpId(50);
const BINARY: PpId = PpId(53);

/// Messages of DCEP (RFC 8832 section 8.2.1).
const DATA_CHANNEL_ACK: u8 = 2;
const DATA_CHANNEL_OPEN: u8 = 3;

/// The channels that clients open, and their types (RFC 8832 section 8.2.2).
const OPENS: [(DataDelivery, DataChannel, u8); 2] = [
    (DataDelivery::Reliable, DataChannel::Reliable, 0x00),
    (DataDelivery::Lossy, DataChannel::Lossy, 0x81),
];

impl DataChannels {
    /// The library's deadlines are not served more often than this.
    const LEAST_SLEEP: Duration = Duration::from_millis(1);

    /// Begins the association: DTLS is up.
    pub(super) fn connect(now: Instant, opener: DataChannelOpener) -> Self {
        let mut socket = dcsctp::new_socket("loadtest", &Options::default());
        socket.connect();
        Self {
            socket,
            start: now,
            opener,
            opened: false,
            open: BTreeSet::new(),
            messages: VecDeque::new(),
            held: false,
            advanced_at: now,
        }
    }

    /// Takes an SCTP packet.
    pub(super) fn handle(&mut self, now: Instant, packet: &[u8]) {
        self.advance(now);
        self.socket.handle_input(packet);
        if !self.opened && self.socket.state() == SocketState::Connected {
            self.opened = true;
            self.open();
        }
        while !self.held
            && let Some(message) = self.socket.get_next_message()
        {
            if message.ppid != DCEP {
                self.messages.push_back(message.payload);
                continue;
            }
            match message.payload.first() {
                Some(&DATA_CHANNEL_OPEN) => {
                    self.send_dcep(message.stream_id, vec![DATA_CHANNEL_ACK]);
                    self.open.insert(message.stream_id);
                }
                Some(&DATA_CHANNEL_ACK) => {
                    self.open.insert(message.stream_id);
                }
                Some(_) | None => {}
            }
        }
    }

    /// Takes no message from now on.
    pub(super) fn hold(&mut self) {
        self.held = true;
    }

    /// Returns the next message that came; all of them are to be taken before the next packet.
    pub(super) fn poll_message(&mut self) -> Option<Vec<u8>> {
        self.messages.pop_front()
    }

    /// Tells whether data can come.
    pub(super) fn are_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Tells whether data can be sent.
    pub(super) fn is_open(&self, delivery: DataDelivery) -> bool {
        self.opener == DataChannelOpener::Us && self.open.contains(&delivery.stream())
    }

    /// Sends a message on a channel of ours; `false` when the queue has no room for it.
    pub(super) fn send(&mut self, delivery: DataDelivery, payload: Vec<u8>) -> bool {
        let message = Message::new(delivery.stream(), BINARY, payload);
        self.socket.send(message, &delivery.options()).is_ok()
    }

    fn open(&mut self) {
        if self.opener == DataChannelOpener::Server {
            return;
        }
        for (delivery, channel, kind) in OPENS {
            let label = channel.label().as_bytes();
            let [l0, l1] = u16::try_from(label.len()).unwrap_or(0).to_be_bytes();
            let mut message = vec![DATA_CHANNEL_OPEN, kind, 0, 0, 0, 0, 0, 0, l0, l1, 0, 0];
            message.extend_from_slice(label);
            self.send_dcep(delivery.stream(), message);
        }
    }

    fn send_dcep(&mut self, stream: StreamId, payload: Vec<u8>) {
        let message = Message::new(stream, DCEP, payload);
        // Two small messages at the beginning fit any queue.
        self.socket.send(message, &SendOptions::default()).ok();
    }

    /// Returns the next packet to send.
    pub(super) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        loop {
            if let SocketEvent::SendPacket(packet) = self.socket.poll_event()? {
                return Some(packet);
            }
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let due = self.socket.poll_timeout();
        let due = (due != SocketTime::infinite_future()).then(|| due - SocketTime::zero())?;
        Some((self.start + due).max(self.advanced_at + Self::LEAST_SLEEP))
    }

    /// Does what is due.
    pub(super) fn advance(&mut self, now: Instant) {
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
