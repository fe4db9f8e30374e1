//! The ICE servers that clients are told beside our own candidates.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sfu_model::{ParticipantSid, UnixTime};
use sha1::Sha1;
use signaling_protocol::proto;
use signaling_session::IceServers;
use sluice_config::{Rtc, TurnCredentials, TurnProtocol, TurnServer};

/// What the operator configured.
///
/// Departure: without configured servers LiveKit names public STUN servers of others. A client
/// reaches this node directly or not at all, so its reflexive addresses serve nothing.
#[derive(Clone, Debug)]
pub(crate) struct ConfiguredIceServers {
    stun: Vec<String>,
    turn: Vec<TurnServer>,
}

impl ConfiguredIceServers {
    pub(crate) fn new(rtc: &Rtc) -> Self {
        let stun = rtc
            .stun_servers
            .iter()
            .map(|server| format!("stun:{server}"));
        Self {
            stun: stun.collect(),
            turn: rtc.turn_servers.clone(),
        }
    }
}

impl IceServers for ConfiguredIceServers {
    fn for_participant(
        &self,
        now: UnixTime,
        participant: &ParticipantSid,
    ) -> Vec<proto::IceServer> {
        let turn = self.turn.iter().map(|server| {
            let (username, credential) = login(&server.credentials, now, participant);
            proto::IceServer {
                urls: vec![url(server)],
                username,
                credential,
            }
        });
        let stun = (!self.stun.is_empty()).then(|| proto::IceServer {
            urls: self.stun.clone(),
            ..proto::IceServer::default()
        });
        turn.chain(stun).collect()
    }
}

/// Writes the URL of RFC 7065.
fn url(server: &TurnServer) -> String {
    let (scheme, transport) = match server.protocol {
        TurnProtocol::Udp => ("turn", "udp"),
        TurnProtocol::Tcp => ("turn", "tcp"),
        TurnProtocol::Tls => ("turns", "tcp"),
    };
    let (host, port) = (&server.host, server.port);
    format!("{scheme}:{host}:{port}?transport={transport}")
}

/// Returns user name and credential. With a shared secret they are personal and expire, as coturn's
/// `use-auth-secret` has it: `<expiry>:<participant>`, and the base64 HMAC-SHA1 of that.
fn login(
    credentials: &TurnCredentials,
    now: UnixTime,
    participant: &ParticipantSid,
) -> (String, String) {
    match credentials {
        TurnCredentials::Static {
            username,
            credential,
        } => (username.clone(), credential.expose().to_owned()),
        TurnCredentials::Shared { secret, ttl } => {
            let username = format!("{}:{participant}", expiry(now, *ttl));
            let mut mac = Hmac::<Sha1>::new_from_slice(secret.expose().as_bytes())
                .expect("HMAC takes a key of any length");
            mac.update(username.as_bytes());
            let credential = STANDARD.encode(mac.finalize().into_bytes());
            (username, credential)
        }
    }
}

fn expiry(now: UnixTime, ttl: Duration) -> i64 {
    UnixTime(now.0.saturating_add(ttl)).seconds()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_secret_gives_a_login_that_names_its_end_and_holder() {
        let credentials = TurnCredentials::Shared {
            secret: "north".to_owned().into(),
            ttl: Duration::from_secs(60),
        };
        let now = UnixTime(Duration::from_secs(1_433_895_858));
        let (username, credential) = login(&credentials, now, &"PA_x".into());
        assert_eq!(username, "1433895918:PA_x");
        assert_eq!(credential.len(), 28);
    }
}
