use std::sync::Arc;
use std::time::{Duration, Instant};

use auth::{Keys, Secret};
use loadtest_peer::{Completeness, Identity, Tally};
use sfu_model::ApiKey;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::Outcome;
use crate::cli::TestFlags;
use crate::media::MediaThreads;
use crate::plan::{ParticipantPlan, pace, participants};
use crate::progress;
use crate::report::Joins;
use crate::report::TestResult;
use crate::samples::Samples;
use crate::server_process::{ServerProcess, Usage};
use crate::session::{self, Context, Report};
use crate::signal::Server;

/// How long packets that are late at the end of the measurement are waited for.
const GRACE: Duration = Duration::from_millis(1_000);
/// How long participants may take to leave.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs a test: everybody joins, the load settles, it is measured, everybody leaves.
pub(crate) async fn run(flags: &TestFlags) -> Outcome<TestResult> {
    let context = Arc::new(context(flags)?);
    let server = flags.server_pid.map(ServerProcess::new).transpose()?;
    let room = match &flags.room {
        Some(room) => room.clone(),
        None => random_room()?,
    };
    let plans = participants(flags, &room);
    if plans.is_empty() {
        return Err(
            "nobody is to join: say --subscribers, --video-publishers or --audio-publishers"
                .to_owned(),
        );
    }
    let before = server.as_ref().and_then(ServerProcess::usage);
    let mut crowd = Crowd::new(Arc::clone(&context));
    let begun = Instant::now();
    crowd.join(plans, pace(flags.num_per_second)).await;
    let joined_in = begun.elapsed();
    let after_joins = server.as_ref().and_then(ServerProcess::usage);
    let window = measure(flags, &context, &mut crowd, server.as_ref()).await;
    crowd.leave().await;
    let after = server.as_ref().and_then(ServerProcess::usage);
    let Crowd { joins, .. } = crowd;
    let result = TestResult {
        room,
        joins,
        joined_in,
        window,
        usage: server.is_some().then_some([before, after_joins, after]),
        command: std::env::args().collect::<Vec<_>>().join(" "),
    };
    if let Ok(context) = Arc::try_unwrap(context) {
        context.threads.stop();
    }
    Ok(result)
}

fn context(flags: &TestFlags) -> Outcome<Context> {
    let keys = Keys::new([(
        ApiKey::from(flags.api_key.as_str()),
        Secret::from(flags.api_secret.as_str()),
    )]);
    Ok(Context {
        server: Server::parse(&flags.url).map_err(|error| error.to_string())?,
        signer: keys.map_err(|error| error.to_string())?.first().clone(),
        identity: Identity::generate().map_err(|error| error.to_string())?,
        samples: Samples::load().map_err(|error| error.to_string())?,
        threads: MediaThreads::start(flags.threads)
            .map_err(|error| format!("no media threads: {error}"))?,
    })
}

fn random_room() -> Outcome<String> {
    let random = getrandom::u32().map_err(|error| format!("no random bytes: {error}"))?;
    Ok(format!("loadtest-{random:08x}"))
}

/// What was measured between two moments while nobody came or went.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub(crate) length: Duration,
    pub(crate) tally: Tally,
    pub(crate) completeness: Completeness,
    /// The server's usage at both ends.
    pub(crate) usage: Option<(Usage, Usage)>,
}

async fn measure(
    flags: &TestFlags,
    context: &Context,
    crowd: &mut Crowd,
    server: Option<&ServerProcess>,
) -> Window {
    crowd.watch(seconds(flags.settle), "settling").await;
    let before = server.and_then(ServerProcess::usage);
    context.threads.begin_window();
    let begun = Instant::now();
    crowd.watch(seconds(flags.duration), "measuring").await;
    let after = server.and_then(ServerProcess::usage);
    context.threads.end_window();
    let length = begun.elapsed();
    sleep(GRACE).await;
    let (_, tally, completeness) = context.threads.account().await;
    Window {
        length,
        tally,
        completeness,
        usage: before.zip(after),
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// All participants of a run.
struct Crowd {
    context: Arc<Context>,
    sessions: JoinSet<()>,
    leave: watch::Sender<bool>,
    reports: mpsc::UnboundedReceiver<Report>,
    reporter: mpsc::UnboundedSender<Report>,
    joins: Joins,
}

impl Crowd {
    fn new(context: Arc<Context>) -> Self {
        let (reporter, reports) = mpsc::unbounded_channel();
        Self {
            context,
            sessions: JoinSet::new(),
            leave: watch::Sender::new(false),
            reports,
            reporter,
            joins: Joins::default(),
        }
    }

    /// Has everybody join, one after the other at a fixed pace, and waits until each has or has failed.
    async fn join(&mut self, plans: Vec<ParticipantPlan>, pace: Duration) {
        let mut ticks = interval(pace);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut status = interval(Duration::from_millis(200));
        let mut plans = plans.into_iter().peekable();
        while plans.peek().is_some() || self.joins.pending() > 0 {
            tokio::select! {
                _ = ticks.tick(), if plans.peek().is_some() => {
                    if let Some(plan) = plans.next() {
                        self.begin(plan);
                    }
                }
                Some(report) = self.reports.recv() => self.joins.note(&report),
                _ = status.tick() => progress::status(&format!("joining: {}", self.joins)),
            }
        }
        progress::end_status();
        progress::line(&format!("joined: {}", self.joins));
    }

    fn begin(&mut self, plan: ParticipantPlan) {
        self.joins.begin();
        let context = Arc::clone(&self.context);
        let session = session::run(context, plan, self.leave.subscribe(), self.reporter.clone());
        self.sessions.spawn(session);
    }

    /// Looks on for a while, and shows how it goes.
    async fn watch(&mut self, time: Duration, what: &str) {
        let mut status = interval(Duration::from_millis(500));
        let end = tokio::time::Instant::now() + time;
        let mut last = Tally::default();
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(end) => break,
                Some(report) = self.reports.recv() => self.joins.note(&report),
                _ = status.tick() => {
                    let (tally, ..) = self.context.threads.account().await;
                    let packets = 2 * tally.packets.saturating_sub(last.packets);
                    let bits = 16 * tally.bytes.saturating_sub(last.bytes);
                    let left = end.saturating_duration_since(tokio::time::Instant::now());
                    progress::status(&format!(
                        "{what}: {:.0} s left, {packets} packets/s, {:.1} Mbit/s, {}",
                        left.as_secs_f64(), bits as f64 / 1e6, self.joins,
                    ));
                    last = tally;
                }
            }
        }
        progress::end_status();
    }

    /// Has everybody leave, and waits for them.
    async fn leave(&mut self) {
        self.leave.send_replace(true);
        let everybody = async { while self.sessions.join_next().await.is_some() {} };
        // Those that hang are dropped with the run.
        timeout(LEAVE_TIMEOUT, everybody).await.ok();
        while let Ok(report) = self.reports.try_recv() {
            self.joins.note(&report);
        }
    }
}
