//! The ways of batches between shards' threads.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use sfu_core::{ExportBatch, Shard};
use sfu_model::ShardIndex;

use crate::mailbox::Mailbox;

/// Batches that may be under way from one shard to another; what else there is waits in the shard
/// that has it.
const DEPTH: usize = 4;

/// One thread's ends of the ways to and from all other shards.
///
/// Empty batches come back to be filled again. A thread that has none left for a shard sends nothing
/// to it, waits for nothing either, and is woken when one comes back.
///
/// Invariant: a batch is handled after the commands that were in the mailbox when it was taken: it
/// may be about what they made.
#[derive(Debug)]
pub(crate) struct Exchange {
    outgoing: Vec<Outgoing>,
    incoming: Vec<Incoming>,
    /// What was taken and not handled yet.
    waiting: VecDeque<(usize, ExportBatch)>,
    /// Letters that may have been in the mailbox before what waits was taken.
    letters_before: usize,
}

/// The way to another shard, at its beginning.
#[derive(Debug)]
struct Outgoing {
    to: ShardIndex,
    filled: SyncSender<ExportBatch>,
    empty: Receiver<ExportBatch>,
    spare: Option<ExportBatch>,
    mailbox: Mailbox,
    starved: Arc<AtomicBool>,
}

/// The way from another shard, at its end.
#[derive(Debug)]
struct Incoming {
    from: ShardIndex,
    filled: Receiver<ExportBatch>,
    empty: SyncSender<ExportBatch>,
    mailbox: Mailbox,
    /// Whether the other end has no batch left to fill.
    starved: Arc<AtomicBool>,
}

impl Exchange {
    /// Joins the shards that have these mailboxes, each with each.
    pub(crate) fn between(mailboxes: &[Mailbox]) -> Vec<Self> {
        let mut all: Vec<Self> = mailboxes.iter().map(|_| Self::alone()).collect();
        let shards = || (0..).map(ShardIndex).zip(mailboxes).enumerate();
        for (a, (from, sender)) in shards() {
            for (b, (to, receiver)) in shards().filter(|(b, _)| *b != a) {
                let (outgoing, incoming) = way((from, sender), (to, receiver));
                if let Some(exchange) = all.get_mut(a) {
                    exchange.outgoing.push(outgoing);
                }
                if let Some(exchange) = all.get_mut(b) {
                    exchange.incoming.push(incoming);
                }
            }
        }
        all
    }

    fn alone() -> Self {
        Self {
            outgoing: Vec::new(),
            incoming: Vec::new(),
            waiting: VecDeque::new(),
            letters_before: 0,
        }
    }

    /// Sends what a shard has for others, as far as they keep up.
    pub(crate) fn send(&mut self, shard: &mut Shard) {
        for way in &mut self.outgoing {
            let Some(mut batch) = way.take_empty() else {
                continue;
            };
            if !shard.poll_export(way.to, &mut batch) {
                way.spare = Some(batch);
            } else if way.filled.try_send(batch).is_ok() {
                way.mailbox.wake();
            }
        }
    }

    /// Takes what others have sent, unless what was taken before still waits; `letters` are in the mailbox.
    /// Returns whether anything waits.
    pub(crate) fn collect(&mut self, letters: impl FnOnce() -> usize) -> bool {
        if self.waiting.is_empty() {
            for (place, way) in self.incoming.iter().enumerate() {
                let batches = way.filled.try_iter();
                self.waiting.extend(batches.map(|batch| (place, batch)));
            }
            self.letters_before = letters();
        }
        !self.waiting.is_empty()
    }

    /// Takes note that a letter was taken out of the mailbox.
    pub(crate) fn note_letter(&mut self) {
        self.letters_before = self.letters_before.saturating_sub(1);
    }

    /// Takes note that the mailbox is empty.
    pub(crate) fn note_no_letters(&mut self) {
        self.letters_before = 0;
    }

