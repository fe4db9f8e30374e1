//! Between the shards of one media plane: what each has for another, and what it does with what comes.

use sfu_model::{Now, PublicationId, ShardIndex};

use crate::Shard;
use crate::export::{ExportBatch, ExportItem, ExportTarget};
use crate::isolation::AtStake;
use crate::key_frame::Wanted;
use crate::layers::Layers;

/// Between the shards of one media plane: a publication's packets go once to each shard that has
/// subscribers of it, and what those ask for comes back.
impl Shard {
    /// Exchanges `batch`, an empty one, for what this shard has for `to`. Returns whether it
    /// has anything. What is not taken waits; see [`DropReason::VideoExportFull`].
    ///
    /// [`DropReason::VideoExportFull`]: crate::DropReason::VideoExportFull
    pub fn poll_export(&mut self, to: impl Into<ExportTarget>, batch: &mut ExportBatch) -> bool {
        self.exports.take(to.into(), batch)
    }

    /// Takes what shard `from` has for this one. Returns whether `batch` is empty then: if it is not,
    /// so much waits to be sent that it should be drained before the rest is taken.
    ///
    /// Batches of one shard are taken in their order, and none before the commands that were there
    /// when it came.
    pub fn handle_export(&mut self, now: Now, from: ShardIndex, batch: &mut ExportBatch) -> bool {
        while !self.is_backlogged()
            && let Some(item) = batch.items.pop_front()
        {
            let len = item.len();
            let bytes = batch.bytes.get_mut(batch.taken..batch.taken + len);
            batch.taken += len;
            self.handle_item(now, from, item, bytes.unwrap_or_default());
        }
        self.count_held();
        let all = batch.is_empty();
        if all {
            batch.clear();
        }
        all
    }

    fn handle_item(&mut self, now: Now, from: ShardIndex, item: ExportItem, bytes: &mut [u8]) {
        let key = item
            .publication()
            .and_then(|id| self.directory.publication(id));
        let act = |shard: &mut Self| shard.carry_out_item(now, from, item, bytes);
        match key {
            Some(key) => self.isolated(AtStake::Publication(key), act),
            None => act(self),
        }
    }

    fn carry_out_item(&mut self, now: Now, from: ShardIndex, item: ExportItem, bytes: &mut [u8]) {
        match item {
            ExportItem::Packet {
                publication,
                encoding,
                seq,
                ..
            } => self.import_packet(now, publication, (encoding, seq), bytes),
            ExportItem::Datagram { path, .. } => self.handle_handed_over(now, from, path, bytes),
            ExportItem::Request {
                publication,
                needed,
            } => self.on_request(now, from, publication, needed),
            ExportItem::Release(publication) => self.on_release(from, publication),
            ExportItem::Description(publication, description) => {
                self.describe_import(now, publication, *description);
            }
            ExportItem::Clock {
                publication,
                encoding,
                ssrc,
                clock,
            } => self.import_clock(publication, encoding, ssrc, clock),
            ExportItem::Rates {
                publication,
                encoding,
                rates,
            } => self.import_rates(publication, encoding, *rates),
            ExportItem::KeyFrame {
                publication,
                encoding,
                need,
            } => {
                if let Some(key) = self.directory.publication(publication) {
                    let wanted = Wanted {
                        publication: key,
                        encoding,
                        need,
                    };
                    self.key_frames().request(now.mono, wanted);
                }
            }
            ExportItem::Ended(publication) => self.end_import(now, publication),
            ExportItem::PathTaken(path, claim) => {
                let exports = &mut self.exports;
                let loser = self.paths.lead_away(path, from, claim, exports);
                self.take_path(now, loser, path);
            }
            ExportItem::PathLeft(path) => self.paths.end_away(path, from),
            ExportItem::PathLost(path) => {
                let loser = self.paths.lose(path);
                self.take_path(now, loser, path);
            }
        }
    }

    /// Another shard has subscribers of a publication that lives here, and says what they need.
    fn on_request(&mut self, now: Now, from: ShardIndex, id: PublicationId, needed: Layers) {
        let key = self.directory.publication(id);
        let publication = key.and_then(|key| self.tables.publications.get_mut(key));
        let Some(publication) = publication.filter(|publication| !publication.is_import()) else {
            self.exports.push(from, ExportItem::Ended(id));
            return;
        };
        publication.export_to(now.mono, from.into(), needed, &mut self.exports);
    }

    fn on_release(&mut self, from: ShardIndex, id: PublicationId) {
        let key = self.directory.publication(id);
        if let Some(publication) = key.and_then(|key| self.tables.publications.get_mut(key)) {
            publication.recipients.remove(from.into());
        }
    }
}
