use loadtest_peer::DataFlow;

/// What went by the data channels of all rooms, in packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DataTotals {
    pub(super) sent: u64,
    /// What there was to receive: each packet by everybody else in its room.
    pub(super) expected: u64,
    pub(super) received: u64,
    pub(super) lost: u64,
    pub(super) duplicates: u64,
    /// Payloads received.
    pub(super) bytes: u64,
}

impl DataTotals {
    pub(super) fn of(rooms: &[DataFlow]) -> Self {
        let mut totals = Self::default();
        for room in rooms {
            let expected = room.expected();
            totals.sent += room.sent;
            totals.expected += expected;
            totals.received += room.received;
            totals.lost += expected.saturating_sub(room.received);
            totals.duplicates += room.duplicates;
            totals.bytes += room.bytes;
        }
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_in_a_room_is_to_receive_what_the_others_send() {
        let room = |received| DataFlow {
            sent: 10,
            receivers: 4,
            received,
            bytes: 100,
            duplicates: 1,
        };
        let totals = DataTotals::of(&[room(30), room(28)]);
        assert_eq!((totals.expected, totals.received, totals.lost), (60, 58, 2));
    }

    #[test]
    fn a_room_without_receivers_expects_nothing() {
        let room = DataFlow {
            sent: 10,
            ..DataFlow::default()
        };
        assert_eq!(DataTotals::of(&[room]).lost, 0);
    }
}
