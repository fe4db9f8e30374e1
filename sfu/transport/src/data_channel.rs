use std::collections::VecDeque;

use sfu_model::{DataChannel, DataChannelOpener, DtlsRole};

use crate::dcep::{self, DataChannelOpen, DcepMessage};
use crate::sctp::{Delivery, Ppid, Reliability, Sctp};
use crate::{MAX_MESSAGE_SIZE, SendDataError, TransportEvent};

/// Most channels that are open at once. What a peer opens beyond them stays unanswered.
const MAX_CHANNELS: usize = 16;
/// Most bytes of reliable messages that wait to be sent or acknowledged.
const MAX_RELIABLE_BUFFER: usize = 8 * 1_024 * 1_024;
/// Most reliable messages that wait: a short one costs far more than its bytes.
const MAX_RELIABLE_MESSAGES: usize = 16_384;
/// Most bytes of reliable messages that wait for a channel that is not open yet; those behind them are
/// refused. Not every peer opens one.
const MAX_WAITING_BYTES: usize = 1_024 * 1_024;
/// Most reliable messages that wait for it.
const MAX_WAITING_MESSAGES: usize = 1_024;
/// Most bytes of lossy messages that wait: those behind them are dropped.
const MAX_LOSSY_BUFFER: usize = 128 * 1_024;
/// Most lossy messages that wait.
const MAX_LOSSY_MESSAGES: usize = 1_024;

/// The channels that we open. DTLS servers take odd streams, clients even ones (RFC 8832 section 6).
fn ours(role: DtlsRole) -> [(u16, DataChannel); 3] {
    let first = match role {
        DtlsRole::Client => 0,
        DtlsRole::Server => 1,
    };
    [
        (first, DataChannel::Reliable),
        (first + 2, DataChannel::Lossy),
        (first + 4, DataChannel::DataTrack),
    ]
}

#[derive(Debug)]
struct Channel {
    stream: u16,
    kind: DataChannel,
    /// Whether messages may be sent: from the peer's open on, or its acknowledgement of ours.
    open: bool,
    sent: Sent,
}

/// Lengths of the messages of a channel that are sent and not acknowledged, or wait.
#[derive(Debug, Default)]
struct Sent {
    lengths: VecDeque<usize>,
    bytes: usize,
}

impl Sent {
    /// Forgets the oldest messages until `buffered` bytes are left.
    fn settle(&mut self, buffered: usize) {
        while let Some(oldest) = self.lengths.front()
            && self.bytes - oldest >= buffered
        {
            self.bytes -= oldest;
            self.lengths.pop_front();
        }
    }

    fn push(&mut self, len: usize) {
        self.lengths.push_back(len);
        self.bytes += len;
    }
}

/// The data channels of a peer, by label.
#[derive(Debug)]
pub(crate) struct DataChannels {
    opener: DataChannelOpener,
    channels: Vec<Channel>,
    /// Reliable messages for a channel that is not open yet.
    waiting: VecDeque<Vec<u8>>,
    waiting_bytes: usize,
    ignored: u64,
}

impl DataChannels {
    pub(crate) fn new(opener: DataChannelOpener) -> Self {
        Self {
            opener,
            channels: Vec::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            ignored: 0,
        }
    }

    /// Returns how many messages were ignored: text, unknown protocols, streams that nobody opened,
    /// channels beyond the limit.
    pub(crate) fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Opens our channels, if they are ours to open.
    pub(crate) fn handle_connected(&mut self, sctp: &mut Sctp, role: DtlsRole) {
        match self.opener {
            DataChannelOpener::Peer => return,
            DataChannelOpener::Server => {}
        }
        for (stream, kind) in ours(role) {
            let (delivery, reliability) = reliability_of(kind);
            let open = DataChannelOpen {
                delivery,
                reliability,
                label: kind.label(),
            };
            let opened = sctp
                .open_stream(stream)
                .and_then(|()| sctp.send(stream, Ppid::Dcep, &open.to_bytes()))
                .and_then(|()| sctp.set_reliability(stream, delivery, reliability));
            // It fails if the peer took the stream, against the rule of odd and even.
            if opened.is_ok() {
                self.channels.push(Channel {
                    stream,
                    kind,
                    open: false,
                    sent: Sent::default(),
                });
            }
        }
    }

    /// Takes a message of a stream.
    pub(crate) fn handle_message(
        &mut self,
        sctp: &mut Sctp,
        stream: u16,
        ppid: Ppid,
        payload: Vec<u8>,
    ) -> Option<TransportEvent> {
        match ppid {
            Ppid::Dcep => self.handle_dcep(sctp, stream, &payload),
            Ppid::Binary => self.deliver(stream, payload),
            // RFC 8831 section 6.6: an empty message travels as one zero byte.
            Ppid::BinaryEmpty => self.deliver(stream, Vec::new()),
            Ppid::Text | Ppid::Unknown => self.ignore(),
        }
    }

    /// Forgets a channel that the peer closed.
    pub(crate) fn handle_closed(&mut self, stream: u16) {
        self.channels.retain(|channel| channel.stream != stream);
    }

