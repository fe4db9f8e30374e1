//! The association with one peer, on `sctp-proto`.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use sctp_proto::{
    Association, AssociationHandle, DatagramEvent, Endpoint, EndpointConfig, Event, Payload,
    PayloadProtocolIdentifier, ReliabilityType, ServerConfig, StreamEvent, TransportConfig,
};

use sfu_model::DataMessage;
use sfu_model::limits::{MAX_DATA_MESSAGE_IN_BYTES, MAX_DATA_MESSAGE_OUT_BYTES};

use super::packet::PacketSummary;
use crate::isolation::{Panicked, isolated};
use crate::limits::{MAX_STREAMS, MAX_UNREAD_CHUNKS, RECEIVE_WINDOW_BYTES};

/// Longest payload of a DATA chunk: with the headers of SCTP and DTLS a datagram of at most 1,225 bytes.
const MAX_CHUNK_PAYLOAD: u32 = 1_160;
/// Retransmission timeouts in milliseconds, those of libwebrtc: the least is above the delay of
/// acknowledgements, and the longest lets data flow soon after a gap in the network.
const RTO_INITIAL: u64 = 500;
const RTO_MIN: u64 = 400;
const RTO_MAX: u64 = 3_000;

/// The address that the library keys the association by; the path is the transport's business.
const PEER: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 5_000));

/// Payload protocol identifiers of WebRTC (RFC 8831 section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ppid {
    Dcep,
    Text,
    Binary,
    BinaryEmpty,
    Unknown,
}

impl From<PayloadProtocolIdentifier> for Ppid {
    fn from(ppid: PayloadProtocolIdentifier) -> Self {
        match ppid {
            PayloadProtocolIdentifier::Dcep => Self::Dcep,
            PayloadProtocolIdentifier::String | PayloadProtocolIdentifier::StringEmpty => {
                Self::Text
            }
            PayloadProtocolIdentifier::Binary => Self::Binary,
            PayloadProtocolIdentifier::BinaryEmpty => Self::BinaryEmpty,
            PayloadProtocolIdentifier::Unknown => Self::Unknown,
        }
    }
}

impl From<Ppid> for PayloadProtocolIdentifier {
    fn from(ppid: Ppid) -> Self {
        match ppid {
            Ppid::Dcep => Self::Dcep,
            Ppid::Text => Self::String,
            Ppid::Binary => Self::Binary,
            Ppid::BinaryEmpty => Self::BinaryEmpty,
            Ppid::Unknown => Self::Unknown,
        }
    }
}

/// In which order the messages of a stream arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Ordered,
    Unordered,
}

/// How long a message of a stream is tried (RFC 3758).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reliability {
    Full,
    MaxRetransmits(u32),
    MaxLifetime { millis: u32 },
}

/// What all associations of a process share.
#[derive(Clone)]
pub(crate) struct SctpConfig {
    endpoint: Arc<EndpointConfig>,
    server: Arc<ServerConfig>,
}

impl SctpConfig {
    pub(crate) fn new() -> Self {
        let bytes = |limit: usize| u32::try_from(limit).unwrap_or(u32::MAX);
        let transport = TransportConfig::default()
            .with_max_receive_buffer_size(RECEIVE_WINDOW_BYTES)
            .with_max_send_message_size(bytes(MAX_DATA_MESSAGE_OUT_BYTES))
            .with_max_receive_message_size(bytes(MAX_DATA_MESSAGE_IN_BYTES))
            .with_max_num_inbound_streams(MAX_STREAMS)
            .with_max_num_outbound_streams(MAX_STREAMS)
            .with_max_init_retransmits(None)
            .with_max_data_retransmits(None)
            .with_rto_initial_ms(RTO_INITIAL)
            .with_rto_min_ms(RTO_MIN)
            .with_rto_max_ms(RTO_MAX);
        let mut endpoint = EndpointConfig::new();
        endpoint.max_payload_size(MAX_CHUNK_PAYLOAD);
        let mut server = ServerConfig::new();
        server.transport = Arc::new(transport);
        Self {
            endpoint: Arc::new(endpoint),
            server: Arc::new(server),
        }
    }
}

/// What SCTP has for the data channels.
#[derive(Debug)]
pub(crate) enum SctpOutput {
    /// The association is up.
    Connected,
    /// The peer closed a stream.
    StreamClosed(u16),
    /// The association is over.
    Ended(SctpEnd),
}

/// A message of a stream.
#[derive(Debug)]
pub(crate) struct SctpMessage {
    pub(crate) ppid: Ppid,
    pub(crate) payload: Arc<[u8]>,
}

/// How an association ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SctpEnd {
    /// The peer aborted it or shut it down.
    ByPeer,
    /// The peer broke the rules: among others, a message longer than
    /// [`MAX_DATA_MESSAGE_IN_BYTES`].
    Violated,
}

/// The association is not up, or the stream is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SctpUnavailable;

