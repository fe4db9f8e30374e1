//! What peers are told of the packets that they send and get: NACK, transport-cc, receiver and sender reports.

use std::time::Instant;

use sfu_rtp::SenderStats;
use sfu_rtp::rtcp::{NackPair, ReportBlock, write_nack, write_receiver_report};

use crate::Shard;
use crate::keys::PeerKey;
use crate::output::Link;
use crate::timers::TimerReason;

/// What we tell peers of the packets that they send and get.
impl Shard {
    /// Most bytes of a compound, its encryption aside: it fits every path that carries video.
    const MAX_COMPOUND: usize = 1_100;

    /// Most streams that one receiver report is about (RFC 3550 section 6.4.2).
    const MAX_BLOCKS: usize = 31;

    /// Asks a publisher for what is missing.
    pub(crate) fn send_nacks(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let mut next: Option<Instant> = None;
        let keys: Vec<_> = peer.receives.routes.publications().collect();
        let (rtt, feedback_ssrc) = (peer.rtt, peer.feedback_ssrc);
        let mut given_up = Vec::new();
        for publication_key in keys {
            let Some(publication) = self.publications.get_mut(publication_key) else {
                continue;
            };
            if !publication.nack() {
                continue;
            }
            for (encoding, stream) in publication.streams_mut() {
                if let Some(rtt) = rtt {
                    stream.set_rtt(rtt);
                }
                let mut pairs = [NackPair::default(); 32];
                let count = stream.take_losses(now, &mut pairs);
                let pairs = pairs.get(..count).unwrap_or_default();
                let due = stream.poll_timeout();
                next = next.into_iter().chain(due).min();
                let ssrc = stream.ssrc();
                if stream.take_given_up() {
                    given_up.push((publication_key, encoding));
                }
                if pairs.is_empty() {
                    continue;
                }
                if let Some(mut link) = peer.link(&mut self.output)
                    && link.send_rtcp(|out| write_nack(out, feedback_ssrc, ssrc, pairs))
                {
                    let lost: u32 = pairs
                        .iter()
                        .map(|pair| 1 + pair.following.count_ones())
                        .sum();
                    self.output.counters.nacks_out += u64::from(lost);
                }
            }
        }
        peer.timers.set(TimerReason::Nack, next);
        for (publication, encoding) in given_up {
            self.recover(now, publication, encoding);
        }
    }

    /// Tells a publisher when its packets arrived.
    pub(crate) fn send_transport_feedback(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let feedback_ssrc = peer.feedback_ssrc;
        let Some(mut twcc) = peer.receives.twcc.take() else {
            return;
        };
        if let Some(mut link) = peer.link(&mut self.output) {
            while link.send_rtcp(|out| {
                twcc.write_feedback(now, feedback_ssrc, out);
            }) {
                link.output.counters.transport_feedback_out += 1;
            }
        }
        peer.receives.twcc = Some(twcc);
    }

    /// Tells a publisher what was received since the last report.
    pub(crate) fn send_receiver_report(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let feedback_ssrc = peer.feedback_ssrc;
        let mut blocks: Vec<ReportBlock> = Vec::with_capacity(Self::MAX_BLOCKS);
        for publication_key in peer.receives.routes.publications() {
            let Some(publication) = self.publications.get_mut(publication_key) else {
                continue;
            };
            blocks.extend(
                publication
                    .streams_mut()
                    .filter_map(|(_, stream)| stream.report(now)),
            );
        }
        let Some(mut link) = peer.link(&mut self.output) else {
            return;
        };
        for blocks in blocks.chunks(Self::MAX_BLOCKS) {
            link.send_rtcp(|out| write_receiver_report(out, feedback_ssrc, blocks));
        }
    }

    /// Tells a subscriber how the timestamps of its streams map to the publishers' clocks.
    pub(crate) fn send_sender_reports(&mut self, now: Instant, key: PeerKey) {
        // Those that are due soon leave in the same datagram.
        let until = now + SenderStats::INTERVAL / 2;
        let mut reports = Vec::with_capacity(Self::MAX_COMPOUND);
        let mut next: Option<Instant> = None;
        let mut place = 0;
        while let Some(peer) = self.peers.get_mut(key)
            && let Some(subscription_key) = peer.sends.at(place)
        {
            place += 1;
            let Some(subscription) = self.subscriptions.get_mut(subscription_key) else {
                continue;
            };
            let Some(publication) = self.publications.get(subscription.publication) else {
                continue;
            };
            subscription.write_sender_report(now, until, publication, &mut reports);
            next = next.into_iter().chain(subscription.report_due()).min();
            if reports.len() >= Self::MAX_COMPOUND - Self::LONGEST_SENDER_REPORT
                && let Some(mut link) = peer.link(&mut self.output)
            {
                Self::flush(&mut link, &mut reports);
            }
        }
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        if let Some(mut link) = peer.link(&mut self.output) {
            Self::flush(&mut link, &mut reports);
        }
        peer.timers.set(TimerReason::SenderReport, next);
    }

    /// Longest sender report of one stream with its source description: 28 bytes and 4 + 4 + 2 + 255,
    /// padded.
    const LONGEST_SENDER_REPORT: usize = 296;

    fn flush(link: &mut Link<'_>, compound: &mut Vec<u8>) {
        if !compound.is_empty() {
            link.send_rtcp(|out| out.extend_from_slice(compound));
            compound.clear();
        }
    }
}