    /// Reports whether batches wait that may be handled.
    pub(crate) fn is_waiting(&self) -> bool {
        self.letters_before == 0 && !self.waiting.is_empty()
    }

    /// Has `take` empty the batches that may be handled, and gives them back. Returns whether it did:
    /// `take` says of each whether it took everything.
    pub(crate) fn handle(
        &mut self,
        mut take: impl FnMut(ShardIndex, &mut ExportBatch) -> bool,
    ) -> bool {
        while self.letters_before == 0
            && let Some((place, mut batch)) = self.waiting.pop_front()
        {
            let Some(way) = self.incoming.get(place) else {
                continue;
            };
            if !take(way.from, &mut batch) {
                self.waiting.push_front((place, batch));
                return false;
            }
            way.give_back(batch);
        }
        true
    }
}

/// Makes the way from one shard to another.
fn way(from: (ShardIndex, &Mailbox), to: (ShardIndex, &Mailbox)) -> (Outgoing, Incoming) {
    let (filled, filled_end) = sync_channel(DEPTH);
    let (empty_end, empty) = sync_channel(DEPTH);
    for _ in 0..DEPTH {
        // There is room for as many as there are.
        empty_end.try_send(ExportBatch::default()).ok();
    }
    let starved = Arc::new(AtomicBool::new(false));
    let outgoing = Outgoing {
        to: to.0,
        filled,
        empty,
        spare: None,
        mailbox: to.1.clone(),
        starved: Arc::clone(&starved),
    };
    let incoming = Incoming {
        from: from.0,
        filled: filled_end,
        empty: empty_end,
        mailbox: from.1.clone(),
        starved,
    };
    (outgoing, incoming)
}

impl Outgoing {
    fn take_empty(&mut self) -> Option<ExportBatch> {
        let spare = self.spare.take().or_else(|| self.empty.try_recv().ok());
        if spare.is_some() {
            return spare;
        }
        self.starved.store(true, Ordering::SeqCst);
        // One may have come back before the other end could see that it is missed.
        self.empty.try_recv().ok()
    }
}

