//! What goes to other shards: whom a publication is exported to, the items, and what waits for each.

use std::collections::VecDeque;

use sfu_model::{MediaKind, Path, PublicationId, ReceiveMedia, ShardIndex, SpatialLayer, Ssrc};
use sfu_rtp::{ExtendedSeqNo, RtpClock};

use crate::DropReason;
use crate::entrance::Claim;
use crate::key_frame::Need;
use crate::layer_rates::LayerRates;
use crate::layers::Layers;
use crate::limits::{
    MAX_EXPORT_BYTES, MAX_EXPORT_ITEMS, MAX_SPARE_EXPORT_BYTES, MAX_SPARE_EXPORT_ITEMS,
};
use crate::receive_stream::ReceiveStream;

/// What one shard has for another at once: items in their order, with the bytes of all packets in
/// one buffer. Batches circulate between shards, so that no packet costs an allocation.
#[derive(Debug, Default)]
pub struct ExportBatch {
    pub(crate) items: VecDeque<ExportItem>,
    pub(crate) bytes: Vec<u8>,
    /// How many of the bytes were taken with their items.
    pub(crate) taken: usize,
}

/// What shards tell each other. An *export* is a publication of the one that tells, an *import* that
/// same publication on the one that is told.
#[derive(Debug)]
pub(crate) enum ExportItem {
    /// The sender has subscribers of a publication of the receiver's. Of its encodings they need
    /// these, which may be none for now.
    Request {
        publication: PublicationId,
        needed: Layers,
    },
    /// It has none any more.
    Release(PublicationId),
    /// How a publication is received: the answer to a request for more, and whenever that changes.
    Description(PublicationId, Box<Description>),
    /// An accepted packet.
    Packet {
        publication: PublicationId,
        encoding: u8,
        /// Its number in the stream, as the sender counts.
        seq: ExtendedSeqNo,
        len: usize,
    },
    /// What a sender report of the publisher says.
    Clock {
        publication: PublicationId,
        encoding: u8,
        ssrc: Ssrc,
        clock: RtpClock,
    },
    /// What the layers of an encoding cost by now, whether its packets cross or not.
    Rates {
        publication: PublicationId,
        encoding: u8,
        rates: Box<LayerRates>,
    },
    /// Subscribers wait for a key frame.
    KeyFrame {
        publication: PublicationId,
        encoding: u8,
        need: Need,
    },
    /// There is no such publication, or no longer.
    Ended(PublicationId),
    /// A datagram that came in at the sender, for a peer of the receiver's.
    Datagram { path: Path, len: usize },
    /// A path that comes in at the receiver leads to a peer of the sender's.
    PathTaken(Path, Claim),
    /// It no longer does.
    PathLeft(Path),
    /// A path that led to a peer of the receiver's leads to a peer of another shard.
    PathLost(Path),
}

impl ExportItem {
    /// Returns the publication that it is about.
    pub(crate) fn publication(&self) -> Option<PublicationId> {
        match self {
            Self::Request { publication, .. }
            | Self::Release(publication)
            | Self::Description(publication, _)
            | Self::Packet { publication, .. }
            | Self::Clock { publication, .. }
            | Self::Rates { publication, .. }
            | Self::KeyFrame { publication, .. }
            | Self::Ended(publication) => Some(*publication),
            Self::Datagram { .. } | Self::PathTaken(..) | Self::PathLeft(_) | Self::PathLost(_) => {
                None
            }
        }
    }

    /// Returns how many of its batch's bytes are its own.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Packet { len, .. } | Self::Datagram { len, .. } => *len,
            Self::Request { .. }
            | Self::Release(_)
            | Self::Description(..)
            | Self::Clock { .. }
            | Self::Rates { .. }
            | Self::KeyFrame { .. }
            | Self::Ended(_)
            | Self::PathTaken(..)
            | Self::PathLeft(_)
            | Self::PathLost(_) => 0,
        }
    }
}

