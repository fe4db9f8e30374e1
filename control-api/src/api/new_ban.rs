use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use sfu_model::{RoomName, UnixTime};
use store::BanTarget;
use utoipa::ToSchema;

use super::error::ApiError;
use crate::bans::MAX_NAME;
use crate::field;

/// Most bytes of a reason or an author.
const MAX_TEXT: usize = 1024;

/// The longest time for which a ban can be asked to hold: a hundred years. Without one it holds for ever.
const MAX_SECONDS: u64 = 100 * 366 * 86_400;

/// The widest networks that are banned: a slip of the pen shuts nobody's continent out.
const WIDEST_V4: u8 = 8;
const WIDEST_V6: u8 = 16;

/// Whom to ban: exactly one of `identity`, `address`, `token_id` and `api_key`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBan {
    /// The identity of participants.
    pub(crate) identity: Option<String>,
    /// With `identity`: the only room in which it is banned.
    pub(crate) room: Option<String>,
    /// With `identity`: only its tokens that were issued before this, in milliseconds since 1970.
    pub(crate) tokens_issued_before_ms: Option<u64>,
    /// An address, or a network as CIDR.
    pub(crate) address: Option<String>,
    /// The `jti` of a token.
    pub(crate) token_id: Option<String>,
    /// An API key, with all tokens that it has signed.
    pub(crate) api_key: Option<String>,
    /// Why. Whoever is refused reads it.
    #[serde(default)]
    pub(crate) reason: String,
    /// For how many seconds it holds; for ever if nothing is said.
    pub(crate) expires_in_seconds: Option<u64>,
}

impl NewBan {
    /// Checks whom it concerns.
    pub(crate) fn target(&self) -> Result<BanTarget, ApiError> {
        let named = [
            self.identity.is_some(),
            self.address.is_some(),
            self.token_id.is_some(),
            self.api_key.is_some(),
        ];
        if named.iter().filter(|is_named| **is_named).count() != 1 {
            let message = "write exactly one of identity, address, token_id and api_key";
            return Err(ApiError::invalid("identity", message));
        }
        if self.identity.is_none() {
            for (field, is_there) in [
                ("room", self.room.is_some()),
                (
                    "tokens_issued_before_ms",
                    self.tokens_issued_before_ms.is_some(),
                ),
            ] {
                if is_there {
                    return Err(ApiError::invalid(field, "it goes with identity alone"));
                }
            }
        }
        if let Some(address) = &self.address {
            return network(address).map(BanTarget::Address);
        }
        if let Some(id) = name("token_id", self.token_id.as_deref())? {
            return Ok(BanTarget::Token(id.to_owned()));
        }
        if let Some(key) = name("api_key", self.api_key.as_deref())? {
            return Ok(BanTarget::Key(key.into()));
        }
        let identity = name("identity", self.identity.as_deref())?.unwrap_or_default();
        let room = name("room", self.room.as_deref())?.map(RoomName::from);
        Ok(match self.tokens_issued_before_ms {
            Some(millis) => BanTarget::Tokens {
                identity: identity.into(),
                room,
                issued_before: UnixTime(Duration::from_millis(checked_millis(millis)?)),
            },
            None => BanTarget::Identity {
                identity: identity.into(),
                room,
            },
        })
    }

    /// Checks why.
    pub(crate) fn reason(&self) -> Result<String, ApiError> {
        text("reason", &self.reason)
    }

    /// Checks until when it holds.
    pub(crate) fn expires_at(&self, now: UnixTime) -> Result<Option<UnixTime>, ApiError> {
        match self.expires_in_seconds {
            None => Ok(None),
            Some(seconds @ 1..=MAX_SECONDS) => {
                Ok(Some(UnixTime(now.0 + Duration::from_secs(seconds))))
            }
            Some(_) => {
                let message = format!("write a number from 1 to {MAX_SECONDS}");
                Err(ApiError::invalid("expires_in_seconds", message))
            }
        }
    }
}

/// Checks a name that may be absent, but not empty.
fn name<'a>(field: &str, name: Option<&'a str>) -> Result<Option<&'a str>, ApiError> {
    match name {
        None => Ok(None),
        Some("") => Err(ApiError::invalid(field, "it is empty")),
        Some(name) => Ok(Some(field::name(field, name, MAX_NAME)?)),
    }
}

/// Checks a text that may be empty. Control characters would forge lines of a log.
pub(crate) fn text(field: &str, text: &str) -> Result<String, ApiError> {
    if text.len() > MAX_TEXT {
        return Err(ApiError::invalid(
            field,
            format!("it is longer than {MAX_TEXT} bytes"),
        ));
    }
    match text.chars().any(char::is_control) {
        true => Err(ApiError::invalid(field, "it has a control character")),
        false => Ok(text.to_owned()),
    }
}

/// Reads an address or a network. An IPv4 address inside of an IPv6 one is the IPv4 address.
fn network(written: &str) -> Result<IpNet, ApiError> {
    let bad = |message: &str| ApiError::invalid("address", message);
    let network = match written.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address.to_canonical()),
        Err(_) => {
            let network = written.parse::<IpNet>();
            network.map_err(|_| bad("write an address, or a network such as 192.0.2.0/24"))?
        }
    };
    let (network, widest) = match network {
        IpNet::V4(_) => (network.trunc(), WIDEST_V4),
        IpNet::V6(v6) if v6.addr().to_ipv4_mapped().is_some() => {
            return Err(bad("write it as an IPv4 network"));
        }
        IpNet::V6(_) => (network.trunc(), WIDEST_V6),
    };
    match network.prefix_len() < widest {
        true => Err(bad("the network is wider than /8 (IPv4) or /16 (IPv6)")),
        false => Ok(network),
    }
}

/// Checks that a time is one that the store can hold.
fn checked_millis(millis: u64) -> Result<u64, ApiError> {
    match i64::try_from(millis) {
        Ok(1..) => Ok(millis),
        Ok(_) | Err(_) => Err(ApiError::invalid(
            "tokens_issued_before_ms",
            "write milliseconds since 1970",
        )),
    }
}
