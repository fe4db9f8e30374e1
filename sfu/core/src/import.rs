//! Publications of other shards that have subscribers here.

use sfu_model::{Now, PublicationId, Ssrc};
use sfu_rtp::{ExtendedSeqNo, ExtensionRanges, RtpClock, RtpHeader};

use crate::arrival::Received;
use crate::export::Description;
use crate::keys::PublicationKey;
use crate::layer_rates::LayerRates;
use crate::moves::Moves;
use crate::receive_stream::ReceiveStream;
use crate::source::Source;
use crate::tables::begin_anew;
use crate::{DropReason, Shard};

/// Publications of other shards that have subscribers on this one. Their packets come authenticated,
/// decrypted, numbered and without duplicates: from there on they go the way of this shard's own.
impl Shard {
    /// Takes what the owner says of an import.
    pub(crate) fn describe_import(
        &mut self,
        now: Now,
        id: PublicationId,
        description: Description,
    ) {
        let Some(key) = self.imported(id) else {
            return;
        };
        self.finish_fan_outs(now);
        let live = description.live();
        let (mut known, mut moves) = (None, None);
        if let Some(publication) = self.tables.publications.get_mut(key) {
            moves = publication.update(description.media);
            if let Source::Import(import) = &mut publication.source {
                known = import.live.replace(live);
            }
        }
        if let Some(moves) = moves {
            self.tables.forget_sent(key);
            self.tables.follow(key, moves);
        }
        for (encoding, live) in (0..).zip(description.streams) {
            let Some(live) = live else {
                continue;
            };
            self.begin_import(now, key, encoding, (live.ssrc, live.clock_rate));
            if let Some(clock) = live.clock {
                self.import_clock(id, encoding, live.ssrc, clock);
            }
        }
        self.membership().review_import(key);
        // What begins to send later does so with a key frame, which is on its way.
        if known.is_none() || moves.is_some_and(|moves| moves != Moves::NONE) {
            self.key_frames().request_for_all(now, key);
        }
    }

    /// Takes what the publisher of an import says of its clock.
    pub(crate) fn import_clock(
        &mut self,
        id: PublicationId,
        encoding: u8,
        ssrc: Ssrc,
        clock: RtpClock,
    ) {
        let key = self.imported(id);
        let publication = key.and_then(|key| self.tables.publications.get_mut(key));
        let stream = publication.and_then(|publication| publication.stream_mut(encoding));
        if let Some(stream) = stream.filter(|stream| stream.ssrc() == ssrc) {
            stream.set_clock(clock);
        }
    }

    /// Takes what the layers of an import's encoding cost.
    pub(crate) fn import_rates(&mut self, id: PublicationId, encoding: u8, rates: LayerRates) {
        let key = self.imported(id);
        let publication = key.and_then(|key| self.tables.publications.get_mut(key));
        if let Some(stream) = publication.and_then(|it| it.stream_mut(encoding)) {
            stream.set_rates(rates);
        }
    }

    /// The owner has the publication no more: subscriptions here end too.
    pub(crate) fn end_import(&mut self, now: Now, id: PublicationId) {
        if let Some(key) = self.imported(id) {
            self.finish_fan_outs(now);
            self.membership().remove_publication(key);
        }
    }

    /// Takes a packet of an import and hands it to those who subscribe here.
    pub(crate) fn import_packet(
        &mut self,
        now: Now,
        id: PublicationId,
        number: (u8, ExtendedSeqNo),
        packet: &[u8],
    ) {
        let Some(key) = self.imported(id) else {
            return;
        };
        self.output.counters.exports_in += 1;
        if let Err(reason) = self.take_import(now, key, number, packet) {
            self.output.drop(reason);
        }
    }

    fn take_import(
        &mut self,
        now: Now,
        key: PublicationKey,
        (encoding, seq): (u8, ExtendedSeqNo),
        packet: &[u8],
    ) -> Result<(), DropReason> {
        let header = RtpHeader::parse(packet).map_err(|_| DropReason::Malformed)?;
        let publication = self.tables.publications.get(key);
        let publication = publication.ok_or(DropReason::UnknownSsrc)?;
        let format = publication.format(header.payload_type);
        let format = format.ok_or(DropReason::UnknownPayloadType)?;
        let clock_rate = format.codec.clock_rate();
        self.begin_import(now, key, encoding, (header.ssrc, clock_rate));
        self.make_way(now, key);
        let publication = self.tables.publications.get_mut(key);
        let publication = publication.ok_or(DropReason::UnknownSsrc)?;
        let received = Received {
            extensions: ExtensionRanges::find(&header, packet, &publication.extensions),
            packet,
            header,
        };
        let stream = publication.stream_mut(encoding);
        let stream = stream.ok_or(DropReason::UnknownSsrc)?;
        stream.keep(now.mono, seq, packet);
        let (arrival, is_anew) = publication.admit(now, encoding, format, seq, received)?;
        if is_anew {
            begin_anew(publication, encoding, &mut self.tables.subscriptions);
        }
        self.fan_outs.queue(key, publication, &arrival);
        Ok(())
    }

    /// Sees to it that an import's encoding has a stream of this SSRC: the owner has decided that it
    /// is this one.
    fn begin_import(
        &mut self,
        now: Now,
        key: PublicationKey,
        encoding: u8,
        (ssrc, clock_rate): (Ssrc, u32),
    ) {
        let Some(publication) = self.tables.publications.get_mut(key) else {
            return;
        };
        let stream = publication.stream(encoding);
        let is_it =
            |stream: &ReceiveStream| stream.ssrc() == ssrc && stream.clock_rate() == clock_rate;
        if !stream.is_some_and(is_it) {
            publication.begin_stream(now.mono, encoding, ssrc, clock_rate);
            begin_anew(publication, encoding, &mut self.tables.subscriptions);
            self.membership().review_import(key);
        }
    }

    fn imported(&self, id: PublicationId) -> Option<PublicationKey> {
        let key = self.directory.publication(id)?;
        self.tables
            .publications
            .get(key)?
            .is_import()
            .then_some(key)
    }
}