/// Whom a publication is exported to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExportTarget {
    /// Another shard of this media plane.
    Shard(ShardIndex),
}

impl From<ShardIndex> for ExportTarget {
    fn from(shard: ShardIndex) -> Self {
        Self::Shard(shard)
    }
}

/// What an export tells of its publication.
#[derive(Clone, Copy, Debug)]
pub enum Exported<'a> {
    /// How it is received, from here on.
    Description {
        /// The publication.
        publication: PublicationId,
        /// Its media section.
        media: &'a ReceiveMedia,
    },
    /// A packet, decrypted, from the RTP header on, without duplicates.
    Packet {
        /// The publication.
        publication: PublicationId,
        /// Its encoding.
        encoding: SpatialLayer,
        /// Its number in the stream of that encoding.
        seq: ExtendedSeqNo,
        /// The bytes.
        packet: &'a [u8],
    },
    /// How timestamps of an encoding map to the publisher's wall clock.
    Clock {
        /// The publication.
        publication: PublicationId,
        /// Its encoding.
        encoding: SpatialLayer,
        /// The clock.
        clock: RtpClock,
    },
    /// It has ended.
    Ended {
        /// The publication.
        publication: PublicationId,
    },
}

/// A publication as it is.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    pub(crate) media: ReceiveMedia,
    /// The streams that send, lowest encoding first.
    pub(crate) streams: [Option<LiveStream>; SpatialLayer::COUNT],
}

impl Description {
    /// Returns the encodings that send.
    pub(crate) fn live(&self) -> Layers {
        let streams = (0..).zip(&self.streams);
        let live = streams.filter_map(|(encoding, stream)| stream.is_some().then_some(encoding));
        live.collect()
    }
}

/// A stream that sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LiveStream {
    pub(crate) ssrc: Ssrc,
    pub(crate) clock_rate: u32,
    pub(crate) clock: Option<RtpClock>,
}

impl LiveStream {
    pub(crate) fn of(stream: &ReceiveStream) -> Self {
        Self {
            ssrc: stream.ssrc(),
            clock_rate: stream.clock_rate(),
            clock: stream.clock(),
        }
    }
}

impl ExportBatch {
    /// Reports whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Iterates over what it brings of publications, in its order, without taking it: what a recorder or another
    /// node needs to know.
    pub fn exported(&self) -> impl Iterator<Item = Exported<'_>> {
        let mut taken = self.taken;
        self.items.iter().filter_map(move |item| {
            let range = taken..taken + item.len();
            taken = range.end;
            Some(match item {
                ExportItem::Description(publication, description) => Exported::Description {
                    publication: *publication,
                    media: &description.media,
                },
                ExportItem::Packet {
                    publication,
                    encoding,
                    seq,
                    ..
                } => Exported::Packet {
                    publication: *publication,
                    encoding: SpatialLayer(*encoding),
                    seq: *seq,
                    packet: self.bytes.get(range)?,
                },
                ExportItem::Clock {
                    publication,
                    encoding,
                    clock,
                    ..
                } => Exported::Clock {
                    publication: *publication,
                    encoding: SpatialLayer(*encoding),
                    clock: *clock,
                },
                ExportItem::Ended(publication) => Exported::Ended {
                    publication: *publication,
                },
                ExportItem::Request { .. }
                | ExportItem::Release(_)
                | ExportItem::Rates { .. }
                | ExportItem::KeyFrame { .. }
                | ExportItem::Datagram { .. }
                | ExportItem::PathTaken(..)
                | ExportItem::PathLeft(_)
                | ExportItem::PathLost(_) => return None,
            })
        })
    }

    /// Forgets what is in it and keeps its buffers, unless they are very large.
    pub(crate) fn clear(&mut self) {
        self.items.clear();
        self.bytes.clear();
        self.taken = 0;
        self.bytes.shrink_to(MAX_SPARE_EXPORT_BYTES);
        self.items.shrink_to(MAX_SPARE_EXPORT_ITEMS);
    }

    /// Reports whether it is filled to `eighths` of what it may hold.
    fn is_filled(&self, eighths: usize) -> bool {
        self.bytes.len() >= MAX_EXPORT_BYTES / 8 * eighths
            || self.items.len() >= MAX_EXPORT_ITEMS / 8 * eighths
    }
}

