use std::collections::BTreeMap;

use super::stamp::{DataSender, DataStamp};
use crate::DataFlow;

/// What a peer has received of each publisher of data.
#[derive(Debug, Default)]
pub(super) struct DataReception {
    senders: BTreeMap<DataSender, Sequence>,
    flow: DataFlow,
}

impl DataReception {
    /// Most publishers that are told apart; packets of others are not counted.
    const MAX_SENDERS: usize = 4_096;

    /// Notes a packet, with the length of its payload; it `counts` if it was made in the window. Tells whether it came
    /// for the first time.
    pub(super) fn note(&mut self, stamp: &DataStamp, len: usize, counts: bool) -> bool {
        let full = self.senders.len() >= Self::MAX_SENDERS;
        let first = match self.senders.get_mut(&stamp.sender) {
            Some(sequence) => sequence.note(stamp.number),
            None if full => return false,
            None => {
                let sequence = Sequence::beginning(stamp.number);
                self.senders.insert(stamp.sender, sequence);
                true
            }
        };
        if counts && first {
            self.flow.received += 1;
            self.flow.bytes += len as u64;
        } else if counts {
            self.flow.duplicates += 1;
        }
        first
    }

    pub(super) fn flow(&self) -> DataFlow {
        self.flow
    }
}

/// Which of the latest numbers came.
#[derive(Clone, Copy, Debug)]
struct Sequence {
    highest: u64,
    /// Bit n stands for the number n below the highest.
    seen: u128,
}

impl Sequence {
    fn beginning(number: u64) -> Self {
        Self {
            highest: number,
            seen: 1,
        }
    }

    /// Tells whether a number comes for the first time. One so far behind that it is not known counts as one that came.
    fn note(&mut self, number: u64) -> bool {
        if number > self.highest {
            let shift = u32::try_from(number - self.highest).unwrap_or(u32::MAX);
            self.seen = self.seen.checked_shl(shift).unwrap_or(0) | 1;
            self.highest = number;
            return true;
        }
        let behind = u32::try_from(self.highest - number).unwrap_or(u32::MAX);
        let bit = 1_u128.checked_shl(behind).unwrap_or(0);
        let first = bit != 0 && self.seen & bit == 0;
        self.seen |= bit;
        first
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn stamp(sender: u32, number: u64) -> DataStamp {
        DataStamp {
            sender: DataSender(sender),
            number,
            made_at: Duration::ZERO,
        }
    }

    #[test]
    fn a_packet_counts_once_in_whatever_order_they_come() {
        let mut reception = DataReception::default();
        let numbers = [5, 7, 6, 7, 5, 300, 200, 301, u64::MAX, 301, 0];
        let first = numbers.map(|number| reception.note(&stamp(1, number), 10, true));
        assert_eq!(
            first,
            [
                true, true, true, false, false, true, true, true, true, false, false
            ]
        );
        let flow = reception.flow();
        assert_eq!((flow.received, flow.duplicates, flow.bytes), (7, 4, 70));
    }

    #[test]
    fn publishers_number_for_themselves() {
        let mut reception = DataReception::default();
        assert!(reception.note(&stamp(1, 1), 10, true));
        assert!(reception.note(&stamp(2, 1), 10, true));
        assert_eq!(reception.flow().received, 2);
    }

    #[test]
    fn what_was_made_outside_of_the_window_does_not_count() {
        let mut reception = DataReception::default();
        assert!(reception.note(&stamp(1, 1), 10, false));
        assert_eq!(reception.flow(), DataFlow::default());
    }

    #[test]
    fn no_more_publishers_are_told_apart_than_the_limit() {
        let mut reception = DataReception::default();
        for sender in 0..10_000 {
            reception.note(&stamp(sender, 1), 10, true);
        }
        assert_eq!(reception.senders.len(), DataReception::MAX_SENDERS);
    }
}
