use std::time::Duration;

use crate::group::Group;
use crate::problem::{Problem, Read};
use crate::value;
use crate::{FileReader, SecretText};

/// A TURN server of somebody else's, which clients are told: an entry of `rtc.turn_servers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnServer {
    /// `host`: its name or address.
    pub host: String,
    /// `port`.
    pub port: u16,
    /// `protocol`: how clients reach it. Default tcp, as with LiveKit.
    pub protocol: TurnProtocol,
    /// How clients log in.
    pub credentials: TurnCredentials,
}

/// How clients reach a TURN server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnProtocol {
    /// `udp`
    Udp,
    /// `tcp`
    Tcp,
    /// `tls`
    Tls,
}

/// How clients log in to a TURN server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TurnCredentials {
    /// `username` and `credential`: the same for everybody.
    Static {
        /// The name.
        username: String,
        /// The password.
        credential: SecretText,
    },
    /// `secret` or `secret_file`: each participant gets its own, derived from it.
    Shared {
        /// The secret that the TURN server knows too.
        secret: SecretText,
        /// `ttl`: how long what is derived is valid, in seconds. Default 14400, four hours; at
        /// most a day.
        ttl: Duration,
    },
}

const DEFAULT_TTL: Duration = Duration::from_secs(14_400);
const MAX_TTL: Duration = Duration::from_secs(86_400);

impl TurnServer {
    /// Reads a server. One that cannot be used is a fault and left out.
    pub(crate) fn read(group: &mut Group<'_>, read_file: Option<&FileReader>) -> Option<Self> {
        let host = group.get("host", value::text);
        let port = group.get("port", value::port);
        let protocol = group.get("protocol", protocol);
        let credentials = credentials(group, read_file);
        if host.is_none() {
            let problem = Problem::new("is missing", "write the server's name or address");
            group.fault("host", None, problem);
        }
        if port.is_none() {
            let problem = Problem::new("is missing", "write the server's port, such as 3478");
            group.fault("port", None, problem);
        }
        Some(Self {
            host: host?,
            port: port?,
            protocol: protocol.unwrap_or(TurnProtocol::Tcp),
            credentials: credentials?,
        })
    }
}

fn protocol(written: &str) -> Read<TurnProtocol> {
    match written.to_ascii_lowercase().as_str() {
        "udp" => Ok(TurnProtocol::Udp),
        "tcp" | "" => Ok(TurnProtocol::Tcp),
        "tls" => Ok(TurnProtocol::Tls),
        _ => Err(Problem::new(
            "is no protocol of TURN",
            "write udp, tcp or tls",
        )),
    }
}

fn credentials(group: &mut Group<'_>, read_file: Option<&FileReader>) -> Option<TurnCredentials> {
    let username = group
        .get("username", value::text)
        .filter(|name| !name.is_empty());
    let credential = group
        .get_secret("credential")
        .filter(|text| !text.is_empty());
    let inline = group
        .get_secret("secret")
        .map(|secret| secret.trim().to_owned())
        .filter(|secret| !secret.is_empty());
    let faults_before = group.fault_count();
    let from_file = secret_file(group, read_file);
    let ttl = group
        .get("ttl", value::seconds)
        .filter(|ttl| !ttl.is_zero())
        .unwrap_or(DEFAULT_TTL)
        .min(MAX_TTL);
    if let Some(secret) = inline.or(from_file) {
        let secret = secret.into();
        return Some(TurnCredentials::Shared { secret, ttl });
    }
    if let (Some(username), Some(credential)) = (username, credential) {
        let credential = credential.into();
        return Some(TurnCredentials::Static {
            username,
            credential,
        });
    }
    if group.fault_count() == faults_before {
        let problem = Problem::new(
            "is missing, and so are other credentials",
            "write `secret` or `secret_file`, or both `username` and `credential`",
        );
        group.fault("secret", None, problem);
    }
    None
}

fn secret_file(group: &mut Group<'_>, read_file: Option<&FileReader>) -> Option<String> {
    let (path, place) = group.get_with_place("secret_file", value::text)?;
    if path.is_empty() {
        return None;
    }
    let text = match read_file {
        Some(read_file) => read_file(&path),
        None => Err("files cannot be read here".to_owned()),
    };
    let problem = match text {
        Ok(text) if !text.trim().is_empty() => return Some(text.trim().to_owned()),
        Ok(_) => "names a file that is empty".to_owned(),
        Err(reason) => format!("names a file that cannot be used: {reason}"),
    };
    let remedy = "write the path of a file that holds the secret";
    group.fault("secret_file", Some(place), Problem::new(problem, remedy));
    None
}
