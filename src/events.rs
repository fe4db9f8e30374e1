//! What happens in rooms, written down and told.

use std::time::Duration;

use auth::ApiKey;
use control_api::{
    EventKeeper, KeeperParts, Projector, ProjectorParts, Reach, Retention, RoomDetail, Senders,
    SendersParts, Sessions, Target, Targets, Webhooks,
};
use signaling::{KeyRing, Rooms};
use sluice_config::{Config, Webhook, WebhookTarget};
use store::{Store, StoreError};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::data_dir::DataDir;
use crate::inputs::host;

/// How long receivers may take for the last events of a node that stops.
const FAREWELL: Duration = Duration::from_secs(3);

/// The one who writes down what happens, the one who makes sessions of it, and those who tell of it.
#[derive(Debug)]
pub(crate) struct Events {
    keeping: JoinHandle<()>,
    stop: oneshot::Sender<()>,
    projecting: JoinHandle<()>,
    stop_projecting: oneshot::Sender<()>,
    webhooks: Webhooks,
    sessions: Sessions,
}

impl Events {
    /// Takes up the journal and begins to tell receivers.
    pub(crate) async fn start(
        config: &Config,
        data: &DataDir,
        rooms: &Rooms,
        keys: &KeyRing,
        store: &Store,
    ) -> Result<Self, String> {
        let webhook = &config.webhook;
        let targets = Targets::new(targets(webhook)?);
        let journal = data.journal();
        let notices = rooms
            .notices()
            .ok_or("what happens in rooms has another reader")?;
        let parts = KeeperParts {
            journal: journal.clone(),
            notices,
            targets: targets.clone(),
            detail: match config.room.enable_full_room_in_webhooks {
                true => RoomDetail::Full,
                false => RoomDetail::Short,
            },
        };
        let file = data.journal_file();
        let unusable =
            |error: StoreError| format!("The journal {} cannot be used: {error}", file.display());
        let (keeper, orders, written) = EventKeeper::start(parts).await.map_err(unusable)?;
        let projector = Projector::new(ProjectorParts {
            journal: journal.clone(),
            store: store.clone(),
            orders: orders.clone(),
            written: written.clone(),
            retention: Retention {
                sessions: config.sessions.keep,
                usage: config.sessions.keep_usage,
            },
        });
        let projector = projector.await.map_err(unusable)?;
        let sessions = projector.sessions();
        let counts = keeper.counts();
        let senders = Senders::start(SendersParts {
            targets,
            reach: reach(webhook),
            keys: keys.clone(),
            key: ApiKey::from(webhook.api_key.as_deref().unwrap_or_default()),
            journal: journal.clone(),
            orders,
            written,
            give_up_after: webhook.give_up_after,
        });
        let senders = senders.map_err(|error| format!("Webhooks cannot be sent: {error}"))?;
        let (stop, stopped) = oneshot::channel();
        let (stop_projecting, projected) = oneshot::channel();
        Ok(Self {
            keeping: tokio::spawn(keeper.run(stopped)),
            stop,
            projecting: tokio::spawn(projector.run(projected)),
            stop_projecting,
            webhooks: Webhooks::new(senders, journal, counts),
            sessions,
        })
    }

    /// Returns what others see of it.
    pub(crate) fn webhooks(&self) -> Webhooks {
        self.webhooks.clone()
    }

    /// Returns how far sessions are made.
    pub(crate) fn sessions(&self) -> Sessions {
        self.sessions.clone()
    }

    /// Writes down what is left, when rooms have ended, and tells it to receivers that take it soon. Others are told after the
    /// next start.
    pub(crate) async fn stop(self) {
        self.webhooks.drain(FAREWELL).await;
        self.webhooks.stop();
        // Who has ended by itself has nothing to write.
        self.stop_projecting.send(()).ok();
        self.projecting.await.ok();
        self.stop.send(()).ok();
        self.keeping.await.ok();
    }
}

fn targets(webhook: &Webhook) -> Result<Vec<Target>, String> {
    let target = |target: &WebhookTarget| {
        let (include, exclude) = (target.include_events.clone(), target.exclude_events.clone());
        let made = Target::new(&target.url, include, exclude, reach(webhook));
        made.map_err(|error| format!("`webhook`: the receiver {}: {error}", host(&target.url)))
    };
    webhook.targets.iter().map(target).collect()
}

fn reach(webhook: &Webhook) -> Reach {
    match webhook.allow_private {
        true => Reach::Anywhere,
        false => Reach::Public,
    }
}
