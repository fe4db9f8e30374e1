//! What stands beside rooms: the database, bans, events and their receivers, the APIs.

use control_api::{
    Api, Bans, Doors, Drain, KeySet, MetricsSources, Session, SignedBy, TokenCounts, TokenEndpoint,
    TokenEndpointParts, TokenRates, token_routes,
};
use signaling::{KeyRing, Rooms};
use sluice_config::{Config, JwksSource, TokenSession};
use store::{Kind, Store, StoreError};
use tokio::task::JoinHandle;

use crate::data_dir::DataDir;
use crate::events::Events;
use crate::outcome::Outcome;
use crate::translate;

/// What stands beside rooms, for as long as the node runs.
#[derive(Debug)]
pub(crate) struct Control {
    rooms: Rooms,
    keys: KeyRing,
    store: Store,
    doors: Doors,
    bans: Bans,
    drain: Drain,
    keeping: JoinHandle<()>,
    counting: JoinHandle<()>,
    events: Events,
    token_counts: TokenCounts,
}

impl Control {
    /// Opens the database and loads what rooms need to know.
    pub(crate) async fn start(
        config: &Config,
        data: &DataDir,
        rooms: &Rooms,
        keys: &KeyRing,
        doors: Doors,
    ) -> Result<Self, String> {
        let store = data.store(config)?;
        let bans = Bans::new(doors.bans.clone(), store.clone(), rooms.clone());
        load(&bans, store.kind(), &data.database(config)).await?;
        let keeping = tokio::spawn(bans.clone().keep());
        let counting = tokio::spawn(doors.quotas.clone().keep(store.clone()));
        let events = Events::start(config, data, rooms, keys, &store).await?;
        Ok(Self {
            rooms: rooms.clone(),
            keys: keys.clone(),
            store,
            doors,
            bans,
            drain: Drain::new(rooms.clone()),
            keeping,
            counting,
            events,
            token_counts: TokenCounts::default(),
        })
    }

    /// Returns the APIs.
    pub(crate) fn routes(&self, config: &Config) -> axum::Router {
        let (rooms, bans) = (self.rooms.clone(), self.bans.clone());
        let webhooks = self.events.webhooks();
        let max_body = translate::max_api_body(config);
        let twirp = control_api::routes(rooms.clone(), bans.clone(), webhooks.clone(), max_body);
        twirp.merge(control_api::api_routes(Api {
            rooms,
            keys: self.keys.clone(),
            bans,
            quotas: self.doors.quotas.clone(),
            webhooks,
            answers: control_api::Answers::default(),
            drain: self.drain.clone(),
        }))
    }

    /// Returns what has tokens of its own: the endpoint that gives an app's users theirs, if there is one.
    pub(crate) fn open_routes(&self, config: &Config) -> Result<axum::Router, String> {
        let Some(tokens) = &config.tokens else {
            return Ok(axum::Router::new());
        };
        let session = match &tokens.session {
            TokenSession::Secret(secret) => Session::by_secret(secret.expose()),
            TokenSession::Jwks(jwks) => Session::Keys(SignedBy {
                keys: match &jwks.source {
                    JwksSource::Url(url) => KeySet::at_url(url)
                        .map_err(|error| format!("`tokens.jwks_url`: {error}"))?,
                    JwksSource::File(file) => KeySet::in_file(file),
                },
                issuer: jwks.issuer.clone(),
                audience: jwks.audience.clone(),
            }),
            TokenSession::Callback(url) => Session::by_callback(url)
                .map_err(|error| format!("`tokens.callback_url`: {error}"))?,
        };
        Ok(token_routes(TokenEndpoint::new(TokenEndpointParts {
            rooms: self.rooms.clone(),
            keys: self.keys.clone(),
            bans: self.doors.bans.clone(),
            session,
            rates: TokenRates::new(tokens.per_address, tokens.per_identity),
            server_url: tokens.server_url.clone(),
            ttl: tokens.ttl,
            origins: tokens.origins.clone(),
            counts: self.token_counts.clone(),
        })))
    }

    /// Returns the drain of the node.
    pub(crate) fn drain(&self) -> Drain {
        self.drain.clone()
    }

    /// Returns what metrics tell of.
    pub(crate) fn metrics(&self) -> MetricsSources {
        MetricsSources {
            rooms: self.rooms.clone(),
            bans: self.bans.clone(),
            webhooks: self.events.webhooks(),
            sessions: self.events.sessions(),
            quotas: self.doors.quotas.clone(),
            tokens: self.token_counts.clone(),
        }
    }

    /// Ends what runs, when rooms have ended.
    pub(crate) async fn stop(self) {
        self.events.stop().await;
        self.keeping.abort();
        self.counting.abort();
        self.store.close().await;
    }
}

/// Loads bans. A server that does not answer is tried again while the node runs and lets nobody in; a file that cannot be
/// read, and a database that does not fit, need their operator.
async fn load(bans: &Bans, kind: Kind, place: &str) -> Outcome {
    let is_fatal = |error: &StoreError| match error {
        StoreError::Unavailable(_) => kind == Kind::Sqlite,
        StoreError::Refused(_)
        | StoreError::Newer(_)
        | StoreError::Unfit(_)
        | StoreError::Damaged { .. } => true,
    };
    match bans.load().await {
        Ok(()) => Ok(()),
        Err(error) if is_fatal(&error) => {
            Err(format!("The database {place} cannot be used: {error}"))
        }
        Err(error) => {
            tracing::error!(%error, "Nobody is let in: bans cannot be loaded; it is tried again");
            Ok(())
        }
    }
}
