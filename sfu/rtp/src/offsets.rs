//! By how much numbers were shifted, packet by packet.

use std::collections::VecDeque;

use crate::limits::MAX_LEFT_OUT_RUNS;

/// Maps the numbers of a source to those that a receiver sees, when some are left out.
///
/// Every run of left-out numbers is a row; a lookup goes through the rows from the newest back, so
/// that what arrives late gets the number that was kept for it. Arithmetic wraps: an offset may be
/// "negative".
#[derive(Clone, Debug, Default)]
pub(crate) struct Offsets {
    /// Lowest number of the source that is mapped.
    base: u64,
    /// What is subtracted from numbers before the first row.
    base_offset: u64,
    /// What is subtracted from numbers behind the last row.
    offset: u64,
    rows: VecDeque<Row>,
}

/// Numbers `first..next` are left out; those from `next` to the next row have `offset` subtracted.
#[derive(Clone, Copy, Debug)]
struct Row {
    first: u64,
    next: u64,
    offset: u64,
}

impl Offsets {
    /// Begins anew: `source` maps to `sent`, and nothing before `source` is mapped.
    pub(crate) fn restart(&mut self, source: u64, sent: u64) {
        self.base = source;
        self.base_offset = source.wrapping_sub(sent);
        self.offset = self.base_offset;
        self.rows.clear();
    }

    /// Returns what a number behind the newest row maps to.
    #[inline]
    pub(crate) fn map_newest(&self, source: u64) -> u64 {
        source.wrapping_sub(self.offset)
    }

    /// Returns what any number maps to. `None` when it was left out or is unknown.
    #[inline]
    pub(crate) fn map(&self, source: u64) -> Option<u64> {
        for row in self.rows.iter().rev() {
            if source >= row.next {
                return Some(source.wrapping_sub(row.offset));
            }
            if source >= row.first {
                return None;
            }
        }
        (source >= self.base).then(|| source.wrapping_sub(self.base_offset))
    }

    /// Leaves out `source`, which lies behind every number mapped so far.
    pub(crate) fn leave_out(&mut self, source: u64) {
        self.offset = self.offset.wrapping_add(1);
        match self.rows.back_mut() {
            Some(row) if row.next == source => {
                row.next = source + 1;
                row.offset = self.offset;
            }
            Some(_) | None => self.push(source),
        }
    }

    fn push(&mut self, first: u64) {
        if self.rows.len() >= MAX_LEFT_OUT_RUNS
            && let Some(oldest) = self.rows.pop_front()
        {
            self.base = oldest.next;
            self.base_offset = oldest.offset;
        }
        self.rows.push_back(Row {
            first,
            next: first + 1,
            offset: self.offset,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_close_up_behind_left_out_ones() {
        let mut offsets = Offsets::default();
        offsets.restart(100, 1_000);
        offsets.leave_out(102);
        offsets.leave_out(103);
        offsets.leave_out(105);
        let mapped: Vec<_> = (99..108).map(|source| offsets.map(source)).collect();
        assert_eq!(
            mapped,
            [
                None,
                Some(1_000),
                Some(1_001),
                None,
                None,
                Some(1_002),
                None,
                Some(1_003),
                Some(1_004)
            ]
        );
    }

    #[test]
    fn rows_are_bounded_and_what_lies_before_them_is_unknown() {
        let mut offsets = Offsets::default();
        offsets.restart(0, 0);
        for run in 0..1_000_u64 {
            offsets.leave_out(run * 2);
        }
        assert_eq!(offsets.rows.len(), MAX_LEFT_OUT_RUNS);
        assert_eq!(offsets.map(1), None);
        assert_eq!(offsets.map(1_999), Some(999));
        assert_eq!(offsets.map(1_997), Some(998));
        assert_eq!(offsets.map(1_998), None);
    }
}
