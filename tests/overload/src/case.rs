//! What a case is, and what it is played with.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use loadtest_peer::Identity;
use tokio::time::Instant;

use crate::client::{Client, Plan, View};
use crate::media::TrackKind;
use crate::neighbours::NEAR;
use crate::server::Server;

/// How hard a server is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// As a test among others: seconds, and hundreds.
    Short,
    /// Whole: what the project promises to stand.
    Whole,
}

impl Scale {
    /// Returns one of two sizes.
    pub(crate) fn of<T>(self, short: T, whole: T) -> T {
        match self {
            Self::Short => short,
            Self::Whole => whole,
        }
    }

    /// Returns how long a flood lasts.
    pub(crate) fn flood(self) -> Duration {
        self.of(Duration::from_millis(1_500), Duration::from_secs(5))
    }
}

/// One way of doing one's worst.
#[derive(Clone, Copy)]
pub struct Case {
    /// What it is called.
    pub name: &'static str,
    /// What is done.
    pub about: &'static str,
    /// Whether it needs the server's port for media by TCP.
    pub by_tcp: bool,
    pub(crate) play: fn(Stage) -> Playing,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case").field("name", &self.name).finish()
    }
}

/// A case that is being played.
pub(crate) type Playing = Pin<Box<dyn Future<Output = Result<Act, String>>>>;

/// What a case is played with.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) identity: Arc<Identity>,
    pub(crate) scale: Scale,
    /// One of the two in the room.
    pub(crate) witness: View,
}

/// What was done.
pub(crate) struct Act {
    /// How the offender fared.
    pub(crate) fared: String,
    /// Who is still there.
    pub(crate) actors: Vec<Client>,
}

/// How long an offender may take to join.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

impl Stage {
    /// Has somebody join the room.
    pub(crate) async fn join(&self, plan: Plan) -> Result<Client, String> {
        let client = self.begin_join(plan);
        client.joined(PATIENCE).await?;
        Ok(client)
    }

    /// Has somebody begin to join the room.
    pub(crate) fn begin_join(&self, plan: Plan) -> Client {
        Client::join(&self.server, &self.identity, plan)
    }

    /// Has so many join who receive no tracks.
    pub(crate) async fn join_listeners(&self, count: usize) -> Result<Vec<Client>, String> {
        let listeners = (0..count).map(|number| {
            let plan = Plan::new(NEAR, &format!("listener-{number}"));
            self.begin_join(plan.without_tracks_of_others())
        });
        let listeners: Vec<_> = listeners.collect();
        for listener in &listeners {
            listener.joined(PATIENCE).await?;
        }
        Ok(listeners)
    }

    /// Has the offender join with a microphone, and tells its track's sid.
    pub(crate) async fn join_speaking(&self) -> Result<(Client, String), String> {
        let plan = Plan::new(NEAR, "offender").without_tracks_of_others();
        let offender = self.join(plan.publishing(&[TrackKind::Microphone])).await?;
        let published = offender.view();
        published
            .until(PATIENCE, "to publish", |seen| !seen.own.is_empty())
            .await?;
        let sid = published.seen().own.values().next().cloned();
        Ok((offender, sid.unwrap_or_default()))
    }

    /// Returns when a flood is over that begins now.
    pub(crate) fn flood_end(&self) -> Instant {
        Instant::now() + self.scale.flood()
    }
}
