use std::time::Duration;

use store::Given;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// Orders that wait for the keeper. Whoever gives one waits when there are more.
const MAX_ORDERS: usize = 1024;

/// How long somebody waits at most until what has happened is written.
const SETTLE: Duration = Duration::from_secs(2);

/// What a sender has the keeper write.
#[derive(Debug)]
pub(crate) enum Order {
    /// A receiver has taken an event.
    Taken { target: String, sequence: i64 },
    /// An event is given up for a receiver.
    GiveUp(Given),
    /// The store has made sessions of all events up to this one.
    Projected(i64),
    /// Somebody wants to know when everything is written that has happened up to now.
    Settle(oneshot::Sender<()>),
}

/// The writing end of orders for the keeper.
#[derive(Clone, Debug)]
pub struct Orders(mpsc::Sender<Order>);

impl Orders {
    /// Creates both ends.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Order>) {
        let (sender, receiver) = mpsc::channel(MAX_ORDERS);
        (Self(sender), receiver)
    }

    /// Waits until everything is written that has happened up to now, or no longer than a caller of the API waits: a disk
    /// that is full stops nobody.
    pub(crate) async fn settle(&self) {
        let (reply, settled) = oneshot::channel();
        let wait = async {
            self.give(Order::Settle(reply)).await;
            settled.await.ok()
        };
        timeout(SETTLE, wait).await.ok();
    }

    /// Gives an order. When the keeper is gone, the receiver is told once more after the next start.
    pub(crate) async fn give(&self, order: Order) {
        self.0.send(order).await.ok();
    }
}
