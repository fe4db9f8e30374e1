//! One participant, as those who have it do something see it.

mod negotiation;
mod seen;
mod task;

use std::sync::Arc;
use std::time::Duration;

use livekit_protocol::signal_request;
use loadtest_peer::{DataDelivery, Identity, Tally, Track};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, spawn_local};
use tokio_tungstenite::tungstenite::Message;

use crate::server::Server;
use crate::signal;
use seen::Order;
pub(crate) use seen::{Plan, Seen, View};

/// A participant, played by a task of its own. It leaves when this is dropped.
#[derive(Debug)]
pub(crate) struct Client {
    requests: mpsc::Sender<Message>,
    orders: mpsc::UnboundedSender<Order>,
    view: View,
    task: JoinHandle<()>,
}

/// Messages that wait for the signalling connection.
const REQUESTS: usize = 16;

impl Client {
    /// Begins to join, on the thread of the caller, where its task stays.
    pub(crate) fn join(server: &Server, identity: &Arc<Identity>, plan: Plan) -> Self {
        let (requests, requested) = mpsc::channel(REQUESTS);
        let (orders, ordered) = mpsc::unbounded_channel();
        let (show, seen) = watch::channel(Seen::default());
        let means = task::Means {
            server: server.clone(),
            identity: Arc::clone(identity),
            show,
        };
        let task = spawn_local(task::run(means, plan, requested, ordered));
        Self {
            requests,
            orders,
            view: View(seen),
            task,
        }
    }

    /// Waits until media can flow.
    pub(crate) async fn joined(&self, patience: Duration) -> Result<Duration, String> {
        self.view
            .until(patience, "to join", |seen| seen.joined.is_some())
            .await?;
        Ok(self.view.seen().joined.unwrap_or_default())
    }

    /// Returns what is seen of it, for whoever else looks.
    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// Returns why the session is over, if it is.
    pub(crate) fn ended(&self) -> Option<String> {
        self.view.seen().ended.clone()
    }

    /// Returns whether the server said why.
    pub(crate) fn was_told_to_leave(&self) -> bool {
        self.view.seen().told_to_leave
    }

    /// Sends a message; waits while the server does not read. Tells whether the session goes on.
    pub(crate) async fn send(&self, message: signal_request::Message) -> bool {
        self.send_frame(signal::frame(message)).await
    }

    /// Sends a frame as it is.
    pub(crate) async fn send_frame(&self, frame: Message) -> bool {
        self.requests.send(frame).await.is_ok()
    }

    /// Publishes a track.
    pub(crate) fn publish(&self, track: Track) {
        self.order(Order::Publish(track));
    }

    /// Ends a track, named as it was when it was published.
    pub(crate) fn unpublish(&self, cid: &str) {
        self.order(Order::Unpublish(cid.to_owned()));
    }

    /// Sends a data message; `false` when there is no room for it.
    pub(crate) async fn send_data(&self, delivery: DataDelivery, message: Vec<u8>) -> bool {
        let (reply, sent) = oneshot::channel();
        self.order(Order::Data(delivery, message, reply));
        sent.await.unwrap_or(false)
    }

    /// Takes no data from now on: the window of SCTP closes.
    pub(crate) fn hold_data(&self) {
        self.order(Order::HoldData);
    }

    /// Reads no message of the server's from now on, or reads on.
    pub(crate) fn read(&self, read: bool) {
        self.order(Order::Read(read));
    }

    /// Returns what was counted since the last time.
    pub(crate) async fn count(&self) -> Tally {
        let (reply, tally) = oneshot::channel();
        self.order(Order::Count(reply));
        tally.await.unwrap_or_default()
    }

    /// Leaves as clients do, and waits until it has.
    pub(crate) async fn leave(self) {
        self.order(Order::Leave);
        let Self { task, orders, .. } = self;
        task.await.ok();
        drop(orders);
    }

    fn order(&self, order: Order) {
        // A session that is over takes none.
        self.orders.send(order).ok();
    }
}