    /// Queues a message.
    pub(crate) fn send(
        &mut self,
        sctp: Option<&mut Sctp>,
        kind: DataChannel,
        payload: &[u8],
    ) -> Result<(), SendDataError> {
        if payload.len() > MAX_MESSAGE_SIZE {
            return Err(SendDataError::TooLarge);
        }
        // A peer that opens a label twice listens on the latest.
        let open = |channel: &&mut Channel| channel.kind == kind && channel.open;
        let channel = self.channels.iter_mut().rev().find(open);
        match (kind, channel, sctp) {
            (DataChannel::Unlabelled, ..) => Err(SendDataError::NotOpen),
            (_, Some(channel), Some(sctp)) => send_now(sctp, channel, payload),
            (DataChannel::Reliable, ..) => self.wait(payload),
            (DataChannel::Lossy | DataChannel::DataTrack, ..) => Err(SendDataError::NotOpen),
        }
    }

    fn wait(&mut self, payload: &[u8]) -> Result<(), SendDataError> {
        let bytes = self.waiting_bytes + payload.len();
        if bytes > MAX_WAITING_BYTES || self.waiting.len() >= MAX_WAITING_MESSAGES {
            return Err(SendDataError::NotOpen);
        }
        self.waiting_bytes = bytes;
        self.waiting.push_back(payload.to_vec());
        Ok(())
    }

    fn handle_dcep(
        &mut self,
        sctp: &mut Sctp,
        stream: u16,
        message: &[u8],
    ) -> Option<TransportEvent> {
        match DcepMessage::parse(message) {
            Some(DcepMessage::Open(open)) => self.accept(sctp, stream, open),
            Some(DcepMessage::Ack) => self.open(sctp, stream),
            None => self.ignore(),
        }
    }

    fn accept(
        &mut self,
        sctp: &mut Sctp,
        stream: u16,
        open: DataChannelOpen<'_>,
    ) -> Option<TransportEvent> {
        let taken = self.channels.iter().any(|channel| channel.stream == stream);
        if taken || self.channels.len() >= MAX_CHANNELS {
            return self.ignore();
        }
        // The acknowledgement is reliable, whatever the channel is.
        let accepted = sctp
            .send(stream, Ppid::Dcep, &dcep::ACK)
            .and_then(|()| sctp.set_reliability(stream, open.delivery, open.reliability));
        if accepted.is_err() {
            return self.ignore();
        }
        self.channels.push(Channel {
            stream,
            kind: DataChannel::from_label(open.label),
            open: false,
            sent: Sent::default(),
        });
        self.open(sctp, stream)
    }

    /// Opens a channel for sending, and sends what waited for it.
    fn open(&mut self, sctp: &mut Sctp, stream: u16) -> Option<TransportEvent> {
        let found = self
            .channels
            .iter_mut()
            .find(|channel| channel.stream == stream && !channel.open);
        let Some(channel) = found else {
            return self.ignore();
        };
        channel.open = true;
        if channel.kind == DataChannel::Reliable {
            self.waiting_bytes = 0;
            for payload in self.waiting.drain(..) {
                // The queue of the channel takes more than the waiting messages were allowed.
                if send_now(sctp, channel, &payload).is_err() {
                    self.ignored += 1;
                }
            }
        }
        Some(TransportEvent::DataChannelOpened(channel.kind))
    }

    fn deliver(&mut self, stream: u16, payload: Vec<u8>) -> Option<TransportEvent> {
        let channel = self.channels.iter().find(|c| c.stream == stream);
        let Some(channel) = channel else {
            return self.ignore();
        };
        let channel = channel.kind;
        Some(TransportEvent::DataReceived { channel, payload })
    }

    fn ignore(&mut self) -> Option<TransportEvent> {
        self.ignored += 1;
        None
    }
}

fn send_now(sctp: &mut Sctp, channel: &mut Channel, payload: &[u8]) -> Result<(), SendDataError> {
    let (max_bytes, max_messages, full) = match channel.kind {
        DataChannel::Reliable => (
            MAX_RELIABLE_BUFFER,
            MAX_RELIABLE_MESSAGES,
            SendDataError::QueueFull,
        ),
        DataChannel::Lossy | DataChannel::DataTrack | DataChannel::Unlabelled => (
            MAX_LOSSY_BUFFER,
            MAX_LOSSY_MESSAGES,
            SendDataError::Congested,
        ),
    };
    let buffered = sctp.buffered(channel.stream);
    channel.sent.settle(buffered);
    if buffered + payload.len() > max_bytes || channel.sent.lengths.len() >= max_messages {
        return Err(full);
    }
    let (ppid, payload) = match payload {
        // RFC 8831 section 6.6: SCTP has no empty messages.
        [] => (Ppid::BinaryEmpty, &[0][..]),
        _ => (Ppid::Binary, payload),
    };
    sctp.send(channel.stream, ppid, payload)
        .map_err(|_| SendDataError::NotOpen)?;
    channel.sent.push(payload.len());
    Ok(())
}

/// How LiveKit's channels deliver.
fn reliability_of(kind: DataChannel) -> (Delivery, Reliability) {
    match kind {
        DataChannel::Reliable | DataChannel::Unlabelled => (Delivery::Ordered, Reliability::Full),
        DataChannel::Lossy | DataChannel::DataTrack => {
            (Delivery::Unordered, Reliability::MaxRetransmits(0))
        }
    }
}
