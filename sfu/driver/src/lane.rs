//! A room's way to the shards.

use std::collections::BTreeSet;
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
}

/// The way to one shard.
#[derive(Debug)]
struct Lane {
    mailbox: Mailbox,
    free: Arc<Semaphore>,
    /// Places that were waited for and are not used yet.
    reserved: Option<OwnedSemaphorePermit>,
    /// Whether the shard is to be woken.
    told: bool,
}

impl RoomLane {
    pub(crate) fn new(shards: &[Mailbox]) -> Self {
        let lane = |mailbox: &Mailbox| Lane {
            mailbox: mailbox.clone(),
            free: Arc::new(Semaphore::new(LANE_COMMANDS)),
            reserved: None,
            told: false,
        };
        Self {
            shards: shards.iter().map(lane).collect(),
        }
    }

    /// Sends commands to their shards, which are woken once. Waits while too many of the room's are in a
    /// shard's mailbox, but for lossy data, which is dropped then. What is sent to a shard whose thread
    /// has ended is lost.
    ///
    /// Invariant: each command is in its mailbox before the next, so that a shard that hears from
    /// another shard of a command finds those that went before.
    pub async fn send(&mut self, commands: impl IntoIterator<Item = Command>) {
        for command in commands {
            match command.destination() {
                Destination::Shard(shard) => self.put(shard, command).await,
                Destination::ShardsOf(peers) => {
                    for shard in shards_of(peers) {
                        self.put(shard, command.clone()).await;
                    }
                }
            }
        }
        self.wake();
    }

    async fn put(&mut self, shard: ShardIndex, command: Command) {
        let Some(lane) = self.shards.get_mut(usize::from(shard.0)) else {
            return;
        };
        let mut place = lane.free_place();
        if place.is_none() {
            if is_lossy(&command) {
                lane.mailbox.count_dropped();
                return;
            }
            // The shards must know of what they are to make room with.
            self.wake();
            let Some(lane) = self.shards.get_mut(usize::from(shard.0)) else {
                return;
            };
            place = lane.wait_for_place().await;
        }
        if let (Some(place), Some(lane)) = (place, self.shards.get_mut(usize::from(shard.0))) {
            lane.mailbox.put(Letter::Command(command, place));
            lane.told = true;
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
    fn free_place(&mut self) -> Option<Place> {
        if let Some(place) = self.reserved.as_mut().and_then(|places| places.split(1)) {
            return Some(Place::from(place));
        }
        let free = Arc::clone(&self.free).try_acquire_owned().ok()?;
        Some(Place::from(free))
    }

    /// Waits for many places at once, so that a room that is held back is not woken for each.
    async fn wait_for_place(&mut self) -> Option<Place> {
        let many = u32::try_from(LANE_COMMANDS / 2).unwrap_or(1);
        let places = Arc::clone(&self.free).acquire_many_owned(many).await;
        // Nobody closes the semaphore.
        self.reserved = Some(places.ok()?);
        self.free_place()
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

    use sfu_model::RoomIndex;

    use super::*;
    use crate::mailbox::{Inbox, mailbox};

    const HERE: ShardIndex = ShardIndex(0);

    fn remove(index: u32) -> Command {
        let peer = PeerId {
            room: RoomIndex(0),
            index,
            shard: HERE,
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
    fn a_shard_that_has_ended_holds_nobody_back() {
        let (_poll, mailbox, inbox) = shard();
        let mut lane = RoomLane::new(&[mailbox]);
        drop(inbox);
        let commands = (0..).take(3 * LANE_COMMANDS).map(remove);
        assert!(is_done(pin!(lane.send(commands))));
    }
}
