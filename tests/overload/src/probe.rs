//! What others notice of the server meanwhile: how soon it answers, and how soon one is in.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use loadtest_peer::Identity;
use tokio::time::sleep;

use crate::client::{Client, Plan};
use crate::server::{Server, Usage};

/// Between two questions by HTTP.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// Between the end of a join and the next.
const JOIN_EVERY: Duration = Duration::from_millis(100);
/// How long a join may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at our own clock and at the server's memory.
const TICK: Duration = Duration::from_millis(10);
/// Ticks between two looks at the server's memory.
const LOOK_EVERY: u32 = 10;

/// What was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// How long each answer to `GET /` took.
    pub(crate) answers: Vec<Duration>,
    /// How many of them were not 200.
    pub(crate) unhealthy: usize,
    /// How long each join elsewhere took, sorted.
    pub(crate) joins: Vec<Duration>,
    /// Why others failed.
    pub(crate) failed: Vec<String>,
    /// How long this thread was kept from its work at most, which looks like a delay of the server's.
    pub(crate) own_delay: Duration,
    /// Most memory that the server had, in bytes.
    pub(crate) most_rss: u64,
}

impl Found {
    fn note_answer(&mut self, took: Duration, healthy: bool) {
        self.answers.push(took);
        self.unhealthy += usize::from(!healthy);
    }

    fn note(&mut self, late: Duration, usage: Option<Usage>) {
        self.own_delay = self.own_delay.max(late);
        let rss = usage.unwrap_or_default().rss;
        self.most_rss = self.most_rss.max(rss);
    }

    /// Returns the longest of the answers.
    pub(crate) fn slowest_answer(&self) -> Duration {
        self.answers.iter().copied().max().unwrap_or_default()
    }

    /// Returns the median of the joins. `None` where nobody got in.
    pub(crate) fn median_join(&self) -> Option<Duration> {
        self.joins.get(self.joins.len() / 2).copied()
    }

    /// Returns the longest of the joins.
    pub(crate) fn slowest_join(&self) -> Option<Duration> {
        self.joins.last().copied()
    }
}

/// Asks and joins until `over` is done; returns its outcome, too.
pub(crate) async fn while_running<T>(
    server: &Server,
    identity: &Arc<Identity>,
    over: impl Future<Output = T>,
) -> (Found, T) {
    let found = RefCell::new(Found::default());
    let done = Cell::new(false);
    let ask = async {
        while !done.get() {
            let (took, healthy) = server.get().await;
            found.borrow_mut().note_answer(took, healthy);
            sleep(ASK_EVERY).await;
        }
    };
    let join = async {
        while !done.get() {
            let plan = Plan::new("elsewhere", "newcomer");
            let newcomer = Client::join(server, identity, plan);
            match newcomer.joined(PATIENCE).await {
                Ok(took) => found.borrow_mut().joins.push(took),
                Err(why) => found.borrow_mut().failed.push(why),
            }
            newcomer.leave().await;
            sleep(JOIN_EVERY).await;
        }
    };
    let watch = async {
        for tick in 0.. {
            if done.get() {
                break;
            }
            let before = Instant::now();
            sleep(TICK).await;
            let late = before.elapsed().saturating_sub(TICK);
            let usage = (tick % LOOK_EVERY == 0).then(|| server.usage()).flatten();
            found.borrow_mut().note(late, usage);
        }
    };
    let over = async {
        let outcome = over.await;
        done.set(true);
        outcome
    };
    let ((), (), (), outcome) = tokio::join!(ask, join, watch, over);
    let mut found = found.into_inner();
    found.joins.sort_unstable();
    (found, outcome)
}
