//! What the sessions of a run have in common.

use std::sync::Arc;

use loadtest_peer::Identity;

use crate::media::MediaThreads;
use crate::samples::Samples;
use crate::signal::Server;

/// What all sessions share.
pub(crate) struct Context {
    pub(crate) server: Server,
    pub(crate) signer: auth::ApiSecret,
    pub(crate) identity: Arc<Identity>,
    pub(crate) samples: Samples,
    pub(crate) threads: MediaThreads,
}
