//! What happens in rooms, written down and told.

use std::time::Duration;

use auth::ApiKey;
use control_api::{
    EventKeeper, KeeperParts, Reach, RoomDetail, Senders, SendersParts, Target, Targets, Webhooks,
};
use signaling::{KeyRing, Rooms};
use sluice_config::{Config, Webhook, WebhookTarget};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::data_dir::DataDir;
use crate::inputs::host;

/// How long receivers may take for the last events of a node that stops.
const FAREWELL: Duration = Duration::from_secs(3);

/// The one who writes down what happens, and those who tell of it.
#[derive(Debug)]
pub(crate) struct Events {
    keeping: JoinHandle<()>,
    stop: oneshot::Sender<()>,
    webhooks: Webhooks,
}

impl Events {
    /// Takes up the journal and begins to tell receivers.
    pub(crate) async fn start(
        config: &Config,
        data: &DataDir,
        rooms: &Rooms,
        keys: &KeyRing,
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
        let unusable = |error| format!("The journal {} cannot be used: {error}", file.display());
        let (keeper, orders, written) = EventKeeper::start(parts).await.map_err(unusable)?;
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
        Ok(Self {
            keeping: tokio::spawn(keeper.run(stopped)),
            stop,
            webhooks: Webhooks::new(senders, journal, counts),
        })
    }

    /// Returns what others see of it.
    pub(crate) fn webhooks(&self) -> Webhooks {
        self.webhooks.clone()
    }

    /// Writes down what is left, when rooms have ended, and tells it to receivers that take it soon. Others are told after the
    /// next start.
    pub(crate) async fn stop(self) {
        self.webhooks.drain(FAREWELL).await;
        self.webhooks.stop();
        // Who has ended by itself has nothing to write.
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
