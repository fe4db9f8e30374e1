use std::net::IpAddr;

use auth::TokenMark;
use sfu_model::UnixTime;

/// By what somebody is in a room, beside what the token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Which token it was.
    pub token: TokenMark,
    /// When that token ends.
    pub expires_at: UnixTime,
    /// Where it was shown from, as far as that can be trusted.
    pub address: Option<IpAddr>,
}
