//! RTCP of peers: what they lost, what they need, and how far away they are.

use std::time::Instant;

use sfu_model::{MediaKind, Now, Ssrc};
use sfu_rtp::rtcp::{Packet, ReportBlocks, SenderReport};

use crate::DropReason;
use crate::Shard;
use crate::bandwidth::Bandwidth;
use crate::export::Exports;
use crate::key_frame::Wanted;
use crate::keys::PeerKey;
use crate::output::Output;
use crate::repair::Repair;
use crate::routes::Flow;
use crate::tables::Tables;

/// Takes what peers say of the packets that they send and get. What they need of publishers is not asked for
/// here, but handed back.
struct Feedback<'a> {
    tables: &'a mut Tables,
    exports: &'a mut Exports,
    output: &'a mut Output,
    /// Whether the peer's link carries otherwise than before.
    link_moved: bool,
}

impl Shard {
    /// Takes a compound of reports of a peer.
    pub(crate) fn handle_rtcp(&mut self, now: Now, key: PeerKey, datagram: &mut [u8]) {
        let Some(peer) = self.tables.peers.get_mut(key) else {
            return;
        };
        let compound = match peer.open_rtcp(now, datagram) {
            Ok(compound) => compound,
            Err(reason) => {
                self.output.drop(reason);
                return;
            }
        };
        self.note_heard(now, key);
        let mut wanted = Vec::new();
        let mut feedback = Feedback {
            tables: &mut self.tables,
            exports: &mut self.exports,
            output: &mut self.output,
            link_moved: false,
        };
        for packet in compound {
            match packet {
                Ok(packet) => feedback.handle(now, key, &packet, &mut wanted),
                Err(_) => feedback.output.drop(DropReason::Malformed),
            }
        }
        let link_moved = feedback.link_moved;
        for wanted in wanted {
            self.key_frames().request(now.mono, wanted);
        }
        if link_moved {
            self.divide(now, key);
        }
        if let Some(peer) = self.tables.peers.get_mut(key) {
            peer.arm(key, &mut self.schedule);
        }
    }
}

impl Feedback<'_> {
    fn handle(&mut self, now: Now, key: PeerKey, packet: &Packet<'_>, wanted: &mut Vec<Wanted>) {
        match packet {
            Packet::SenderReport { sender, blocks } => {
                self.on_sender_report(now.mono, key, sender);
                self.on_report_blocks(now.mono, key, *blocks);
            }
            Packet::ReceiverReport { blocks, .. } => {
                self.on_report_blocks(now.mono, key, *blocks);
            }
            Packet::Nack { media, pairs } => {
                Repair::new(self.tables, self.output).answer(now, key, *media, *pairs);
            }
            Packet::PictureLossIndication { media } => {
                wanted.extend(self.on_picture_lost(now.mono, key, *media));
            }
            Packet::FullIntraRequest(entries) => {
                for (media, _) in *entries {
                    wanted.extend(self.on_picture_lost(now.mono, key, media));
                }
            }
            Packet::Remb(remb) => {
                self.output.counters.rembs_in += 1;
                self.link_moved |=
                    self.with_bandwidth(key, |bandwidth| bandwidth.on_remb(now.mono, remb.bitrate));
            }
            Packet::TransportFeedback(feedback) => {
                self.output.counters.transport_feedback_in += 1;
                self.link_moved |=
                    self.with_bandwidth(key, |bandwidth| bandwidth.on_feedback(now.mono, feedback));
            }
            // A stream ends when its publication does, whatever its SSRC says.
            Packet::SourceDescription(_) | Packet::Goodbye(_) | Packet::Other { .. } => {}
        }
    }

    /// Takes what a publisher says of the clock of one of its streams.
    fn on_sender_report(&mut self, now: Instant, key: PeerKey, report: &SenderReport) {
        let peer = self.tables.peers.get(key);
        let route = peer.and_then(|peer| peer.receives.routes.find(report.ssrc));
        let Some(route) = route.filter(|route| route.flow == Flow::Primary) else {
            return;
        };
        let Some(publication) = self.tables.publications.get_mut(route.publication) else {
            return;
        };
        let stream = publication.stream_mut(route.encoding);
        if let Some(stream) = stream.filter(|stream| stream.ssrc() == report.ssrc) {
            stream.on_sender_report(now, report);
            publication.export_clock(route.encoding, self.exports);
        }
    }

    fn on_report_blocks(&mut self, now: Instant, key: PeerKey, blocks: ReportBlocks<'_>) {
        for block in blocks {
            let Some(receipt) = self.tables.receipt(key, block.ssrc) else {
                continue;
            };
            if let Some(rtt) = receipt.subscription.on_report_block(now, &block) {
                receipt.peer.note_rtt(rtt);
            }
            let rtt = receipt.peer.rtt();
            if receipt.publication.kind() == MediaKind::Video
                && let Some(bandwidth) = receipt.peer.sends.bandwidth.as_deref_mut()
            {
                self.link_moved |= bandwidth.on_report(now, block.fraction_lost, rtt);
            }
        }
    }

    /// Lets `take` take something that a subscriber says of its link. Returns what that returns.
    fn with_bandwidth(&mut self, key: PeerKey, take: impl FnOnce(&mut Bandwidth) -> bool) -> bool {
        let peer = self.tables.peers.get_mut(key);
        let bandwidth = peer.and_then(|peer| peer.sends.bandwidth.as_deref_mut());
        bandwidth.is_some_and(take)
    }

    /// Returns the key frame that a subscriber needs who lost a picture.
    fn on_picture_lost(&mut self, now: Instant, key: PeerKey, media: Ssrc) -> Option<Wanted> {
        self.output.counters.plis_in += 1;
        let receipt = self.tables.receipt(key, media)?;
        let subscription = receipt.subscription;
        let candidates = receipt.publication.candidates(now);
        Some(Wanted {
            publication: subscription.publication,
            encoding: subscription.key_frame_source(candidates)?,
            need: subscription.need(),
        })
    }
}
