//! The account of what one sender's data messages hold in the node.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::limits::DATA_MESSAGE_COST_BYTES;

/// How much data of one sender may be in the node at a time, wherever it is: on its way to the room,
/// in the room, on its way to a shard, or in the queue of a receiver.
///
/// Each message holds a [`DataPermit`] until the last copy of it is gone. Whoever reads the sender's
/// messages stops at [`DataBudget::is_spent`], so that the sender itself is held back, and goes on at
/// [`DataBudget::is_recovered`]. So a slow receiver slows the sender, and nobody's queue grows beyond
/// what those who send to it may have under way.
#[derive(Clone, Debug)]
pub struct DataBudget(Arc<Account>);

#[derive(Debug)]
struct Account {
    limit: usize,
    used: AtomicUsize,
}

impl Account {
    fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

impl DataBudget {
    /// Makes a budget of which nothing is used.
    pub fn new(limit_bytes: usize) -> Self {
        Self(Arc::new(Account {
            limit: limit_bytes,
            used: AtomicUsize::new(0),
        }))
    }

    /// Accounts a message until the permit and its clones are dropped, beyond the limit too: whoever
    /// minds looks first.
    pub fn permit(&self, message_bytes: usize) -> DataPermit {
        let cost = message_bytes + DATA_MESSAGE_COST_BYTES;
        self.0.used.fetch_add(cost, Ordering::Relaxed);
        let account = Arc::clone(&self.0);
        DataPermit(Some(Arc::new(Share { account, cost })))
    }

    /// Reports whether the sender has used all that it may.
    pub fn is_spent(&self) -> bool {
        self.0.used() >= self.0.limit
    }

    /// Reports whether half of it is free, so that it is worth while to go on.
    pub fn is_recovered(&self) -> bool {
        self.0.used() <= self.0.limit / 2
    }
}

/// The part of its sender's budget that a message holds. The default is nobody's: such a message is
/// bounded by whoever made it.
#[derive(Clone, Default)]
pub struct DataPermit(Option<Arc<Share>>);

struct Share {
    account: Arc<Account>,
    cost: usize,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.account.used.fetch_sub(self.cost, Ordering::Relaxed);
    }
}

impl DataPermit {
    /// Reports whether the sender has so much under way that it is, or soon will be, held back: who keeps
    /// this message keeps the sender waiting.
    pub fn is_pressing(&self) -> bool {
        let share = self.0.as_ref();
        share.is_some_and(|share| share.account.used() > share.account.limit / 2)
    }

    /// Reports whether somebody's budget pays for the message.
    pub fn is_accounted(&self) -> bool {
        self.0.is_some()
    }
}

impl fmt::Debug for DataPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cost = self.0.as_ref().map(|share| share.cost);
        f.debug_tuple("DataPermit").field(&cost).finish()
    }
}

/// A data message, shared by all who hold it. Two are equal when their bytes are, whoever pays.
#[derive(Clone, Debug)]
pub struct DataMessage {
    /// The bytes.
    pub payload: Arc<[u8]>,
    /// What it holds of its sender's budget.
    pub permit: DataPermit,
}

impl DataMessage {
    /// Returns the message as one that nobody's budget pays for, to keep where it is bounded otherwise.
    #[must_use]
    pub fn unaccounted(&self) -> Self {
        Arc::clone(&self.payload).into()
    }
}

impl Deref for DataMessage {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.payload
    }
}

impl AsRef<[u8]> for DataMessage {
    fn as_ref(&self) -> &[u8] {
        &self.payload
    }
}

impl PartialEq for DataMessage {
    fn eq(&self, other: &Self) -> bool {
        self.payload == other.payload
    }
}

impl Eq for DataMessage {}

/// A message that nobody's budget pays for.
impl<T: Into<Arc<[u8]>>> From<T> for DataMessage {
    fn from(payload: T) -> Self {
        Self {
            payload: payload.into(),
            permit: DataPermit::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: usize = 100 + DATA_MESSAGE_COST_BYTES;

    #[test]
    fn a_permit_is_given_back_when_the_last_copy_of_its_message_is_gone() {
        let budget = DataBudget::new(2 * COST);
        let message = DataMessage {
            payload: vec![1; 100].into(),
            permit: budget.permit(100),
        };
        let copy = message.clone();
        let other = budget.permit(100);
        assert!(budget.is_spent() && !budget.is_recovered());
        drop(message);
        assert!(budget.is_spent());
        drop(copy);
        assert!(!budget.is_spent() && budget.is_recovered());
        drop(other);
    }

    #[test]
    fn a_message_presses_while_its_sender_has_much_under_way() {
        let budget = DataBudget::new(2 * COST);
        let first = budget.permit(100);
        assert!(!first.is_pressing());
        let second = budget.permit(0);
        assert!(first.is_pressing() && second.is_pressing());
        drop(second);
        assert!(!first.is_pressing());
        assert!(!DataPermit::default().is_pressing());
    }

    #[test]
    fn a_message_that_is_kept_otherwise_holds_nothing_of_its_senders_budget() {
        let budget = DataBudget::new(COST);
        let message = DataMessage {
            payload: vec![1; 100].into(),
            permit: budget.permit(100),
        };
        let kept = message.unaccounted();
        assert!(budget.is_spent());
        drop(message);
        assert!(budget.is_recovered() && !kept.permit.is_accounted());
        assert_eq!(*kept, [1; 100]);
    }
}
