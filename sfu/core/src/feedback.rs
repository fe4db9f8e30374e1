//! RTCP of peers: what they lost, what they need, and how far away they are.

use std::time::{Duration, Instant};

use sfu_model::{Now, Ssrc};
use sfu_rtp::rtcp::{Compound, NackPairs, Packet, ReportBlocks};
use sfu_rtp::{AbsSendTime, NackTracker};

use crate::keys::{PeerKey, SubscriptionKey};
use crate::retransmission::Again;
use crate::{DropReason, Shard};

/// What peers say of the packets that they send and get.
impl Shard {
    /// A packet is not sent again sooner than this after it was sent before, or twice the round-trip
    /// time if that is shorter.
    const RETRANSMISSION_INTERVAL: Duration = Duration::from_millis(100);

    /// How much the latest round-trip time weighs in the average: one part in this many.
    const RTT_SMOOTHING: u32 = 4;

    pub(crate) fn handle_rtcp(&mut self, now: Now, key: PeerKey, datagram: &mut [u8]) {
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let len = match peer.transport.open_rtcp(now, datagram) {
            Ok(len) => len,
            Err(reason) => {
                self.output.drop(DropReason::Refused(reason));
                return;
            }
        };
        self.note_heard(now, key);
        for packet in Compound::new(datagram.get(..len).unwrap_or_default()) {
            match packet {
                Ok(packet) => self.on_rtcp(now, key, &packet),
                Err(_) => self.output.drop(DropReason::Malformed),
            }
        }
    }

    fn on_rtcp(&mut self, now: Now, key: PeerKey, packet: &Packet<'_>) {
        match packet {
            Packet::SenderReport { sender, blocks } => {
                self.on_sender_report(now.mono, key, sender);
                self.on_report_blocks(now.mono, key, *blocks);
            }
            Packet::ReceiverReport { blocks, .. } => {
                self.on_report_blocks(now.mono, key, *blocks);
            }
            Packet::Nack { media, pairs } => self.on_nack(now, key, *media, *pairs),
            Packet::PictureLossIndication { media } => self.on_picture_lost(now.mono, key, *media),
            Packet::FullIntraRequest(entries) => {
                for (media, _) in *entries {
                    self.on_picture_lost(now.mono, key, media);
                }
            }
            Packet::Remb(_) => self.output.counters.rembs_in += 1,
            Packet::TransportFeedback(_) => self.output.counters.transport_feedback_in += 1,
            // A stream ends when its publication does, whatever its SSRC says.
            Packet::SourceDescription(_) | Packet::Goodbye(_) | Packet::Other { .. } => {}
        }
    }

    fn on_report_blocks(&mut self, now: Instant, key: PeerKey, blocks: ReportBlocks<'_>) {
        for block in blocks {
            let rtt = self
                .subscription_of(key, block.ssrc)
                .and_then(|subscription| self.subscriptions.get_mut(subscription))
                .and_then(|subscription| subscription.on_report_block(now, &block));
            if let (Some(rtt), Some(peer)) = (rtt, self.peers.get_mut(key)) {
                let smooth =
                    |old: Duration| (old * (Self::RTT_SMOOTHING - 1) + rtt) / Self::RTT_SMOOTHING;
                peer.rtt = Some(peer.rtt.map_or(rtt, smooth));
            }
        }
    }

    fn on_nack(&mut self, now: Now, key: PeerKey, media: Ssrc, pairs: NackPairs<'_>) {
        let Some(subscription_key) = self.subscription_of(key, media) else {
            return;
        };
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let Some(subscription) = self.subscriptions.get_mut(subscription_key) else {
            return;
        };
        let Some(publication) = self.publications.get(subscription.publication) else {
            return;
        };
        let rtt = peer.rtt.unwrap_or(NackTracker::DEFAULT_RTT);
        let again = Again {
            now: now.mono,
            departure: AbsSendTime::from(now.unix),
            interval: Self::RETRANSMISSION_INTERVAL.min(rtt * 2),
        };
        let (mut asked, mut sent) = (0, 0);
        if let Some(mut link) = peer.link(&mut self.output) {
            for lost in pairs.flat_map(|pair| pair.lost()) {
                asked += 1;
                sent += u64::from(subscription.retransmit(&again, lost, publication, &mut link));
            }
        }
        let counters = &mut self.output.counters;
        counters.nacks_in += asked;
        counters.rtp_out += sent;
        counters.retransmissions_out += sent;
    }

    fn on_picture_lost(&mut self, now: Instant, key: PeerKey, media: Ssrc) {
        self.output.counters.plis_in += 1;
        let subscription = self.subscription_of(key, media);
        let Some(subscription) = subscription.and_then(|key| self.subscriptions.get(key)) else {
            return;
        };
        let publication_key = subscription.publication;
        let Some(publication) = self.publications.get(publication_key) else {
            return;
        };
        let candidates = publication.candidates(now);
        if let Some(encoding) = subscription.key_frame_source(candidates) {
            let need = subscription.need();
            self.request_key_frame(now, publication_key, encoding, need);
        }
    }

    fn subscription_of(&self, key: PeerKey, ssrc: Ssrc) -> Option<SubscriptionKey> {
        self.peers.get(key)?.sends.find(ssrc)
    }
}
