//! A room's way to the shards.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use sfu_model::{Command, DataChannel, Destination, PeerId, ShardIndex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::LANE_COMMANDS;
use crate::mailbox::{Letter, Mailbox, Place};

/// The commands of one room to all shards.
///
/// So many of them may wait in the mailbox of each shard. A room with more waits until half of them are
/// carried out: it is held back, and no other.
#[derive(Debug)]
pub struct RoomLane {
    shards: Vec<Lane>,
    /// What is not in its shard's mailbox yet, in the order in which it is to get there.
    unsent: VecDeque<(ShardIndex, Command)>,
}

/// The way to one shard.
#[derive(Debug)]
struct Lane {
    mailbox: Mailbox,
    free: Arc<Semaphore>,
    /// Places that were waited for and are not used yet.
    reserved: Option<OwnedSemaphorePermit>,
    /// Whether the room has ceased to wait for the shard, until that carries something out again.
    given_up: bool,
    /// Whether the shard is to be woken.
    told: bool,
}

impl RoomLane {
    pub(crate) fn new(shards: &[Mailbox]) -> Self {
        let lane = |mailbox: &Mailbox| Lane {
            mailbox: mailbox.clone(),
            free: Arc::new(Semaphore::new(LANE_COMMANDS)),
            reserved: None,
            given_up: false,
            told: false,
        };
        Self {
            shards: shards.iter().map(lane).collect(),
            unsent: VecDeque::new(),
        }
    }

    /// Queues commands and sends them: see [`RoomLane::flush`].
    pub async fn send(&mut self, commands: impl IntoIterator<Item = Command>) {
        self.queue(commands);
        self.flush().await;
    }

    /// Queues commands behind those that are queued already.
    pub fn queue(&mut self, commands: impl IntoIterator<Item = Command>) {
        for command in commands {
            match command.destination() {
                Destination::Shard(shard) => self.unsent.push_back((shard, command)),
                Destination::ShardsOf(peers) => {
                    let each = shards_of(peers).into_iter();
                    self.unsent
                        .extend(each.map(|shard| (shard, command.clone())));
                }
            }
        }
    }

    /// Sends what is queued to the shards, which are woken once. Waits while too many of the room's commands are
    /// in a shard's mailbox, but for lossy data, which is dropped then. What is sent to a shard whose thread has
    /// ended is lost. Nothing is lost when this is given up in the midst: the next call goes on with it.
    ///
    /// Invariant: each command is in its mailbox before the next, so that a shard that hears from
    /// another shard of a command finds those that went before.
    pub async fn flush(&mut self) {
        while let Some((shard, command)) = self.unsent.front() {
            let place = usize::from(shard.0);
            let lane = self.shards.get(place);
            if lane.is_some_and(|lane| lane.must_wait(command)) {
                // The shards must know of what they are to make room with.
                self.wake();
                if let Some(lane) = self.shards.get_mut(place) {
                    lane.wait_for_places().await;
                }
            }
            if let (Some((_, command)), Some(lane)) =
                (self.unsent.pop_front(), self.shards.get_mut(place))
            {
                lane.put(command);
            }
        }
        self.wake();
    }

    /// Returns which shard [`RoomLane::flush`] waits for.
    pub fn waits_for(&self) -> Option<ShardIndex> {
        self.unsent.front().map(|(shard, _)| *shard)
    }

    /// Ceases to wait for a shard. Until that carries out something again, commands that find no place there are
    /// lost, but for [`Command::RemovePeer`]: a shard that comes back is to keep nothing of those who have gone.
    pub fn give_up(&mut self, shard: ShardIndex) {
        if let Some(lane) = self.shards.get_mut(usize::from(shard.0)) {
            lane.given_up = true;
        }
    }

    fn wake(&mut self) {
        for lane in &mut self.shards {
            if std::mem::take(&mut lane.told) {
                lane.mailbox.wake();
            }
        }
    }
}

impl Lane {
    /// Reports whether a command is to wait for a place.
    fn must_wait(&self, command: &Command) -> bool {
        let reserved = self.reserved.as_ref().map_or(0, |it| it.num_permits());
        let is_full = reserved + self.free.available_permits() == 0;
        is_full && !self.given_up && !is_lossy(command)
    }

    /// Puts a command into the mailbox, or drops it where there is no place.
    fn put(&mut self, command: Command) {
        let place = match self.free_place() {
            Some(place) => {
                self.given_up = false;
                place
            }
            None if matches!(command, Command::RemovePeer { .. }) => Place::beyond_all(),
            None => return self.mailbox.count_dropped(),
        };
        self.mailbox.put(Letter::Command(command, place));
        self.told = true;
    }

    fn free_place(&mut self) -> Option<Place> {
        if let Some(place) = self.reserved.as_mut().and_then(|places| places.split(1)) {
            return Some(Place::from(place));
        }
        let free = Arc::clone(&self.free).try_acquire_owned().ok()?;
        Some(Place::from(free))
    }

    /// Waits for many places at once, so that a room that is held back is not woken for each.
    async fn wait_for_places(&mut self) {
        let many = u32::try_from(LANE_COMMANDS / 2).unwrap_or(1);
        let places = Arc::clone(&self.free).acquire_many_owned(many).await;
        // Nobody closes the semaphore.
        self.reserved = places.ok();
    }
}

