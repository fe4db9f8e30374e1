//! Forward error correction of a received stream (FlexFEC-03, draft-ietf-payload-flexible-fec-scheme-03): its sender adds
//! packets that are the exclusive or of others, so that one that is lost can be made again without asking.

mod repair_packet;
mod repairs;

pub use repair_packet::{ProtectedPacket, RepairPacket, RepairPacketError};
pub use repairs::Repairs;
