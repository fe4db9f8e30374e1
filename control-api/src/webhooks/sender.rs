use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use auth::ApiKey;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use sfu_model::Now;
use signaling::KeyRing;
use store::{Delivery, Given, Journal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::client::{Failure, WebhookClient};
use super::health::Health;
use super::outbox::{Outbox, Verdict};
use super::target::{Reach, Target, Targets};
use crate::clock;
use crate::events::{Order, Orders};

/// Events that are read of the journal at a time.
const PAGE: u32 = 64;

/// How long it is waited when the journal cannot be read.
const AGAIN: Duration = Duration::from_secs(1);

/// What senders work with.
#[derive(Debug)]
pub struct SendersParts {
    /// Who is told.
    pub targets: Targets,
    /// Where they may be.
    pub reach: Reach,
    /// Keys to sign with.
    pub keys: KeyRing,
    /// The one that signs.
    pub key: ApiKey,
    /// What there is to tell.
    pub journal: Journal,
    /// Who writes there.
    pub orders: Orders,
    /// When something was written there.
    pub written: watch::Receiver<()>,
    /// After which time an event is given up.
    pub give_up_after: Duration,
}

/// The senders of all receivers, a task for each. Clones share them.
#[derive(Clone, Debug)]
pub struct Senders(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: SendersParts,
    client: WebhookClient,
    health: Health,
    tasks: Mutex<BTreeMap<String, JoinHandle<()>>>,
}

impl Senders {
    /// Begins to tell every receiver what it has still to be told.
    ///
    /// # Errors
    ///
    /// The system's certificates cannot be read.
    pub fn start(parts: SendersParts) -> Result<Self, reqwest::Error> {
        let client = WebhookClient::new(parts.keys.clone(), parts.key.clone(), parts.reach)?;
        let senders = Self(Arc::new(Inner {
            parts,
            client,
            health: Health::default(),
            tasks: Mutex::default(),
        }));
        for target in senders.0.parts.targets.iter() {
            senders.0.health.begin(target.url().as_str());
            senders.begin(target);
        }
        Ok(senders)
    }

    /// Waits until what has happened up to now is written down.
    pub(crate) async fn settle(&self) {
        self.0.parts.orders.settle().await;
    }

    /// Has a receiver told from the beginning of what it has still to be told, which is more than it was. What is under way
    /// is sent once more.
    pub(crate) fn restart(&self, name: &str) {
        let mut targets = self.0.parts.targets.iter();
        if let Some(target) = targets.find(|target| target.url().as_str() == name) {
            self.begin(target);
        }
    }

    fn begin(&self, target: &Target) {
        let parts = &self.0.parts;
        let name = target.url().to_string();
        let sender = Sender {
            name: name.clone(),
            target: target.clone(),
            client: self.0.client.clone(),
            journal: parts.journal.clone(),
            orders: parts.orders.clone(),
            health: self.0.health.clone(),
            outbox: Outbox::new(parts.give_up_after),
            read_up_to: 0,
            has_more: true,
        };
        let mut tasks = self.tasks();
        if let Some(before) = tasks.remove(&name) {
            before.abort();
        }
        tasks.insert(name, tokio::spawn(sender.run(parts.written.clone())));
    }

    /// Returns how each receiver fares, for others to see.
    pub fn health(&self) -> Health {
        self.0.health.clone()
    }

    /// Ends all of them at once: what is under way is sent again after the next start.
    pub fn stop(&self) {
        for task in std::mem::take(&mut *self.tasks()).into_values() {
            task.abort();
        }
    }

    fn tasks(&self) -> MutexGuard<'_, BTreeMap<String, JoinHandle<()>>> {
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What has become of a request.
type Attempt = BoxFuture<'static, (Delivery, Result<(), Failure>)>;

/// Tells one receiver.
struct Sender {
    target: Target,
    name: String,
    client: WebhookClient,
    journal: Journal,
    orders: Orders,
    health: Health,
    outbox: Outbox,
    /// What is in the journal up to here is, or was, in the outbox.
    read_up_to: i64,
    /// Whether there may be more in the journal.
    has_more: bool,
}

impl Sender {
    async fn run(mut self, mut written: watch::Receiver<()>) {
        let mut attempts: FuturesUnordered<Attempt> = FuturesUnordered::new();
        loop {
            self.read().await;
            while let Some(delivery) = self.outbox.next(Instant::now()) {
                attempts.push(self.attempt(delivery));
            }
            let due = self.outbox.poll_timeout();
            tokio::select! {
                Some((delivery, outcome)) = attempts.next() => self.finish(&delivery, outcome).await,
                changed = written.changed() => match changed {
                    Ok(()) => self.has_more = true,
                    // Nobody writes any more.
                    Err(_) => return,
                },
                () = sleep_until(due) => {}
            }
        }
    }

    /// Reads what there is room for.
    async fn read(&mut self) {
        while self.has_more && self.outbox.has_room() {
            let page = self
                .journal
                .deliveries(&self.name, self.read_up_to, PAGE)
                .await;
            let page = match page {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(%error, "The journal cannot be read; webhooks wait");
                    tokio::time::sleep(AGAIN).await;
                    return;
                }
            };
            self.has_more = page.len() == PAGE as usize;
            let now = Instant::now();
            for delivery in page {
                self.read_up_to = delivery.sequence;
                self.outbox.add(now, delivery);
            }
        }
    }

    fn attempt(&self, delivery: Delivery) -> Attempt {
        let (client, url) = (self.client.clone(), self.target.url().clone());
        Box::pin(async move {
            let outcome = client.send(&url, &delivery.body).await;
            (delivery, outcome)
        })
    }

    async fn finish(&mut self, delivery: &Delivery, outcome: Result<(), Failure>) {
        let now = Now {
            mono: Instant::now(),
            unix: clock::now(),
        };
        let order = match outcome {
            Ok(()) => {
                if self.health.taken(&self.name, now.unix) {
                    tracing::info!(
                        receiver = self.target.host(),
                        "A receiver of webhooks takes them again"
                    );
                }
                self.outbox.succeed(now.mono, &delivery.room_sid);
                Order::Taken {
                    target: self.name.clone(),
                    sequence: delivery.sequence,
                }
            }
            Err(failure) => {
                if self
                    .health
                    .failed(&self.name, now.unix, failure.to_string())
                {
                    tracing::warn!(receiver = self.target.host(), %failure, "A receiver has not taken a webhook; it is told again");
                }
                match self.outbox.fail(now, &delivery.room_sid) {
                    Verdict::Again => return,
                    Verdict::GivenUp(sequences) => {
                        return self.give_up(now, &sequences, &failure).await;
                    }
                }
            }
        };
        self.orders.give(order).await;
    }

    async fn give_up(&self, now: Now, sequences: &[i64], failure: &Failure) {
        tracing::error!(receiver = self.target.host(), events = sequences.len(), %failure, "Webhooks are given up; they are in the list of dead ones");
        for sequence in sequences {
            self.health.given_up(&self.name);
            let given = Given {
                target: self.name.clone(),
                sequence: *sequence,
                at: now.unix,
                reason: failure.to_string(),
            };
            self.orders.give(Order::GiveUp(given)).await;
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
