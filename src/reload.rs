//! Has a node that runs go on with other API keys.

use std::fs::{self, Metadata};
use std::io;
use std::time::{Duration, SystemTime};

use signaling::KeyRing;
use sluice_config::Config;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use crate::cli::NodeFlags;
use crate::{inputs, translate};

/// How often it is looked whether the key file is another.
const LOOK: Duration = Duration::from_secs(2);

/// Reads the configuration again with each SIGHUP, and when the key file has changed, and goes on with its keys. What else
/// it says counts from the next start on. Returns only if the signal cannot be received.
pub(crate) async fn follow_keys(config: &Config, flags: &NodeFlags, ring: &KeyRing) -> io::Error {
    let mut hangups = match signal(SignalKind::hangup()) {
        Ok(hangups) => hangups,
        Err(error) => return error,
    };
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stamp = Stamp::of(config.key_file.as_deref());
    loop {
        tokio::select! {
            _ = hangups.recv() => {}
            _ = look.tick() => {
                let now = Stamp::of(config.key_file.as_deref());
                if now == stamp {
                    continue;
                }
                stamp = now;
            }
        }
        match read_keys(flags) {
            Ok(keys) => {
                let names: Vec<_> = keys.iter().map(|known| known.key.to_string()).collect();
                ring.replace(keys);
                // Whoever reads it can count on the new ones.
                tracing::info!(keys = names.join(","), "The API keys were read again");
            }
            Err(error) => {
                tracing::error!("The API keys stay as they were: {error}");
            }
        }
    }
}

fn read_keys(flags: &NodeFlags) -> Result<auth::Keys, String> {
    let (config, _) = inputs::load(flags)?;
    translate::keys(&config).map_err(|error| error.to_string())
}

/// What tells one state of a file from another; nothing of one that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp(Option<(SystemTime, u64)>);

impl Stamp {
    fn of(path: Option<&str>) -> Self {
        let metadata = path.and_then(|path| fs::metadata(path).ok());
        let stamp = |metadata: Metadata| Some((metadata.modified().ok()?, metadata.len()));
        Self(metadata.and_then(stamp))
    }
}
