//! The data channels of a peer, by label.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use sfu_model::limits::MAX_DATA_MESSAGE_OUT_BYTES;
use sfu_model::{DataChannel, DataChannelOpener, DataMessage, DtlsRole};

use crate::data_intake::DataIntake;
use crate::dcep::{self, DataChannelOpen, DcepMessage};
use crate::limits::{
    MAX_CHANNELS, MAX_EARLY_BYTES, MAX_EARLY_MESSAGES, MAX_LOSSY_SCTP_BYTES, MAX_SCTP_BYTES,
};
use crate::sctp::{Delivery, Ppid, Reliability, Sctp, SctpMessage, SctpUnavailable};
use crate::send_queue::SendQueue;
use crate::stall::StallClock;
use crate::{DataCounts, SendDataError, TransportEvent};

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
    queue: SendQueue,
}

impl Channel {
    fn new(stream: u16, kind: DataChannel) -> Self {
        Self {
            stream,
            kind,
            open: false,
            queue: SendQueue::default(),
        }
    }

    fn feed(&mut self, sctp: &mut Sctp) -> Result<(), SctpUnavailable> {
        let max_bytes = match self.kind {
            DataChannel::Reliable | DataChannel::Unlabelled => MAX_SCTP_BYTES,
            DataChannel::Lossy | DataChannel::DataTrack => MAX_LOSSY_SCTP_BYTES,
        };
        self.queue.feed(sctp, self.stream, max_bytes)
    }
}

/// The data channels of a peer, by label.
#[derive(Debug)]
pub(crate) struct DataChannels {
    opener: DataChannelOpener,
    channels: Vec<Channel>,
    /// Reliable messages for a channel that is not open yet.
    early: VecDeque<DataMessage>,
    early_bytes: usize,
    intake: DataIntake,
    stall: StallClock,
}