fn is_lossy(command: &Command) -> bool {
    let lossy = [DataChannel::Lossy, DataChannel::DataTrack];
    matches!(command, Command::SendData { channel, .. } if lossy.contains(channel))
}

/// Returns each shard that any of `peers` lives on.
fn shards_of(peers: &[PeerId]) -> BTreeSet<ShardIndex> {
    peers.iter().map(|peer| peer.shard).collect()
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use sfu_model::{IceCredentials, NodeIndex, RoomIndex};

    use super::*;
    use crate::mailbox::{Inbox, mailbox};

    const HERE: ShardIndex = ShardIndex(0);

    fn remove(index: u32) -> Command {
        let peer = PeerId {
            room: RoomIndex(0),
            index,
            shard: HERE,
            node: NodeIndex(0),
        };
        Command::RemovePeer { peer }
    }

    fn shard() -> (mio::Poll, Mailbox, Inbox) {
        let poll = mio::Poll::new().unwrap();
        let waker = mio::Waker::new(poll.registry(), mio::Token(0)).unwrap();
        let (mailbox, inbox) = mailbox(waker);
        (poll, mailbox, inbox)
    }

    /// Polls once, and returns whether it is done.
    fn is_done(sending: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        sending.poll(&mut context) == Poll::Ready(())
    }

    #[test]
    fn a_room_that_sends_too_much_waits_until_half_is_done_and_no_other_waits() {
        let (_poll, mailbox, inbox) = shard();
        let shards = [mailbox];
        let (mut busy, mut other) = (RoomLane::new(&shards), RoomLane::new(&shards));
        let commands = (0..).take(LANE_COMMANDS + 1).map(remove);
        let mut sending = pin!(busy.send(commands));
        assert!(!is_done(sending.as_mut()));
        assert!(inbox.is_woken());
        assert!(is_done(pin!(other.send([remove(7)]))));
        for _ in 1..LANE_COMMANDS / 2 {
            assert!(inbox.take().is_some());
            assert!(!is_done(sending.as_mut()));
        }
        drop(inbox.take());
        assert!(is_done(sending.as_mut()));
        let left = std::iter::from_fn(|| inbox.take()).count();
        assert_eq!(left, LANE_COMMANDS / 2 + 2);
    }

    #[test]
    fn lossy_data_is_dropped_where_a_room_would_wait() {
        let (_poll, mailbox, inbox) = shard();
        let shards = [mailbox];
        let mut lane = RoomLane::new(&shards);
        let message = |channel| Command::SendData {
            peers: Arc::new([PeerId {
                room: RoomIndex(0),
                index: 1,
                shard: HERE,
                node: NodeIndex(0),
            }]),
            channel,
            message: vec![1].into(),
        };
        assert!(is_done(pin!(
            lane.send((0..).take(LANE_COMMANDS).map(remove))
        )));
        let lossy = [DataChannel::Lossy, DataChannel::DataTrack].map(message);
        assert!(is_done(pin!(lane.send(lossy))));
        assert_eq!(shards[0].dropped(), 2);
        assert!(!is_done(pin!(lane.send([message(DataChannel::Reliable)]))));
        assert_eq!(std::iter::from_fn(|| inbox.take()).count(), LANE_COMMANDS);
    }

    #[test]
    fn who_gives_up_on_one_shard_reaches_the_others_and_leaves_nothing_behind() {
        let (_poll, stands, standing) = shard();
        let (_other_poll, works, working) = shard();
        let mut lane = RoomLane::new(&[stands, works]);
        let there = ShardIndex(1);
        let restart = |shard| Command::RestartIce {
            peer: PeerId {
                room: RoomIndex(0),
                index: 1,
                shard,
                node: NodeIndex(0),
            },
            local: IceCredentials::generate(shard, [3; 34]),
        };
        let full = (0..LANE_COMMANDS).map(|_| restart(HERE));
        assert!(is_done(pin!(lane.send(full))));
        lane.queue([restart(HERE), remove(7), restart(there)]);
        assert!(!is_done(pin!(lane.flush())));
        assert_eq!(lane.waits_for(), Some(HERE));
        assert!(working.take().is_none(), "the order is kept");

        lane.give_up(HERE);
        assert!(is_done(pin!(lane.flush())));
        assert_eq!(lane.waits_for(), None);
        assert!(working.take().is_some());
        let left: Vec<_> = std::iter::from_fn(|| standing.take()).collect();
        assert_eq!(left.len(), LANE_COMMANDS + 1);
        assert!(matches!(
            left.last(),
            Some(Letter::Command(Command::RemovePeer { .. }, _))
        ));

        drop(left);
        let again = (0..=LANE_COMMANDS).map(|_| restart(HERE));
        assert!(!is_done(pin!(lane.send(again))), "it is waited for again");
    }

    #[test]
    fn a_shard_that_has_ended_holds_nobody_back() {
        let (_poll, mailbox, inbox) = shard();
        let mut lane = RoomLane::new(&[mailbox]);
        drop(inbox);
        let commands = (0..).take(3 * LANE_COMMANDS).map(remove);
        assert!(is_done(pin!(lane.send(commands))));
    }
}
