use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::plan::ParticipantPlan;
use crate::progress;
use crate::report::Joins;
use crate::server_process::{ServerProcess, Usage};
use crate::session::{self, Context, Order, Report};
use crate::timeline::Timeline;

/// How long participants may take to leave.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long participants may take to resume.
const RESUME_TIMEOUT: Duration = Duration::from_secs(30);

/// All participants of a run.
pub(crate) struct Crowd {
    context: Arc<Context>,
    server: Option<ServerProcess>,
    sessions: JoinSet<()>,
    orders: watch::Sender<Order>,
    reports: mpsc::UnboundedReceiver<Report>,
    reporter: mpsc::UnboundedSender<Report>,
    pub(crate) joins: Joins,
    pub(crate) timeline: Timeline,
}

/// How long somebody waits for the crowd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    Time(tokio::time::Instant),
    /// Nobody is joining any more.
    AllJoined,
    /// So many have resumed or failed, or it took too long.
    Resumed(u64, tokio::time::Instant),
}

impl Crowd {
    pub(crate) fn new(context: Arc<Context>, server: Option<ServerProcess>) -> Self {
        let (reporter, reports) = mpsc::unbounded_channel();
        Self {
            context,
            server,
            sessions: JoinSet::new(),
            orders: watch::Sender::new(Order::Stay),
            reports,
            reporter,
            joins: Joins::default(),
            timeline: Timeline::new(Instant::now()),
        }
    }

    pub(crate) fn usage(&self) -> Option<Usage> {
        self.server.as_ref()?.usage()
    }

    /// Has everybody join, one after the other at a fixed pace, and waits until each has or has failed.
    pub(crate) async fn join(&mut self, plans: Vec<ParticipantPlan>, pace: Duration) {
        self.follow("joining", Until::AllJoined, plans.into_iter(), pace)
            .await;
        progress::line(&format!("joined: {}", self.joins));
    }

    /// Has others come and go for a while.
    pub(crate) async fn churn(
        &mut self,
        time: Duration,
        plans: impl Iterator<Item = ParticipantPlan>,
        pace: Duration,
    ) {
        let end = tokio::time::Instant::now() + time;
        self.follow("churn", Until::Time(end), plans, pace).await;
    }

    /// Looks on for a while.
    pub(crate) async fn watch(&mut self, time: Duration, phase: &'static str) {
        let end = tokio::time::Instant::now() + time;
        let nobody = std::iter::empty();
        self.follow(phase, Until::Time(end), nobody, Duration::from_secs(1))
            .await;
    }

    /// Has the subscribers, so many, resume at once, and waits for them.
    pub(crate) async fn resume(&mut self, subscribers: u64) {
        self.orders.send_replace(Order::Resume);
        let settled = self.joins.resumed_or_failed() + subscribers;
        let until = Until::Resumed(settled, tokio::time::Instant::now() + RESUME_TIMEOUT);
        let nobody = std::iter::empty();
        self.follow("resuming", until, nobody, Duration::from_secs(1))
            .await;
    }

    /// Begins the joins of `plans` at their pace, hears how everybody fares, and shows it.
    async fn follow(
        &mut self,
        phase: &'static str,
        until: Until,
        plans: impl Iterator<Item = ParticipantPlan>,
        pace: Duration,
    ) {
        let mut plans = plans.peekable();
        let mut ticks = interval(pace);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut status = interval(Timeline::INTERVAL);
        status.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while plans.peek().is_some() || !self.is_over(until) {
            if matches!(until, Until::Time(_)) && self.is_over(until) {
                break;
            }
            tokio::select! {
                _ = ticks.tick(), if plans.peek().is_some() => {
                    if let Some(plan) = plans.next() {
                        self.begin(plan);
                    }
                }
                Some(report) = self.reports.recv() => self.joins.note(&report),
                Some(_) = self.sessions.join_next(), if !self.sessions.is_empty() => {}
                _ = status.tick() => self.note(phase).await,
                () = sleep_until(until) => {}
            }
        }
        self.note(phase).await;
        progress::end_status();
    }

    fn is_over(&self, until: Until) -> bool {
        let now = tokio::time::Instant::now();
        match until {
            Until::Time(end) => now >= end,
            Until::AllJoined => self.joins.pending() == 0,
            Until::Resumed(wanted, end) => self.joins.resumed_or_failed() >= wanted || now >= end,
        }
    }

    fn begin(&mut self, plan: ParticipantPlan) {
        self.joins.begin();
        let context = Arc::clone(&self.context);
        let session = session::run(
            context,
            plan,
            self.orders.subscribe(),
            self.reporter.clone(),
        );
        self.sessions.spawn(session);
    }

    /// Notes how it goes, and shows it.
    async fn note(&mut self, phase: &'static str) {
        let tally = self.context.threads.account().await.so_far;
        let (present, usage) = (self.joins.present(), self.usage());
        let moment = self
            .timeline
            .note(Instant::now(), phase, present, &tally, usage);
        let mut text = format!(
            "{phase}: {:.0} packets/s, {:.1} Mbit/s, {}",
            moment.packets_per_second,
            moment.bits_per_second * 1e-6,
            self.joins,
        );
        if let Some(cores) = moment.server_cores {
            text.push_str(&format!(", server {cores:.2} cores"));
        }
        progress::status(&text);
    }

    /// Has everybody leave, and waits for them.
    pub(crate) async fn leave(&mut self) {
        self.orders.send_replace(Order::Leave);
        let everybody = async { while self.sessions.join_next().await.is_some() {} };
        // Those that hang are dropped with the run.
        timeout(LEAVE_TIMEOUT, everybody).await.ok();
        while let Ok(report) = self.reports.try_recv() {
            self.joins.note(&report);
        }
    }
}

async fn sleep_until(until: Until) {
    match until {
        Until::Time(end) | Until::Resumed(_, end) => tokio::time::sleep_until(end).await,
        Until::AllJoined => std::future::pending().await,
    }
}