/// The association with one peer.
pub(crate) struct Sctp {
    endpoint: Endpoint,
    association: Option<(AssociationHandle, Association)>,
    /// Whether the latest packet was one by which the peer ends the association.
    peer_ends: bool,
    /// Streams that may have messages to be read. What is not read fills the window that the peer may
    /// send into.
    readable: BTreeSet<u16>,
    /// DATA chunks that came since nothing was left unread, but for those that were read.
    unread_chunks: usize,
    /// The latest packet with data that came while something was unread.
    unread_packet: Option<Bytes>,
}

impl Sctp {
    /// Waits for the peer's INIT.
    pub(crate) fn new(config: &SctpConfig) -> Self {
        let server = Some(Arc::clone(&config.server));
        Self {
            endpoint: Endpoint::new(Arc::clone(&config.endpoint), server),
            association: None,
            peer_ends: false,
            readable: BTreeSet::new(),
            unread_chunks: 0,
            unread_packet: None,
        }
    }

    /// Takes a packet. One that is malformed is dropped, as is one with more data than may be unread.
    pub(crate) fn handle(&mut self, now: Instant, packet: Bytes) -> Result<(), Panicked> {
        let Some(summary) = PacketSummary::parse(&packet, MAX_STREAMS) else {
            return Ok(());
        };
        if summary.data_chunks > 0 {
            let unread = self.unread_chunks + summary.data_chunks;
            if self.unread_packet.is_some() && unread > MAX_UNREAD_CHUNKS {
                return Ok(());
            }
            self.unread_chunks = unread;
            if !self.readable.is_empty() && !summary.ends {
                self.unread_packet = Some(packet.clone());
            }
        }
        self.peer_ends = summary.ends;
        isolated(|| self.handle_packet(now, packet))
    }

