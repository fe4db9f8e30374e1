//! Ids, names, units, and the vocabulary between the control plane and the media plane.
//!
//! Every other crate of the media plane and of signalling speaks in these types. Nothing here
//! computes or does IO. The control plane asks a shard for something with a [`Command`]; a shard
//! tells what happened with an [`Event`]. The control plane hands out
//! the ids ([`PeerId`], [`PublicationId`], [`SubscriptionId`]), so that a command never needs a
//! reply before the next can be sent, and events are ordered per shard.

mod codec;
mod command;
mod credentials;
mod data;
mod data_budget;
mod dtls_role;
mod event;
mod extension;
mod histogram;
mod id;
mod layer;
pub mod limits;
mod name;
mod path;
mod rtp;
mod statistics;
mod time;

pub use codec::{Codec, MediaKind};
pub use command::{
    CodecBinding, Command, DataChannelOpener, Destination, Forwarding, LayerOrder, Opening,
    Pausing, ReceiveEncoding, ReceiveMedia, RedundancyPolicy, SendMedia,
};
pub use credentials::{Fingerprint, IceCredentials, InvalidFingerprint};
pub use data::DataChannel;
pub use data_budget::{DataBudget, DataMessage, DataPermit};
pub use dtls_role::DtlsRole;
pub use event::{AudioLevel, CloseReason, Event, LinkProtocol};
pub use extension::{Extension, ExtensionId, ExtensionMap};
pub use histogram::Histogram;
pub use id::{NodeIndex, PeerId, PublicationId, RoomIndex, ShardIndex, SubscriptionId};
pub use layer::{Bitrate, Importance, PictureSize, SpatialLayer, Step, TemporalLayer};
pub use name::{ApiKey, NodeId, ParticipantIdentity, ParticipantSid, RoomName, RoomSid, TrackSid};
pub use path::{MAX_DATAGRAM_BYTES, Path};
pub use rtp::{Mid, PayloadType, Rid, Ssrc, Token, TokenTooLong};
pub use statistics::{
    EncodingStatistics, LinkStatistics, PeerStatistics, Statistics, SubscriptionStatistics, Traffic,
};
pub use time::{Now, UnixTime};
