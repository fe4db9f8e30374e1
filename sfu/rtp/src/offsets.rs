use std::collections::VecDeque;

/// Maps the numbers of a source to those that a receiver sees, when some were left out.
///
/// Every run of left-out numbers adds a row; a lookup finds the row of a number from the newest
/// back, so that what arrives late gets the number that was kept for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offsets {
    rows: VecDeque<Row>,
}

#[derive(Clone, Copy, Debug)]
struct Row {}