impl Incoming {
    fn give_back(&self, batch: ExportBatch) {
        // There is room for as many as there are; a thread that has ended takes none.
        self.empty.try_send(batch).ok();
        if self.starved.swap(false, Ordering::SeqCst) {
            self.mailbox.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use mio::{Events, Poll, Token, Waker};
    use sfu_core::ShardConfig;
    use sfu_model::{
        Command, DataChannelOpener, Forwarding, IceCredentials, Importance, NodeIndex, Opening,
        Pausing, PeerId, PublicationId, RedundancyPolicy, RoomIndex, SendMedia, Ssrc,
        SubscriptionId,
    };
    use sfu_transport::TransportConfig;

    use super::*;
    use crate::clock;
    use crate::mailbox::{Inbox, mailbox};

    const ROOM: RoomIndex = RoomIndex(1);
    const HERE: ShardIndex = ShardIndex(0);
    const THERE: ShardIndex = ShardIndex(1);

    struct Thread {
        poll: Poll,
        inbox: Inbox,
        shard: Shard,
        exchange: Exchange,
    }

    fn threads() -> (Thread, Thread) {
        let transport = Arc::new(TransportConfig::generate().unwrap());
        let mut config = ShardConfig::new(transport);
        config.shards = 2;
        let polls = [Poll::new().unwrap(), Poll::new().unwrap()];
        let boxes = polls
            .iter()
            .map(|poll| mailbox(Waker::new(poll.registry(), Token(0)).unwrap()));
        let (mailboxes, inboxes): (Vec<_>, Vec<_>) = boxes.unzip();
        let parts = polls.into_iter().zip(inboxes);
        let parts = parts.zip(Exchange::between(&mailboxes));
        let mut threads = parts
            .zip([HERE, THERE])
            .map(|(((poll, inbox), exchange), index)| Thread {
                poll,
                inbox,
                shard: Shard::new(index, config.clone(), [1; 32]),
                exchange,
            });
        (threads.next().unwrap(), threads.next().unwrap())
    }

    impl Thread {
        /// Has the shard ask for a publication of the other shard, and sends that.
        fn ask(&mut self, index: u32) {
            let (room, shard) = (ROOM, HERE);
            let peer = PeerId {
                room,
                index,
                shard,
                node: NodeIndex(0),
            };
            let local = IceCredentials::generate(shard, [3; 34]);
            let data_channels = DataChannelOpener::Peer;
            let media = SendMedia {
                mid: sfu_model::Mid(sfu_model::Token::default()),
                ssrc: Ssrc(1),
                rtx_ssrc: None,
                codecs: Vec::new(),
                extensions: sfu_model::ExtensionMap::default(),
                nack: false,
                cname: String::new(),
                forwarding: Forwarding::Paused,
                opening: Opening::Media,
                importance: Importance::default(),
                pausing: Pausing::default(),
                redundancy: RedundancyPolicy::default(),
            };
            let subscription = SubscriptionId {
                room,
                index,
                shard,
                node: NodeIndex(0),
            };
            let publication = PublicationId {
                room,
                index,
                shard: THERE,
                node: NodeIndex(0),
            };
            for command in [
                Command::AddPeer {
                    peer,
                    local,
                    data_channels,
                },
                Command::Subscribe {
                    subscription,
                    publication,
                    peer,
                    media,
                },
            ] {
                self.shard.handle_command(clock::now(), command);
            }
            self.exchange.send(&mut self.shard);
        }

        /// Handles all batches that may be handled, and returns how many.
        fn handle(&mut self) -> usize {
            let mut count = 0;
            let shard = &mut self.shard;
            let all = self.exchange.handle(|from, batch| {
                count += 1;
                shard.handle_export(clock::now(), from, batch)
            });
            assert!(all);
            count
        }

        fn is_woken(&mut self) -> bool {
            let mut events = Events::with_capacity(8);
            self.poll
                .poll(&mut events, Some(Duration::from_millis(1)))
                .unwrap();
            self.inbox.acknowledge_wake();
            !events.is_empty()
        }
    }

    #[test]
    fn a_batch_wakes_the_other_thread_and_the_answer_comes_back() {
        let (mut here, mut there) = threads();
        here.ask(1);
        assert!(there.is_woken());
        assert!(there.exchange.collect(|| 0));
        there.exchange.note_no_letters();
        assert_eq!(there.handle(), 1);
        there.exchange.send(&mut there.shard);
        assert!(here.is_woken() && here.exchange.collect(|| 0));
        here.exchange.note_no_letters();
        assert_eq!(here.shard.counters().subscriptions, 1);
        assert_eq!(here.handle(), 1);
        assert_eq!(here.shard.counters().subscriptions, 0);
    }

    #[test]
    fn a_batch_waits_for_the_letters_that_came_before_it_and_for_no_others() {
        let (mut here, mut there) = threads();
        here.ask(1);
        assert!(there.exchange.collect(|| 100));
        assert_eq!(there.handle(), 0);
        for _ in 1..100 {
            there.exchange.note_letter();
            // It is collected already.
            assert!(there.exchange.collect(|| 100));
        }
        assert_eq!(there.handle(), 0);
        there.exchange.note_letter();
        assert_eq!(there.handle(), 1);
    }

    #[test]
    fn a_thread_without_empty_batches_is_woken_when_one_comes_back() {
        let (mut here, mut there) = threads();
        let more = u32::try_from(DEPTH).unwrap() + 1;
        (0..more).for_each(|index| here.ask(index));
        // The last one waits in the shard.
        assert!(there.exchange.collect(|| 0));
        there.exchange.note_no_letters();
        assert!(!here.is_woken());
        assert_eq!(there.handle(), DEPTH);
        assert!(here.is_woken());
        here.exchange.send(&mut here.shard);
        assert!(there.exchange.collect(|| 0));
        there.exchange.note_no_letters();
        assert_eq!(there.handle(), 1);
    }
}
