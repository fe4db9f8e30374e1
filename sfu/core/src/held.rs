//! What waits for a subscriber's link.

use std::collections::VecDeque;
use std::time::Instant;

use sfu_rtp::SeqNo;

use crate::arrival::Arrival;
use crate::keys::SubscriptionKey;
use crate::limits::{MAX_HELD_PACKETS, MAX_HELD_REPAIRS};

/// What waits for one subscriber's link, while that has no room: no packets, but what is to be sent and where its bytes
/// are. It is chosen, numbered, stamped and sealed when it leaves.
///
/// Repair goes before what is sent for the first time, and each keeps its order.
#[derive(Debug, Default)]
pub(crate) struct Held {
    repairs: VecDeque<HeldRepair>,
    packets: VecDeque<HeldPacket>,
    /// When it was looked through last for what need not wait any longer.
    pub(crate) thinned: Option<Instant>,
}

/// A packet that is to be sent again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeldRepair {
    pub(crate) subscription: SubscriptionKey,
    /// Its number towards the subscriber.
    pub(crate) lost: SeqNo,
}

/// A packet of video that is to be sent for the first time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeldPacket {
    pub(crate) subscription: SubscriptionKey,
    /// Without its bytes.
    pub(crate) arrival: Arrival<'static>,
    pub(crate) since: Instant,
    pub(crate) turn: Turn,
}

/// What happens when the turn of a packet comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It leaves.
    Leave,
    /// It gives its place up: the numbers close up over it.
    LeaveOut,
    /// There was no room for what came after it: its subscription goes on with its next key frame.
    GiveUp,
}

const _: () = assert!(
    size_of::<HeldPacket>() <= 224,
    "a peer's memory is counted on"
);

/// What leaves next.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart where it is made, and kept nowhere"
)]
pub(crate) enum Departure {
    Repair(HeldRepair),
    Packet(HeldPacket),
}

/// No more may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeldFull;

impl Held {
    pub(crate) fn push_repair(&mut self, repair: HeldRepair) -> Result<(), HeldFull> {
        if self.repairs.len() >= MAX_HELD_REPAIRS {
            return Err(HeldFull);
        }
        self.repairs.push_back(repair);
        Ok(())
    }

    pub(crate) fn push_packet(
        &mut self,
        now: Instant,
        subscription: SubscriptionKey,
        arrival: &Arrival<'_>,
    ) -> Result<(), HeldFull> {
        if self.packets.len() >= MAX_HELD_PACKETS {
            return Err(HeldFull);
        }
        self.packets.push_back(HeldPacket {
            subscription,
            arrival: arrival.detached(),
            since: now,
            turn: Turn::Leave,
        });
        Ok(())
    }

    /// Has a subscription give up when it comes to the end of what waits of it. Returns whether anything does.
    pub(crate) fn give_up_behind(&mut self, subscription: SubscriptionKey) -> bool {
        let mut packets = self.packets.iter_mut();
        let latest = packets.rfind(|packet| packet.subscription == subscription);
        let waits = latest.is_some();
        if let Some(latest) = latest {
            latest.turn = Turn::GiveUp;
        }
        waits
    }

    /// Takes out what leaves next.
    pub(crate) fn pop(&mut self) -> Option<Departure> {
        if let Some(repair) = self.repairs.pop_front() {
            return Some(Departure::Repair(repair));
        }
        self.packets.pop_front().map(Departure::Packet)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.repairs.is_empty() && self.packets.is_empty()
    }

    /// Reports whether something is to be sent again.
    pub(crate) fn has_repairs(&self) -> bool {
        !self.repairs.is_empty()
    }

    /// Returns the packet of video that has waited longest.
    pub(crate) fn oldest(&self) -> Option<&HeldPacket> {
        self.packets.front()
    }

    /// Iterates over the packets of video in their order.
    pub(crate) fn packets(&self) -> impl DoubleEndedIterator<Item = &HeldPacket> {
        self.packets.iter()
    }

    pub(crate) fn packets_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut HeldPacket> {
        self.packets.iter_mut()
    }

    /// Returns the bytes of video that wait to be sent.
    pub(crate) fn bytes(&self) -> u64 {
        let waiting = self
            .packets
            .iter()
            .filter(|packet| packet.turn == Turn::Leave);
        waiting.map(|packet| packet.len() as u64).sum()
    }

    /// Removes the packets of one subscription that are before one of them, or all. Returns how many there were.
    pub(crate) fn remove_before(
        &mut self,
        subscription: SubscriptionKey,
        first: Option<&HeldPacket>,
    ) -> usize {
        let before = self.packets.len();
        let first = first.map(|first| (first.arrival.stream, first.arrival.seq));
        let mut found = false;
        self.packets.retain(|packet| {
            let of_it = packet.subscription == subscription;
            found |= of_it && Some((packet.arrival.stream, packet.arrival.seq)) == first;
            !of_it || found
        });
        before - self.packets.len()
    }
}

impl HeldPacket {
    /// Returns the bytes of its payload.
    pub(crate) fn len(&self) -> usize {
        self.arrival.header.payload.len()
    }

    /// Reports whether another one is of the same frame, for the same subscription.
    pub(crate) fn is_of_frame_of(&self, other: &Self) -> bool {
        let frame = |packet: &Self| {
            let arrival = &packet.arrival;
            (
                packet.subscription,
                arrival.stream,
                arrival.header.timestamp,
            )
        };
        frame(self) == frame(other)
    }
}
