//! One case beside those who want nothing but their call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use loadtest_peer::{Identity, IdentityError};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::bounds::Bounds;
use crate::case::{Case, Scale, Stage};
use crate::client::{Client, Plan};
use crate::figures::Figures;
use crate::neighbours::{Call, FAR, NEAR, Noticed};
use crate::probe::{self, Found};
use crate::runtime;
use crate::server::{Server, Usage};

/// A case to be played against a server.
#[derive(Clone, Copy, Debug)]
pub struct Trial<'a> {
    /// Who is tried.
    pub server: &'a Server,
    /// By what.
    pub case: &'a Case,
    /// How hard.
    pub scale: Scale,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// There is no certificate.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// There is no thread or runtime.
    #[error("no thread: {0}")]
    Thread(#[from] std::io::Error),
    /// The calls that were to be watched did not begin.
    #[error("no call to watch: {0}")]
    NoCall(String),
    /// Nobody got in although nothing was done yet.
    #[error("no join while idle: {0}")]
    NoJoin(String),
    /// The server's process cannot be looked at.
    #[error("the server's process is not on this machine, or has ended")]
    NoProcess,
}

/// How long it is watched before anything is done, and when the offender has left.
const REST: Duration = Duration::from_secs(1);
/// How long a join into the offender's room may take.
const NEAR_PATIENCE: Duration = Duration::from_secs(30);
/// How long memory and files may take to come back.
const RECOVERY: Duration = Duration::from_secs(12);
/// Between two looks at them.
const LOOK: Duration = Duration::from_millis(250);
/// Memory that does not count as left, in bytes: then nobody waits any longer for it to come back. A test wants to know no
/// more than whether its bound is kept.
const RECOVERED: (u64, u64) = (Bounds::ANYWHERE.rss_left, 8_000_000);

impl Trial<'_> {
    /// Plays the case and returns what was noticed of it.
    ///
    /// # Errors
    ///
    /// See [`TrialError`].
    pub fn play(&self) -> Result<Figures, TrialError> {
        let identity = Arc::new(Identity::generate()?);
        runtime::run(self.watch(&identity))?
    }

    async fn watch(&self, identity: &Arc<Identity>) -> Result<Figures, TrialError> {
        let begin = |room| Call::begin(self.server, identity, room);
        let far = begin(FAR).await.map_err(TrialError::NoCall)?;
        let near = begin(NEAR).await.map_err(TrialError::NoCall)?;
        let (idle, ()) = probe::while_running(self.server, identity, sleep(REST)).await;
        let no_join = || TrialError::NoJoin(idle.failed.join("; "));
        let idle_join = idle.median_join().ok_or_else(no_join)?;
        let before = self.server.usage().ok_or(TrialError::NoProcess)?;
        far.noticed().await;
        near.noticed().await;

        let (found, (outcome, near_join)) =
            probe::while_running(self.server, identity, self.offend(identity, &near)).await;
        let (noticed_far, noticed_near) = (far.noticed().await, near.noticed().await);
        let mut figures = judge(&found, &noticed_far, &noticed_near);
        figures.idle_join = idle_join;
        match near_join {
            Ok(took) => figures.near_join = Some(took),
            Err(why) => figures.faults.push(format!("a join into the room: {why}")),
        }
        match outcome {
            Ok(fared) => figures.offender = fared,
            Err(fault) => figures.faults.push(fault),
        }
        let after = self.recovered(before).await.ok_or(TrialError::NoProcess)?;
        figures.rss = [before.rss, found.most_rss, after.rss];
        figures.files = [before.files, after.files];
        far.end().await;
        near.end().await;
        Ok(figures)
    }

    /// Has the offender do its worst on a thread of its own; then somebody joins its room, while it is still there.
    async fn offend(
        &self,
        identity: &Arc<Identity>,
        near: &Call,
    ) -> (Result<String, String>, Result<Duration, String>) {
        let (done, worst) = oneshot::channel();
        let (let_go, over) = oneshot::channel::<()>();
        let (gone, left) = oneshot::channel();
        let stage = Stage {
            server: self.server.clone(),
            identity: Arc::clone(identity),
            scale: self.scale,
            witness: near.witness().view().clone(),
        };
        let case = *self.case;
        let thread = std::thread::Builder::new().name("offender".to_owned());
        let played = thread.spawn(move || {
            runtime::give_way();
            let played = runtime::run(async {
                let act = (case.play)(stage).await;
                let (outcome, actors) = match act {
                    Ok(act) => (Ok(act.fared), act.actors),
                    Err(fault) => (Err(fault), Vec::new()),
                };
                done.send(outcome).ok();
                over.await.ok();
                for actor in actors {
                    actor.leave().await;
                }
            });
            gone.send(played).ok();
        });
        if let Err(error) = played {
            return (Err(error.to_string()), Err(error.to_string()));
        }
        let outcome = worst
            .await
            .unwrap_or_else(|_| Err("the case panicked".to_owned()));
        let plan = Plan::new(NEAR, "newcomer").without_tracks_of_others();
        let newcomer = Client::join(self.server, identity, plan);
        let near_join = newcomer.joined(NEAR_PATIENCE).await;
        newcomer.leave().await;
        let_go.send(()).ok();
        left.await.ok();
        sleep(REST).await;
        (outcome, near_join)
    }

    /// Waits until memory and files are where they were, but not for ever.
    async fn recovered(&self, before: Usage) -> Option<Usage> {
        let until = Instant::now() + RECOVERY;
        let recovered = self.scale.of(RECOVERED.0, RECOVERED.1);
        loop {
            let usage = self.server.usage()?;
            let back = usage.rss <= before.rss + recovered && usage.files <= before.files;
            if back || Instant::now() >= until {
                return Some(usage);
            }
            sleep(LOOK).await;
        }
    }
}

/// Gaps are what they are less what this program was late itself: then it neither sent nor asked.
fn judge(found: &Found, far: &Noticed, near: &Noticed) -> Figures {
    let less = |gap: Duration| gap.saturating_sub(found.own_delay);
    Figures {
        lost_sessions: far.ended.iter().chain(&near.ended).cloned().collect(),
        far_audio_gap: less(far.audio_gap),
        far_video_gap: less(far.video_gap),
        near_audio_gap: less(near.audio_gap),
        near_video_gap: less(near.video_gap),
        own_delay: found.own_delay,
        slowest_answer: less(found.slowest_answer()),
        unhealthy: found.unhealthy,
        join: found.median_join(),
        slowest_join: found.slowest_join(),
        failed_joins: found.failed.clone(),
        ..Figures::default()
    }
}
