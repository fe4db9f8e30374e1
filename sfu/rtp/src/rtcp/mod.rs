//! RTCP (RFC 3550, 4585, 5104): compound packets read without copying, and written into the caller's
//! buffer.

mod compound;
mod feedback;
mod report;
#[cfg(test)]
mod tests;
mod transport_feedback;
mod writer;

pub use compound::{Compound, Packet, RtcpError};
pub use feedback::{FirEntries, NackPair, NackPairs, Remb};
pub use report::{ReportBlock, ReportBlocks, SdesItem, SdesItems, SenderReport, SsrcList};
pub(crate) use transport_feedback::{Arrivals, write_transport_feedback};
pub use transport_feedback::{PacketStatus, Statuses, TransportFeedback};
pub use writer::{
    write_bye, write_fir, write_nack, write_pli, write_receiver_report, write_remb, write_sdes,
    write_sender_report,
};