impl DataChannels {
    pub(crate) fn new(opener: DataChannelOpener) -> Self {
        Self {
            opener,
            channels: Vec::new(),
            early: VecDeque::new(),
            early_bytes: 0,
            intake: DataIntake::default(),
            stall: StallClock::default(),
        }
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
                self.channels.push(Channel::new(stream, kind));
            }
        }
    }

    /// Reports whether messages of a stream may be read. What is not read fills the peer's window.
    pub(crate) fn may_read(&mut self, stream: u16) -> bool {
        match self.kind_of(stream) {
            Some(kind) => self.intake.may_read(kind),
            None => true,
        }
    }

    /// Reports whether the peer is held back.
    pub(crate) fn is_held(&self) -> bool {
        self.intake.is_held()
    }

    /// Returns the account of what was taken in, and of what was not.
    pub(crate) fn intake(&mut self) -> &mut DataIntake {
        &mut self.intake
    }

    /// Returns what was counted since this was asked last.
    pub(crate) fn take_counts(&mut self) -> DataCounts {
        std::mem::take(self.intake.counts())
    }

    /// Takes a message of a stream.
    pub(crate) fn handle_message(
        &mut self,
        sctp: &mut Sctp,
        stream: u16,
        message: SctpMessage,
    ) -> Option<TransportEvent> {
        let SctpMessage { ppid, payload } = message;
        match ppid {
            Ppid::Dcep => self.handle_dcep(sctp, stream, &payload),
            Ppid::Binary => self.deliver(stream, payload),
            // RFC 8831 section 6.6: an empty message travels as one zero byte.
            Ppid::BinaryEmpty => self.deliver(stream, Arc::new([])),
            Ppid::Text | Ppid::Unknown => self.ignore(),
        }
    }

    /// Forgets a channel that the peer closed.
    pub(crate) fn handle_closed(&mut self, stream: u16) {
        self.channels.retain(|channel| channel.stream != stream);
    }

    /// Queues a message. [`DataChannels::pump`] must follow.
    pub(crate) fn send(
        &mut self,
        kind: DataChannel,
        message: DataMessage,
    ) -> Result<(), SendDataError> {
        if message.len() > MAX_DATA_MESSAGE_OUT_BYTES {
            return Err(SendDataError::TooLarge);
        }
        // A peer that opens a label twice listens on the latest.
        let open = |channel: &&mut Channel| channel.kind == kind && channel.open;
        let channel = self.channels.iter_mut().rev().find(open);
        match (kind, channel) {
            (DataChannel::Unlabelled, _) => Err(SendDataError::NotOpen),
            (DataChannel::Reliable, Some(channel)) => channel.queue.push_reliable(message),
            (DataChannel::Reliable, None) => self.keep_early(&message),
            (DataChannel::Lossy | DataChannel::DataTrack, Some(channel)) => {
                self.intake.counts().dropped_out += channel.queue.push_lossy(message) as u64;
                Ok(())
            }
            (DataChannel::Lossy | DataChannel::DataTrack, None) => Err(SendDataError::NotOpen),
        }
    }

    /// Gives SCTP what it has room for, and notes what the peer has taken.
    pub(crate) fn pump(&mut self, now: Instant, sctp: &mut Sctp) {
        let (mut taken, mut is_pressing) = (0, false);
        for channel in &mut self.channels {
            if !channel.open {
                continue;
            }
            let acknowledged = channel.queue.acknowledge(sctp.buffered(channel.stream));
            if channel.feed(sctp).is_err() {
                self.intake.counts().ignored += 1;
            }
            if channel.kind == DataChannel::Reliable {
                taken += acknowledged;
                is_pressing |= channel.queue.is_pressing();
            }
        }
        self.stall.note(now, taken, is_pressing);
    }

    /// Reports whether the peer has kept senders waiting for too long.
    pub(crate) fn is_stalled(&self, now: Instant) -> bool {
        self.stall.is_stalled(now)
    }

    /// Returns when the peer will have kept senders waiting for too long.
    pub(crate) fn stalls_at(&self) -> Option<Instant> {
        self.stall.ends_at()
    }

    /// Keeps a message for a channel that may never open: nobody is held back for it.
    fn keep_early(&mut self, message: &DataMessage) -> Result<(), SendDataError> {
        let bytes = self.early_bytes + message.len();
        if bytes > MAX_EARLY_BYTES || self.early.len() >= MAX_EARLY_MESSAGES {
            return Err(SendDataError::NotOpen);
        }
        self.early_bytes = bytes;
        self.early.push_back(message.unaccounted());
        Ok(())
    }

    fn kind_of(&self, stream: u16) -> Option<DataChannel> {
        let channel = self.channels.iter().find(|c| c.stream == stream)?;
        Some(channel.kind)
    }

    fn handle_dcep(
        &mut self,
        sctp: &mut Sctp,
        stream: u16,
        message: &[u8],
    ) -> Option<TransportEvent> {
        match DcepMessage::parse(message) {
            Some(DcepMessage::Open(open)) => self.accept(sctp, stream, open),
            Some(DcepMessage::Ack) => self.open(stream),
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
        let kind = DataChannel::from_label(open.label);
        self.channels.push(Channel::new(stream, kind));
        self.open(stream)
    }

    /// Opens a channel for sending, and queues what waited for it.
    fn open(&mut self, stream: u16) -> Option<TransportEvent> {
        let found = self
            .channels
            .iter_mut()
            .find(|channel| channel.stream == stream && !channel.open);
        let Some(channel) = found else {
            return self.ignore();
        };
        channel.open = true;
        if channel.kind == DataChannel::Reliable {
            self.early_bytes = 0;
            for message in self.early.drain(..) {
                // The queue takes as much as the early messages were allowed.
                if channel.queue.push_reliable(message).is_err() {
                    self.intake.counts().ignored += 1;
                }
            }
        }
        Some(TransportEvent::DataChannelOpened(channel.kind))
    }

    fn deliver(&mut self, stream: u16, payload: Arc<[u8]>) -> Option<TransportEvent> {
        let Some(channel) = self.kind_of(stream) else {
            return self.ignore();
        };
        let message = self.intake.admit(channel, payload)?;
        Some(TransportEvent::DataReceived { channel, message })
    }

    fn ignore(&mut self) -> Option<TransportEvent> {
        self.intake.counts().ignored += 1;
        None
    }
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
