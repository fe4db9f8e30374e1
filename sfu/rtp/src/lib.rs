//! RTP, RTCP and payload formats as bytes.
//!
//! The lowest layer of the media plane. It reads and writes packets in buffers of the caller and does
//! the arithmetic of sequence numbers, timestamps and layers. It knows no socket, no peer and no
//! clock, and it never panics on what it is given: every input is bounded, and what does not parse is
//! an error or `None`.
//!
//! No function allocates per packet. Rings and tables grow while a stream warms up, to named limits.
//!
//! # A packet's way
//!
//! Received: [`RtpHeader::parse`], [`ExtensionRanges::find`], [`SeqUnwrapper`], [`ReceptionStats`],
//! [`NackTracker`], [`PacketCache`], [`payload::peek`]. Retransmissions come in by
//! [`rtx::restore`] first, and what is lost may come back by [`flexfec::Repairs`].
//!
//! Sent: [`Munger`] (and [`payload::Vp8Munger`]), [`write_rtp`], [`Sequencer`], [`SenderStats`].
//!
//! ```
//! use sfu_rtp::{Outgoing, OutgoingExtensions, OutgoingPayload, RtpHeader, RtpTimestamp, SeqNo, write_rtp};
//! use sfu_model::{ExtensionMap, PayloadType, Ssrc};
//!
//! let mut packet = Vec::new();
//! let header = Outgoing {
//!     ssrc: Ssrc(7),
//!     seq: SeqNo(65_535),
//!     timestamp: RtpTimestamp(90_000),
//!     payload_type: PayloadType(96),
//!     marker: true,
//! };
//! write_rtp(
//!     &mut packet,
//!     &header,
//!     &ExtensionMap::default(),
//!     &OutgoingExtensions::default(),
//!     &OutgoingPayload::plain(b"payload"),
//! );
//! let read = RtpHeader::parse(&packet)?;
//! assert_eq!(read.seq.next(), SeqNo(0));
//! assert_eq!(read.payload(&packet), b"payload");
//! # Ok::<(), sfu_rtp::RtpError>(())
//! ```

mod audio_level;
mod cache;
mod clock;
mod dependency_descriptor;
mod extension;
mod fixed_header;
pub mod flexfec;
mod header;
pub mod limits;
mod munger;
mod nack;
mod offsets;
pub mod payload;
mod reception;
pub mod rtcp;
pub mod rtx;
mod sender;
mod seq;
mod sequencer;
mod twcc;
mod writer;

pub use audio_level::{AudioLevelParameters, AudioLevelWindow, PacketAudioLevel};
pub use cache::PacketCache;
pub use clock::{NtpTime, RtpClock};
pub use dependency_descriptor::{
    Dependencies, DependencyDescriptor, DescriptorError, FrameLayer, LimitedDescriptor, References,
    TemplateStructure,
};
pub use extension::{AbsSendTime, ExtensionRanges, ExtensionTable, PlayoutDelay};
pub use header::{ByteRange, ExtensionForm, RtpError, RtpHeader};
pub use munger::{Munged, Munger, Order};
pub use nack::{NackArrival, NackTracker};
pub use reception::ReceptionStats;
pub use sender::SenderStats;
pub use seq::{ExtendedSeqNo, RtpTimestamp, SeqNo, SeqUnwrapper};
pub use sequencer::{NotRetransmitted, Rewrite, SentPacket, Sequencer, StreamNumber};
pub use twcc::TwccRecorder;
pub use writer::{Outgoing, OutgoingExtensions, OutgoingPayload, write_padding, write_rtp};

/// Returns an instant to begin a test at; only differences from it count.
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "an instant can be made from no number"
)]
fn any_instant() -> std::time::Instant {
    std::time::Instant::now()
}