/// What waits for each of the other shards.
///
/// When a shard does not take what waits for it, video gives way first, then audio and the clocks of
/// publishers. Datagrams that are handed over, which may be anybody's, take no more than half of the
/// room. All else is never dropped; it is bounded by what the control plane asks for, by how often an
/// encoding may begin and cease, by the throttles of key frames, and by the paths of peers.
#[derive(Debug)]
pub(crate) struct Exports {
    own: ShardIndex,
    /// By shard.
    queues: Vec<ExportBatch>,
}

impl Exports {
    /// Makes the queues of shard `own` of `shards`.
    pub(crate) fn new(own: ShardIndex, shards: u16) -> Self {
        let queues = std::iter::repeat_with(ExportBatch::default);
        Self {
            own,
            queues: queues.take(usize::from(shards)).collect(),
        }
    }

    /// Reports whether `shard` is another one of this media plane.
    pub(crate) fn is_other(&self, shard: ShardIndex) -> bool {
        shard != self.own && usize::from(shard.0) < self.queues.len()
    }

    /// Queues what must not be lost.
    pub(crate) fn push(&mut self, to: impl Into<ExportTarget>, item: ExportItem) {
        if let Some(queue) = self.queue(to.into()) {
            queue.items.push_back(item);
        }
    }

    /// Queues what will be said again, such as what a sender report says, unless the queue is nearly full.
    pub(crate) fn push_repeated(&mut self, to: ExportTarget, item: ExportItem) {
        if let Some(queue) = self.queue(to)
            && !queue.is_filled(7)
        {
            queue.items.push_back(item);
        }
    }

    /// Queues a packet.
    ///
    /// # Errors
    ///
    /// The queue is too full for packets of this kind.
    pub(crate) fn push_packet(
        &mut self,
        to: ExportTarget,
        (publication, kind): (PublicationId, MediaKind),
        (encoding, seq): (u8, ExtendedSeqNo),
        packet: &[u8],
    ) -> Result<(), DropReason> {
        let Some(queue) = self.queue(to) else {
            return Ok(());
        };
        let (limit, full) = match kind {
            MediaKind::Video => (6, DropReason::VideoExportFull),
            MediaKind::Audio => (7, DropReason::AudioExportFull),
        };
        if queue.is_filled(limit) {
            return Err(full);
        }
        queue.bytes.extend_from_slice(packet);
        queue.items.push_back(ExportItem::Packet {
            publication,
            encoding,
            seq,
            len: packet.len(),
        });
        Ok(())
    }

    /// Queues a datagram that came in here.
    ///
    /// # Errors
    ///
    /// The queue is half full.
    pub(crate) fn push_datagram(
        &mut self,
        to: ExportTarget,
        path: Path,
        datagram: &[u8],
    ) -> Result<(), DropReason> {
        let queue = self.queue(to).filter(|queue| !queue.is_filled(4));
        let queue = queue.ok_or(DropReason::HandOverFull)?;
        queue.bytes.extend_from_slice(datagram);
        let len = datagram.len();
        queue.items.push_back(ExportItem::Datagram { path, len });
        Ok(())
    }

    /// Exchanges `batch`, an empty one, for what waits for a shard. Returns whether anything did.
    pub(crate) fn take(&mut self, to: ExportTarget, batch: &mut ExportBatch) -> bool {
        match self.queue(to) {
            Some(queue) if !queue.is_empty() => {
                std::mem::swap(queue, batch);
                true
            }
            Some(_) | None => false,
        }
    }

