use std::net::IpAddr;
use std::time::Duration;

use auth::ApiKey;
use sfu_model::Traffic;

use crate::{QualityCounts, proto};

/// What the session of a participant has come to so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionAccount {
    /// How long it has lasted since its media was connected, whatever the clock on the wall says.
    pub lasted: Duration,
    /// What came from it and went to it; of the last second not all.
    pub traffic: Traffic,
    /// In how many windows of five seconds it was how well connected at the end.
    pub quality: QualityCounts,
}

/// Who began a session, beside what others are told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionOrigin {
    /// The key of the first of its tokens.
    pub key: ApiKey,
    /// Its program.
    pub client: proto::ClientInfo,
    /// Where it came from, as far as that can be trusted.
    pub address: Option<IpAddr>,
    /// Whether it is there for the sake of others, as agents and recorders are.
    pub is_dependent: bool,
}