    fn handle_packet(&mut self, now: Instant, packet: Bytes) {
        match self.endpoint.handle(now, PEER, None, None, packet) {
            Some((handle, DatagramEvent::NewAssociation(association))) => {
                // One association is all that a transport has; the library keeps any it makes.
                self.endpoint.reject_new_associations();
                self.association.get_or_insert((handle, association));
            }
            Some((_, DatagramEvent::AssociationEvent(event))) => {
                if let Some((_, association)) = &mut self.association {
                    association.handle_event(event);
                }
            }
            None => {}
        }
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<(), Panicked> {
        if self.poll_timeout().is_none_or(|at| now < at) {
            return Ok(());
        }
        self.peer_ends = false;
        match &mut self.association {
            Some((_, association)) => isolated(|| association.handle_timeout(now)),
            None => Ok(()),
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.association.as_ref()?.1.poll_timeout()
    }

    /// Returns the next packets to send.
    pub(crate) fn poll_transmit(&mut self, now: Instant) -> Result<Vec<Bytes>, Panicked> {
        let Some((_, association)) = &mut self.association else {
            return Ok(Vec::new());
        };
        isolated(|| match association.poll_transmit(now)?.payload {
            Payload::RawEncode(packets) => Some(packets),
            Payload::PartialDecode(_) => None,
        })
        .map(Option::unwrap_or_default)
    }

    /// Opens a stream of ours. Its messages are ordered and reliable until
    /// [`Sctp::set_reliability`].
    pub(crate) fn open_stream(&mut self, stream: u16) -> Result<(), SctpUnavailable> {
        self.with_association(|association| {
            association
                .open_stream(stream, PayloadProtocolIdentifier::Binary)
                .map(|_| ())
        })
    }

    /// Sets how messages that are sent on a stream from here on are delivered.
    pub(crate) fn set_reliability(
        &mut self,
        stream: u16,
        delivery: Delivery,
        reliability: Reliability,
    ) -> Result<(), SctpUnavailable> {
        let (kind, value) = match reliability {
            Reliability::Full => (ReliabilityType::Reliable, 0),
            Reliability::MaxRetransmits(count) => (ReliabilityType::Rexmit, count),
            Reliability::MaxLifetime { millis } => (ReliabilityType::Timed, millis),
        };
        let unordered = delivery == Delivery::Unordered;
        self.with_association(|association| {
            let mut stream = association.stream(stream)?;
            stream.set_reliability_params(unordered, kind, value)
        })
    }

    /// Queues a message as it is, without copying it.
    pub(crate) fn send_message(
        &mut self,
        stream: u16,
        message: &DataMessage,
    ) -> Result<(), SctpUnavailable> {
        // RFC 8831 section 6.6: an empty message travels as one zero byte.
        let (ppid, bytes) = match message.is_empty() {
            true => (Ppid::BinaryEmpty, Bytes::from_static(&[0])),
            false => (
                Ppid::Binary,
                Bytes::from_owner(Arc::clone(&message.payload)),
            ),
        };
        self.with_association(|association| {
            let mut stream = association.stream(stream)?;
            stream.set_default_payload_type(ppid.into())?;
            stream.write_chunks(&mut [bytes]).map(|_| ())
        })
    }

    /// Queues a message, which is not empty.
    pub(crate) fn send(
        &mut self,
        stream: u16,
        ppid: Ppid,
        payload: &[u8],
    ) -> Result<(), SctpUnavailable> {
        self.with_association(|association| {
            let mut stream = association.stream(stream)?;
            stream.write_with_ppi(payload, ppid.into()).map(|_| ())
        })
    }

    /// Returns how many bytes of a stream wait to be sent or acknowledged.
    pub(crate) fn buffered(&mut self, stream: u16) -> usize {
        let Some((_, association)) = &mut self.association else {
            return 0;
        };
        let buffered = association.stream(stream).and_then(|s| s.buffered_amount());
        buffered.unwrap_or(0)
    }

    /// Tells how much the library keeps of associations, in no unit.
    #[cfg(test)]
    pub(crate) fn footprint(&self) -> usize {
        format!("{:?}", self.endpoint).len()
    }

    /// A panic while sending is as good as a missing stream: the next call on the association finds out.
    fn with_association<T>(
        &mut self,
        call: impl FnOnce(&mut Association) -> Result<T, sctp_proto::Error>,
    ) -> Result<T, SctpUnavailable> {
        let (_, association) = self.association.as_mut().ok_or(SctpUnavailable)?;
        let called = isolated(|| call(association)).map_err(|_| SctpUnavailable)?;
        called.map_err(|_| SctpUnavailable)
    }

    /// Collects what happened.
    pub(crate) fn poll(&mut self, outputs: &mut Vec<SctpOutput>) -> Result<(), Panicked> {
        let Some((handle, association)) = &mut self.association else {
            return Ok(());
        };
        let end = match self.peer_ends {
            true => SctpEnd::ByPeer,
            false => SctpEnd::Violated,
        };
        let readable = &mut self.readable;
        isolated(|| {
            while let Some(event) = association.poll() {
                outputs.extend(translate(event, end, readable));
            }
            while let Some(event) = association.poll_endpoint_event() {
                self.endpoint.handle_event(*handle, event);
            }
        })
    }

    /// Returns the first stream from `from` on that may have a message.
    pub(crate) fn next_readable(&self, from: u16) -> Option<u16> {
        self.readable.range(from..).next().copied()
    }

    /// Reads the next message of a stream. `None`: all are read.
    pub(crate) fn read(&mut self, stream: u16) -> Result<Option<SctpMessage>, Panicked> {
        let Some((_, association)) = &mut self.association else {
            return Ok(None);
        };
        let read = isolated(|| read_message(association, stream))?;
        let Some((message, chunks)) = read else {
            self.readable.remove(&stream);
            if self.readable.is_empty() {
                self.unread_chunks = 0;
            }
            return Ok(None);
        };
        self.unread_chunks = self.unread_chunks.saturating_sub(chunks);
        Ok(Some(message))
    }

    /// Tells the peer that it may send again, after what was unread for a while was read.
    ///
    /// The library tells of its window only when data comes. So it is given the latest packet with data
    /// once more, as a network may do: twice, for it answers the first repetition only after a while.
    pub(crate) fn reopen_window(&mut self, now: Instant) -> Result<(), Panicked> {
        if let Some(packet) = self.unread_packet.take() {
            self.peer_ends = false;
            isolated(|| self.handle_packet(now, packet.clone()))?;
            isolated(|| self.handle_packet(now, packet))?;
        }
        Ok(())
    }
}

/// Says what an event is to the data channels, or notes the stream that may be read.
fn translate(event: Event, end: SctpEnd, readable: &mut BTreeSet<u16>) -> Option<SctpOutput> {
    match event {
        Event::Stream(StreamEvent::Opened { id } | StreamEvent::Readable { id }) => {
            readable.insert(id);
            None
        }
        Event::Connected => Some(SctpOutput::Connected),
        Event::HandshakeFailed { .. } | Event::AssociationLost { .. } => {
            Some(SctpOutput::Ended(end))
        }
        Event::Stream(StreamEvent::Finished { id }) => Some(SctpOutput::StreamClosed(id)),
        // What is left concerns writing, statistics, and resets, which the library completes.
        Event::Stream(_) | Event::DataChannelStatsFinal(_) | Event::DatagramReceived | _ => None,
    }
}

/// Returns the next message of a stream, and of how many chunks it was.
fn read_message(association: &mut Association, id: u16) -> Option<(SctpMessage, usize)> {
    let chunks = association.stream(id).ok()?.read_sctp().ok()??;
    let mut payload: Arc<[u8]> = std::iter::repeat_n(0, chunks.len()).collect();
    chunks.read(Arc::get_mut(&mut payload)?).ok()?;
    let ppid = chunks.ppi.into();
    Some((SctpMessage { ppid, payload }, chunks.chunks.len()))
}