    fn queue(&mut self, to: ExportTarget) -> Option<&mut ExportBatch> {
        match to {
            ExportTarget::Shard(shard) => self.queues.get_mut(usize::from(shard.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use sfu_model::{NodeIndex, RoomIndex};

    use super::*;

    const FAR: ExportTarget = ExportTarget::Shard(ShardIndex(1));

    fn publication() -> PublicationId {
        PublicationId {
            room: RoomIndex(1),
            index: 1,
            shard: ShardIndex(0),
            node: NodeIndex(0),
        }
    }

    fn push(exports: &mut Exports, kind: MediaKind) -> Result<(), DropReason> {
        let number = (0, ExtendedSeqNo(1));
        exports.push_packet(FAR, (publication(), kind), number, &[0; 1_000])
    }

    #[test]
    fn a_shard_that_takes_nothing_loses_video_then_audio_and_nothing_else() {
        let mut exports = Exports::new(ShardIndex(0), 2);
        while push(&mut exports, MediaKind::Video).is_ok() {}
        assert_eq!(
            push(&mut exports, MediaKind::Video),
            Err(DropReason::VideoExportFull)
        );
        assert_eq!(push(&mut exports, MediaKind::Audio), Ok(()));
        while push(&mut exports, MediaKind::Audio).is_ok() {}
        assert_eq!(
            push(&mut exports, MediaKind::Audio),
            Err(DropReason::AudioExportFull)
        );
        exports.push(FAR, ExportItem::Ended(publication()));
        let mut batch = ExportBatch::default();
        assert!(exports.take(FAR, &mut batch));
        assert!(matches!(batch.items.back(), Some(ExportItem::Ended(_))));
        assert!(batch.bytes.len() <= MAX_EXPORT_BYTES);
    }

    #[test]
    fn a_batch_can_be_read_outside() {
        let mut exports = Exports::new(ShardIndex(0), 2);
        exports.push(FAR, ExportItem::Release(publication()));
        push(&mut exports, MediaKind::Video).unwrap();
        exports.push(FAR, ExportItem::PathLost(path()));
        push(&mut exports, MediaKind::Audio).unwrap();
        exports.push(FAR, ExportItem::Ended(publication()));
        let mut batch = ExportBatch::default();
        assert!(exports.take(FAR, &mut batch));
        let read: Vec<_> = batch
            .exported()
            .map(|item| match item {
                Exported::Packet { packet, seq, .. } => (packet.len(), seq.0),
                Exported::Ended { .. } => (0, 0),
                Exported::Description { .. } | Exported::Clock { .. } => (1, 1),
            })
            .collect();
        assert_eq!(read, [(1_000, 1), (1_000, 1), (0, 0)]);
    }

    fn path() -> Path {
        Path {
            local: ([127, 0, 0, 1], 1).into(),
            remote: ([127, 0, 0, 1], 2).into(),
            protocol: sfu_model::LinkProtocol::Udp,
        }
    }

    #[test]
    fn what_was_taken_makes_room() {
        let mut exports = Exports::new(ShardIndex(0), 2);
        while push(&mut exports, MediaKind::Video).is_ok() {}
        let mut batch = ExportBatch::default();
        assert!(exports.take(FAR, &mut batch));
        assert_eq!(push(&mut exports, MediaKind::Video), Ok(()));
        batch.clear();
        assert!(batch.is_empty());
        assert!(batch.bytes.capacity() <= MAX_SPARE_EXPORT_BYTES);
        assert!(batch.items.capacity() <= MAX_SPARE_EXPORT_ITEMS);
    }

    #[test]
    fn a_shard_that_is_not_there_is_told_nothing() {
        let mut exports = Exports::new(ShardIndex(0), 2);
        let nowhere = ShardIndex(2);
        exports.push(nowhere, ExportItem::Release(publication()));
        assert!(!exports.take(nowhere.into(), &mut ExportBatch::default()));
        assert!(!exports.is_other(nowhere) && !exports.is_other(ShardIndex(0)));
    }
}
