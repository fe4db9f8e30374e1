//! Packets that left together, and how much further apart they arrived than they left.

use crate::micros::Micros;

/// A packet that arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ArrivedPacket {
    /// When it left, by our clock.
    pub(crate) departure: Micros,
    /// When it arrived, by the receiver's.
    pub(crate) arrival: Micros,
}

/// From one group of packets to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupDelta {
    /// Time between departures.
    pub(crate) departure: Micros,
    /// Time between arrivals.
    pub(crate) arrival: Micros,
    /// When the later one arrived.
    pub(crate) at: Micros,
}

/// What a packet means for the series of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grouped {
    /// It belongs to the group that is open, or came too late for its own.
    Within,
    /// It begins a group; the two before it lie this far apart.
    Delta(GroupDelta),
    /// It does not fit to what came before, as after a change of the receiver's clock: the series begins anew.
    Absurd,
}

/// Packets that leave within this time are a group: single packets tell little of the queue, because senders
/// and radio links send in bursts (draft-ietf-rmcat-gcc-02 section 5.2).
const BURST: Micros = Micros::from_millis(5);

/// A group to which a burst on the way adds packets lasts no longer than that.
const LONGEST_BURST: Micros = Micros::from_millis(100);

/// Two groups that arrive this much further apart or closer together than they left are of no one path.
const ABSURD: Micros = Micros::from_millis(3_000);

/// Groups packets by departure.
#[derive(Debug, Default)]
pub(crate) struct PacketGroups {
    open: Option<Group>,
    closed: Option<Group>,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    first: ArrivedPacket,
    last: ArrivedPacket,
}

impl PacketGroups {
    /// Takes a packet, in the order of departure.
    pub(crate) fn push(&mut self, packet: ArrivedPacket) -> Grouped {
        let Some(open) = &mut self.open else {
            self.open = Some(Group::of(packet));
            return Grouped::Within;
        };
        if packet.departure < open.first.departure {
            return Grouped::Within;
        }
        let stretch = open.stretch(&packet);
        if stretch > ABSURD || stretch < Micros(-ABSURD.0) {
            self.closed = None;
            self.open = Some(Group::of(packet));
            return Grouped::Absurd;
        }
        if open.holds(&packet) {
            open.last.departure = open.last.departure.max(packet.departure);
            open.last.arrival = open.last.arrival.max(packet.arrival);
            return Grouped::Within;
        }
        let later = self.open.replace(Group::of(packet));
        let earlier = std::mem::replace(&mut self.closed, later);
        match (earlier, later) {
            (Some(earlier), Some(later)) => later.delta_from(&earlier),
            _ => Grouped::Within,
        }
    }
}

impl Group {
    fn of(packet: ArrivedPacket) -> Self {
        Self {
            first: packet,
            last: packet,
        }
    }

    /// Returns how much further from the group's last a packet arrived than it left.
    fn stretch(&self, packet: &ArrivedPacket) -> Micros {
        (packet.arrival - self.last.arrival) - (packet.departure - self.last.departure)
    }

    /// Reports whether `packet` belongs to the group: by when it left, or because it caught up with it on the way.
    fn holds(&self, packet: &ArrivedPacket) -> bool {
        let caught_up = self.stretch(packet) < Micros(0)
            && packet.arrival - self.last.arrival <= BURST
            && packet.arrival - self.first.arrival < LONGEST_BURST;
        packet.departure - self.first.departure <= BURST || caught_up
    }

    /// Compares the first packets: those after them wait for their own group, which is no queue.
    fn delta_from(&self, earlier: &Self) -> Grouped {
        let arrival = self.first.arrival - earlier.first.arrival;
        if arrival < Micros(0) {
            return Grouped::Within;
        }
        Grouped::Delta(GroupDelta {
            departure: self.first.departure - earlier.first.departure,
            arrival,
            at: self.first.arrival,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes `(departure, arrival)` in milliseconds and returns what came of each.
    fn push(packets: &[(i64, i64)]) -> Vec<Grouped> {
        let mut groups = PacketGroups::default();
        let packets = packets.iter().map(|(departure, arrival)| ArrivedPacket {
            departure: Micros::from_millis(*departure),
            arrival: Micros::from_millis(*arrival),
        });
        packets.map(|packet| groups.push(packet)).collect()
    }

    #[test]
    fn groups_are_compared_by_their_first_packets() {
        let told = push(&[(0, 50), (4, 54), (20, 75), (24, 80), (40, 99)]);
        let expected = GroupDelta {
            departure: Micros::from_millis(20),
            arrival: Micros::from_millis(25),
            at: Micros::from_millis(75),
        };
        assert_eq!(told[4], Grouped::Delta(expected));
        assert_eq!(told[..4], [Grouped::Within; 4]);
    }

    #[test]
    fn packets_that_caught_up_with_each_other_are_one_group() {
        let told = push(&[(0, 100), (10, 101), (20, 102), (30, 103), (40, 140)]);
        assert_eq!(told, [Grouped::Within; 5]);
    }

    #[test]
    fn a_packet_that_left_before_its_group_tells_nothing() {
        assert_eq!(push(&[(20, 50), (0, 51)]), [Grouped::Within; 2]);
    }

    #[test]
    fn a_jump_of_the_receivers_clock_begins_anew() {
        let told = push(&[(0, 50), (20, 70), (40, 50_000), (60, 50_020), (80, 20)]);
        assert_eq!(told[2], Grouped::Absurd);
        assert_eq!(told[3], Grouped::Within);
        assert_eq!(told[4], Grouped::Absurd);
    }
}
