//! Packets that were lost: publishers are asked for them, and subscribers are sent them again.

use std::time::Instant;

use sfu_model::{MediaKind, Now, Ssrc};
use sfu_rtp::AbsSendTime;
use sfu_rtp::limits::{FIRST_RTT, MAX_NACK_INTERVAL, MIN_NACK_INTERVAL};
use sfu_rtp::rtcp::{NackPair, NackPairs, write_nack};

use crate::DropReason;
use crate::held::HeldRepair;
use crate::key_frame::{Need, Wanted};
use crate::keys::PeerKey;
use crate::output::{Link, Output};
use crate::peer::{Peer, PeerParts};
use crate::receive_stream::ReceiveStream;
use crate::subscription::retransmission::Again;
use crate::tables::Tables;
use crate::timers::TimerReason;

/// Asks publishers for what is missing, and sends subscribers again what they missed.
pub(crate) struct Repair<'a> {
    tables: &'a mut Tables,
    output: &'a mut Output,
}

impl<'a> Repair<'a> {
    pub(crate) fn new(tables: &'a mut Tables, output: &'a mut Output) -> Self {
        Self { tables, output }
    }

    /// Asks a peer for what is missing of its publications. Adds the key frames that are needed because packets
    /// were given up.
    pub(crate) fn ask(&mut self, now: Instant, key: PeerKey, wanted: &mut Vec<Wanted>) {
        let Some(peer) = self.tables.peers.get_mut(key) else {
            return;
        };
        let (rtt, feedback_ssrc) = (peer.rtt(), peer.feedback_ssrc());
        let PeerParts {
            receives, mut link, ..
        } = peer.parts(now, self.output);
        let mut next: Option<Instant> = None;
        for key in receives.routes.publications() {
            let publication = self.tables.publications.get_mut(key);
            let Some(publication) = publication.filter(|publication| publication.nack()) else {
                continue;
            };
            let is_seen = publication.is_seen();
            for (encoding, stream) in publication.streams_mut() {
                if let Some(rtt) = rtt {
                    stream.set_rtt(rtt);
                }
                send_nack(now, feedback_ssrc, stream, link.as_mut());
                next = next.into_iter().chain(stream.poll_timeout()).min();
                if stream.take_given_up() && is_seen {
                    wanted.push(Wanted {
                        publication: key,
                        encoding,
                        need: Need::Recovery,
                    });
                }
            }
        }
        peer.timers.set(TimerReason::Nack, next);
    }

    /// Sends a peer again what it says that it has not got, as soon as its link has room.
    pub(crate) fn answer(&mut self, now: Now, key: PeerKey, media: Ssrc, lost: NackPairs<'_>) {
        let Some(receipt) = self.tables.receipt(key, media) else {
            return;
        };
        let again = Self::again(now, receipt.peer);
        let (subscription, publication) = (receipt.subscription, receipt.publication);
        let is_paced = publication.kind() == MediaKind::Video;
        let parts = receipt.peer.parts(now.mono, self.output);
        let Some(mut link) = parts.link else {
            return;
        };
        for lost in lost.flat_map(|pair| pair.lost()) {
            link.output.counters.nacks_in += 1;
            if !parts.nacks.take(now.mono) {
                link.output.drop(DropReason::NackOverBudget);
                continue;
            }
            let others_wait = parts.held.as_ref().is_some_and(|held| held.has_repairs());
            if is_paced && (others_wait || !link.has_room()) {
                let repair = HeldRepair {
                    subscription: receipt.key,
                    lost,
                };
                let held = parts.held.get_or_insert_default();
                if held.push_repair(repair).is_err() {
                    link.output.drop(DropReason::HeldFull);
                }
                continue;
            }
            if subscription.retransmit(&again, lost, publication, &mut link) {
                note_sent(link.output);
            }
        }
        receipt.peer.await_room(now.mono);
    }

    /// Sends a packet again that has waited for that.
    pub(crate) fn repeat(&mut self, now: Now, repair: HeldRepair) {
        let Some(receipt) = self.tables.receipt_of(repair.subscription) else {
            return;
        };
        let again = Self::again(now, receipt.peer);
        let (subscription, publication) = (receipt.subscription, receipt.publication);
        if let Some(mut link) = receipt.peer.link(now.mono, self.output)
            && subscription.retransmit(&again, repair.lost, publication, &mut link)
        {
            note_sent(link.output);
        }
    }

    /// A packet is not sent again sooner than most of a round trip after it was sent before: who asks for it by then does
    /// not know yet that it is on its way. Clients that only receive do not know the round trip.
    ///
    /// Departure: LiveKit sends it again after 100 ms, which is twice where the round trip is 200 ms.
    fn again(now: Now, peer: &Peer) -> Again {
        let interval = peer.rtt().unwrap_or(FIRST_RTT) * 3 / 4;
        Again {
            now: now.mono,
            departure: AbsSendTime::from(now.unix),
            interval: interval.clamp(MIN_NACK_INTERVAL, MAX_NACK_INTERVAL),
        }
    }
}

fn note_sent(output: &mut Output) {
    output.counters.rtp_out += 1;
    output.counters.retransmissions_out += 1;
}

/// Asks for what is missing of one stream, as soon as there is a `link`.
fn send_nack(now: Instant, from: Ssrc, stream: &mut ReceiveStream, link: Option<&mut Link<'_>>) {
    let mut pairs = [NackPair::default(); 32];
    let count = stream.take_losses(now, &mut pairs);
    let pairs = pairs.get(..count).unwrap_or_default();
    if pairs.is_empty() {
        return;
    }
    if let Some(link) = link
        && link.send_rtcp(|out| write_nack(out, from, stream.ssrc(), pairs))
    {
        let lost = pairs.iter().map(|pair| 1 + pair.following.count_ones());
        link.output.counters.nacks_out += u64::from(lost.sum::<u32>());
    }
}
