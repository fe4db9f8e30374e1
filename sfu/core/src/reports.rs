//! What peers are told of the packets that they send and get: transport-cc, receiver and sender reports.

use std::time::Instant;

use sfu_rtp::limits::SENDER_REPORT_INTERVAL;
use sfu_rtp::rtcp::{ReportBlock, write_receiver_report};

use crate::keys::PeerKey;
use crate::limits::MAX_COMPOUND_BYTES;
use crate::output::{Link, Output};
use crate::peer::PeerParts;
use crate::tables::Tables;
use crate::timers::TimerReason;

/// Tells peers of the packets that they send and get.
pub(crate) struct Reports<'a> {
    tables: &'a mut Tables,
    output: &'a mut Output,
}

impl<'a> Reports<'a> {
    /// Longest sender report of one stream with its source description: 28 bytes and 4 + 4 + 2 + 255,
    /// padded.
    const LONGEST_SENDER_REPORT: usize = 296;

    /// Most streams that one receiver report is about (RFC 3550 section 6.4.2).
    const MAX_BLOCKS: usize = 31;

    pub(crate) fn new(tables: &'a mut Tables, output: &'a mut Output) -> Self {
        Self { tables, output }
    }

    /// Tells a publisher when its packets arrived.
    pub(crate) fn send_transport_feedback(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.tables.peers.get_mut(key) else {
            return;
        };
        let feedback_ssrc = peer.feedback_ssrc();
        let PeerParts { receives, link, .. } = peer.parts(now, self.output);
        let (Some(twcc), Some(mut link)) = (&mut receives.twcc, link) else {
            return;
        };
        while link.send_rtcp(|out| {
            twcc.write_feedback(now, feedback_ssrc, out);
        }) {
            link.output.counters.transport_feedback_out += 1;
        }
    }

    /// Tells a publisher what was received since the last report.
    pub(crate) fn send_receiver_report(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.tables.peers.get_mut(key) else {
            return;
        };
        let feedback_ssrc = peer.feedback_ssrc();
        let PeerParts { receives, link, .. } = peer.parts(now, self.output);
        let mut blocks: Vec<ReportBlock> = Vec::with_capacity(Self::MAX_BLOCKS);
        for key in receives.routes.publications() {
            if let Some(publication) = self.tables.publications.get_mut(key) {
                let streams = publication.streams_mut();
                blocks.extend(streams.filter_map(|(_, stream)| stream.report(now)));
            }
        }
        let Some(mut link) = link else {
            return;
        };
        for blocks in blocks.chunks(Self::MAX_BLOCKS) {
            link.send_rtcp(|out| write_receiver_report(out, feedback_ssrc, blocks));
        }
    }

    /// Tells a subscriber how the timestamps of its streams map to the publishers' clocks.
    pub(crate) fn send_sender_reports(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.tables.peers.get_mut(key) else {
            return;
        };
        let PeerParts {
            subscriptions,
            mut link,
            ..
        } = peer.parts(now, self.output);
        // Those that are due soon leave in the same datagram.
        let until = now + SENDER_REPORT_INTERVAL / 2;
        let mut reports = Vec::with_capacity(MAX_COMPOUND_BYTES);
        let mut next: Option<Instant> = None;
        for (_, key) in subscriptions {
            let Some(subscription) = self.tables.subscriptions.get_mut(*key) else {
                continue;
            };
            let publications = &self.tables.publications;
            let Some(publication) = publications.get(subscription.publication) else {
                continue;
            };
            subscription.write_sender_report(now, until, publication, &mut reports);
            next = next.into_iter().chain(subscription.report_due()).min();
            if reports.len() >= MAX_COMPOUND_BYTES - Self::LONGEST_SENDER_REPORT {
                Self::flush(link.as_mut(), &mut reports);
            }
        }
        Self::flush(link.as_mut(), &mut reports);
        peer.timers.set(TimerReason::SenderReport, next);
    }

    fn flush(link: Option<&mut Link<'_>>, compound: &mut Vec<u8>) {
        if let Some(link) = link
            && !compound.is_empty()
        {
            link.send_rtcp(|out| out.extend_from_slice(compound));
            compound.clear();
        }
    }
}
