//! Numbers of checks: those of the peer that came, and those of ours.

use std::collections::VecDeque;

use aws_lc_rs::digest;
use sfu_model::Path;

use super::message::{CheckTag, TransactionId};
use crate::limits::REMEMBERED_TRANSACTIONS;

/// Transactions of late, each with the path that it came by. A check that somebody captured and sends
/// again from another address is dropped, as long as it is remembered; what it could do afterwards is
/// little, as its path is not proved.
#[derive(Debug, Default)]
pub(super) struct Transactions(VecDeque<(TransactionId, Path)>);

impl Transactions {
    /// Tells whether the transaction came by another path before.
    pub(super) fn is_replayed(&self, transaction: TransactionId, path: Path) -> bool {
        let mut known = self.0.iter().filter(|(id, _)| *id == transaction);
        known.any(|(_, first)| *first != path)
    }

    pub(super) fn remember(&mut self, transaction: TransactionId, path: Path) {
        if self.0.len() == REMEMBERED_TRANSACTIONS {
            self.0.pop_front();
        }
        self.0.push_back((transaction, path));
    }
}

/// Makes the numbers of our checks: the tag, and what nobody can guess.
#[derive(Debug)]
pub(super) struct Numbers {
    tag: CheckTag,
    /// The same in all checks (RFC 8445 section 16.1).
    pub(super) tie_breaker: [u8; 8],
    seed: [u8; 32],
    drawn: u64,
}

impl Numbers {
    pub(super) fn new(tag: CheckTag, seed: [u8; 32]) -> Self {
        let mut numbers = Self {
            tag,
            tie_breaker: [0; 8],
            seed,
            drawn: 0,
        };
        let [a, b, c, d, e, f, g, h, ..] = numbers.draw();
        numbers.tie_breaker = [a, b, c, d, e, f, g, h];
        numbers
    }

    pub(super) fn transaction(&mut self) -> TransactionId {
        let [t0, t1, t2, t3, t4, t5] = self.tag.0;
        let [a, b, c, d, e, f, ..] = self.draw();
        [t0, t1, t2, t3, t4, t5, a, b, c, d, e, f]
    }

    fn draw(&mut self) -> [u8; 32] {
        self.drawn += 1;
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&self.seed);
        context.update(&self.drawn.to_be_bytes());
        context.finish().as_ref().try_into().unwrap_or([0; 32])
    }
}
