use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use dcsctp::api::{
    DcSctpSocket, Message, Options, PpId, SendOptions, SocketEvent, SocketState, SocketTime,
    StreamId,
};
use sfu_model::DataChannel;

/// SCTP by libwebrtc's `dcsctp`, and LiveKit's channels over it. The client opens them, as
/// participants with one transport do.
pub struct DataChannels {
    socket: Box<dyn DcSctpSocket>,
    start: Instant,
    /// Channels by their streams.
    channels: BTreeMap<u16, DataChannel>,
    opened: bool,
    /// Messages that came.
    pub inbox: Vec<(DataChannel, Vec<u8>)>,
}

impl fmt::Debug for DataChannels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataChannels").finish_non_exhaustive()
    }
}

/// Payload protocol identifiers (RFC 8831 section 8).
const DCEP: PpId = PpId(50);
const BINARY: PpId = PpId(53);

impl DataChannels {
    /// The client's channels and their types (RFC 8832 section 8.2.2).
    const OPENS: [(u16, DataChannel, u8); 2] = [
        (0, DataChannel::Reliable, 0x00),
        (2, DataChannel::Lossy, 0x81),
    ];

    /// Makes an association that has not begun.
    pub fn new(now: Instant) -> Self {
        let options = Options {
            max_timer_backoff_duration: Some(Duration::from_secs(3)),
            max_retransmissions: None,
            max_init_retransmits: None,
            ..Options::default()
        };
        Self {
            socket: dcsctp::new_socket("client", &options),
            start: now,
            channels: BTreeMap::new(),
            opened: false,
            inbox: Vec::new(),
        }
    }

    /// Begins the association: DTLS is up.
    pub fn connect(&mut self, now: Instant) {
        self.advance(now);
        self.socket.connect();
    }

    /// Takes an SCTP packet.
    pub fn handle(&mut self, now: Instant, packet: &[u8]) {
        self.advance(now);
        self.socket.handle_input(packet);
        if !self.opened && self.socket.state() == SocketState::Connected {
            self.opened = true;
            for (stream, channel, kind) in Self::OPENS {
                self.open(stream, channel, kind);
            }
        }
        while let Some(message) = self.socket.get_next_message() {
            let channel = self.channels.get(&message.stream_id.0);
            if let Some(channel) = channel.filter(|_| message.ppid == BINARY) {
                self.inbox.push((*channel, message.payload));
            }
        }
    }

    fn open(&mut self, stream: u16, channel: DataChannel, kind: u8) {
        const DATA_CHANNEL_OPEN: u8 = 3;
        let label = channel.label().as_bytes();
        let len = u8::try_from(label.len()).expect("LiveKit's labels are short");
        let mut message = vec![DATA_CHANNEL_OPEN, kind, 0, 0, 0, 0, 0, 0, 0, len, 0, 0];
        message.extend_from_slice(label);
        self.channels.insert(stream, channel);
        let message = Message::new(StreamId(stream), DCEP, message);
        let sent = self.socket.send(message, &SendOptions::default());
        sent.expect("a connected association takes messages");
    }

    /// Returns whether messages can be sent.
    pub fn is_open(&self) -> bool {
        self.opened
    }

    /// Returns how many bytes of a channel wait to be sent.
    pub fn buffered(&self, channel: DataChannel) -> usize {
        let mut channels = self.channels.iter();
        let stream = channels.find(|(_, known)| **known == channel);
        stream.map_or(0, |(stream, _)| {
            self.socket.buffered_amount(StreamId(*stream))
        })
    }

    /// Sends a message. The channels have to be open.
    pub fn send(&mut self, now: Instant, channel: DataChannel, payload: Vec<u8>) {
        self.advance(now);
        let mut channels = self.channels.iter();
        let stream = channels.find(|(_, known)| **known == channel);
        let (stream, _) = stream.expect("the client has opened the channel");
        let lossy = channel != DataChannel::Reliable;
        let options = SendOptions {
            unordered: lossy,
            max_retransmissions: lossy.then_some(0),
            ..SendOptions::default()
        };
        let message = Message::new(StreamId(*stream), BINARY, payload);
        let sent = self.socket.send(message, &options);
        sent.expect("a connected association takes messages");
    }

    /// Returns the next packet to send.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        loop {
            if let SocketEvent::SendPacket(packet) = self.socket.poll_event()? {
                return Some(packet);
            }
        }
    }

    /// Returns when [`DataChannels::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let due = self.socket.poll_timeout();
        (due != SocketTime::infinite_future()).then(|| self.start + (due - SocketTime::zero()))
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    fn advance(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.start);
        self.socket.advance_time(SocketTime::zero() + elapsed);
    }
}
