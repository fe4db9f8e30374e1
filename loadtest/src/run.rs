use std::sync::Arc;
use std::time::{Duration, Instant};

use auth::{Keys, Secret};
use loadtest_peer::Identity;
use sfu_model::ApiKey;
use tokio::time::sleep;

use crate::cli::TestFlags;
use crate::crowd::Crowd;
use crate::media::{Account, MediaThreads};
use crate::outcome::Outcome;
use crate::plan::{ParticipantPlan, pace, participants, passers_by};
use crate::report::{TestResult, Window};
use crate::samples::Samples;
use crate::server_process::{ServerProcess, Usage};
use crate::session::Context;
use crate::signal::Server;

/// How long packets that are late at the end of the measurement are waited for.
const GRACE: Duration = Duration::from_millis(1_000);
/// How much longer data is waited for while more of it comes: reliable data that waits in a queue is late, not lost.
const DATA_GRACE: Duration = Duration::from_secs(10);
/// How long the server has to give back what the participants held.
const AFTERMATH: Duration = Duration::from_secs(2);

/// Runs a test: everybody joins, the load settles, it is measured, everybody leaves.
pub(crate) async fn run(flags: &TestFlags) -> Outcome<TestResult> {
    let context = Arc::new(context(flags)?);
    let server = flags.server_pid.map(ServerProcess::new).transpose()?;
    let room = match &flags.room {
        Some(room) => room.clone(),
        None => random_room()?,
    };
    let plans = participants(flags, &room);
    if plans.is_empty() && !flags.churn {
        return Err("nobody is to join: say --subscribers, --video-publishers, --audio-publishers, --data-publishers or --churn".to_owned());
    }
    let subscribers = plans.iter().filter(|plan| plan.subscribes).count();
    let passers_by = passers_by(flags, &room, plans.len());
    let mut crowd = Crowd::new(Arc::clone(&context), server);
    let before = crowd.usage();
    let begun = Instant::now();
    crowd.join(plans, pace(flags.num_per_second)).await;
    let mut joined_in = begun.elapsed();
    let mut after_joins = crowd.usage();
    let window = measure(flags, &context, &mut crowd, passers_by).await;
    if flags.churn {
        joined_in = window.length;
    }
    if flags.resume_storm {
        crowd.resume(subscribers as u64).await;
    }
    crowd.leave().await;
    crowd.watch(AFTERMATH, "after").await;
    let after = crowd.usage();
    if flags.churn {
        after_joins = after;
    }
    let Crowd {
        joins, timeline, ..
    } = crowd;
    let result = TestResult {
        room,
        joins,
        joined_in,
        window,
        timeline,
        usage: before.is_some().then_some([before, after_joins, after]),
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
        server: Server::parse(&flags.url, flags.ca_file.as_deref())
            .map_err(|error| error.to_string())?,
        signer: keys.map_err(|error| error.to_string())?.first().clone(),
        identity: Arc::new(Identity::generate().map_err(|error| error.to_string())?),
        samples: Samples::load().map_err(|error| error.to_string())?,
        threads: MediaThreads::start(flags.threads)
            .map_err(|error| format!("no media threads: {error}"))?,
    })
}

fn random_room() -> Outcome<String> {
    let random = getrandom::u32().map_err(|error| format!("no random bytes: {error}"))?;
    Ok(format!("loadtest-{random:08x}"))
}

async fn measure(
    flags: &TestFlags,
    context: &Context,
    crowd: &mut Crowd,
    passers_by: impl Iterator<Item = ParticipantPlan>,
) -> Window {
    crowd.watch(seconds(flags.settle), "settling").await;
    let (before, harness_before) = (crowd.usage(), harness());
    context.threads.begin_window();
    let begun = Instant::now();
    let time = seconds(flags.duration);
    if flags.churn {
        let pace = pace(flags.num_per_second);
        crowd.churn(time, passers_by, pace).await;
    } else {
        crowd.watch(time, "measuring").await;
    }
    let (after, harness_after) = (crowd.usage(), harness());
    context.threads.end_window();
    let length = begun.elapsed();
    sleep(GRACE).await;
    let account = account(context).await;
    Window {
        length,
        tally: account.measured.unwrap_or_default(),
        completeness: account.completeness,
        data: account.data.into_values().collect(),
        usage: before.zip(after),
        harness: harness_before.zip(harness_after),
    }
}

/// Asks for the figures of the measurement, once all its data has come or no more comes.
async fn account(context: &Context) -> Account {
    let begun = Instant::now();
    let mut account = context.threads.account().await;
    while begun.elapsed() < DATA_GRACE {
        let before = account.data_received();
        if before >= account.data_expected() {
            break;
        }
        sleep(GRACE).await;
        account = context.threads.account().await;
        if account.data_received() == before {
            break;
        }
    }
    account
}

/// Returns what this process has used.
fn harness() -> Option<Usage> {
    ServerProcess::new(std::process::id()).ok()?.usage()
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
