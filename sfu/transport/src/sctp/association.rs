use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use sctp_proto::{
    Association, AssociationHandle, DatagramEvent, Endpoint, EndpointConfig, Event, Payload,
    PayloadProtocolIdentifier, ReliabilityType, ServerConfig, StreamEvent, TransportConfig,
};

use super::packet::PacketSummary;
use crate::MAX_MESSAGE_SIZE;
use crate::isolation::{Panicked, isolated};

/// Most streams either way; libwebrtc's own limit.
const MAX_STREAMS: u16 = 1_024;
/// Most bytes of messages that are not complete yet, or wait for earlier ones.
const RECEIVE_BUFFER: u32 = 262_144;
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
        let message_size = u32::try_from(MAX_MESSAGE_SIZE).unwrap_or(u32::MAX);
        let transport = TransportConfig::default()
            .with_max_receive_buffer_size(RECEIVE_BUFFER)
            .with_max_send_message_size(message_size)
            .with_max_receive_message_size(message_size)
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
    /// A whole message came.
    Message {
        stream: u16,
        ppid: Ppid,
        payload: Vec<u8>,
    },
    /// The peer closed a stream.
    StreamClosed(u16),
    /// The association is over.
    Ended(SctpEnd),
}

/// How an association ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SctpEnd {
    /// The peer aborted it or shut it down.
    ByPeer,
    /// The peer broke the rules: among others, a message longer than [`MAX_MESSAGE_SIZE`].
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
}

impl Sctp {
    /// Waits for the peer's INIT.
    pub(crate) fn new(config: &SctpConfig) -> Self {
        let server = Some(Arc::clone(&config.server));
        Self {
            endpoint: Endpoint::new(Arc::clone(&config.endpoint), server),
            association: None,
            peer_ends: false,
        }
    }

    /// Takes a packet. One that is malformed is dropped.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        packet: Bytes,
        outputs: &mut Vec<SctpOutput>,
    ) -> Result<(), Panicked> {
        let Some(summary) = PacketSummary::parse(&packet, MAX_STREAMS) else {
            return Ok(());
        };
        self.peer_ends = summary.ends;
        isolated(|| self.handle_packet(now, packet))?;
        self.poll(outputs)
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
    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        outputs: &mut Vec<SctpOutput>,
    ) -> Result<(), Panicked> {
        if self.poll_timeout().is_none_or(|at| now < at) {
            return Ok(());
        }
        self.peer_ends = false;
        if let Some((_, association)) = &mut self.association {
            isolated(|| association.handle_timeout(now))?;
        }
        self.poll(outputs)
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
    fn poll(&mut self, outputs: &mut Vec<SctpOutput>) -> Result<(), Panicked> {
        let Some((handle, association)) = &mut self.association else {
            return Ok(());
        };
        let end = if self.peer_ends {
            SctpEnd::ByPeer
        } else {
            SctpEnd::Violated
        };
        isolated(|| {
            while let Some(event) = association.poll() {
                translate(association, event, end, outputs);
            }
            while let Some(event) = association.poll_endpoint_event() {
                self.endpoint.handle_event(*handle, event);
            }
        })
    }
}

fn translate(
    association: &mut Association,
    event: Event,
    end: SctpEnd,
    outputs: &mut Vec<SctpOutput>,
) {
    match event {
        Event::Connected => outputs.push(SctpOutput::Connected),
        Event::HandshakeFailed { .. } | Event::AssociationLost { .. } => {
            outputs.push(SctpOutput::Ended(end));
        }
        Event::Stream(StreamEvent::Opened { id } | StreamEvent::Readable { id }) => {
            read_stream(association, id, outputs);
        }
        Event::Stream(StreamEvent::Finished { id }) => outputs.push(SctpOutput::StreamClosed(id)),
        // What is left concerns writing, statistics, and resets, which the library completes.
        Event::Stream(_) | Event::DataChannelStatsFinal(_) | Event::DatagramReceived | _ => {}
    }
}

fn read_stream(association: &mut Association, id: u16, outputs: &mut Vec<SctpOutput>) {
    while let Ok(mut stream) = association.stream(id)
        && let Ok(Some(chunks)) = stream.read_sctp()
    {
        let mut payload = vec![0; chunks.len()];
        if chunks.read(&mut payload).is_ok() {
            outputs.push(SctpOutput::Message {
                stream: id,
                ppid: chunks.ppi.into(),
                payload,
            });
        }
    }
}
