use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::fault::Report;
use crate::group::Group;
use crate::problem::Problem;
use crate::value;
use crate::{
    ApiKeyPair, Audio, Bind, DEV_KEY, DEV_SECRET, Database, Fault, Http, Inputs, Limit, Logging,
    Network, Prometheus, Quotas, Room, Rtc, Sessions, Tokens, Warning, Webhook, ip, keys, network,
    unsupported,
};

/// What the operator decides about a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `port`: HTTP and WebSocket. Default 7880; 0 lets the system choose.
    pub port: u16,
    /// `bind_addresses`: where HTTP and WebSocket listen. Default everywhere; with `--dev` and its
    /// key only on this machine, because everybody knows the key.
    pub bind: Bind,
    /// `keys` or `key_file`: who may sign tokens, in the order written. Never empty.
    pub keys: Vec<ApiKeyPair>,
    /// `key_file`: where they are read from, if anywhere else than from `keys`.
    pub key_file: Option<String>,
    /// `region`: what clients are told about where the node is. Default empty.
    pub region: String,
    /// `--dev` or `development`: more is logged, and less is complained about.
    pub development: bool,
    /// The media plane.
    pub rtc: Rtc,
    /// What rooms are like.
    pub room: Room,
    /// What one node and one participant may use.
    pub limit: Limit,
    /// How active speakers are found.
    pub audio: Audio,
    /// What is logged and how.
    pub logging: Logging,
    /// Where metrics are served.
    pub prometheus: Prometheus,
    /// How HTTP is served.
    pub http: Http,
    /// `trusted_proxies`: networks of proxies that say truly where a client is (`X-Forwarded-For`). Default none: a client is
    /// where its connection comes from.
    pub trusted_proxies: Vec<Network>,
    /// `data_dir`: where the node keeps its files. Default the folder of the configuration file; with `--dev` and without
    /// one a temporary folder.
    pub data_dir: Option<String>,
    /// Who is told of what happens in rooms.
    pub webhook: Webhook,
    /// The endpoint that gives users their tokens, if there is one.
    pub tokens: Option<Tokens>,
    /// Where is kept what outlives the process.
    pub database: Database,
    /// How long it is kept what sessions came to.
    pub sessions: Sessions,
    /// How much the rooms of each key may be used.
    pub quotas: Quotas,
    /// `shutdown_timeout`: how long a node that is told to stop may take to tell its participants and
    /// end; after that it is ended, whatever stands still. Default 25 s, a little less than Kubernetes
    /// waits.
    pub shutdown_timeout: Duration,
}

impl Config {
    /// Reads the configuration from all its inputs.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, in the order of lines; the configuration is used only if nothing
    /// is.
    pub fn load(inputs: &Inputs<'_>) -> Result<(Self, Vec<Warning>), Vec<Fault>> {
        let (tree, unreadable) = inputs.tree();
        if !unreadable.is_empty() {
            // What is missing may stand in the text that cannot be read.
            return Err(unreadable);
        }
        let mut report = Report::default();
        let config = Group::read_root(tree, &mut report, |root| Self::read(root, inputs));
        report.name_unknown_keys();
        match report.faults.is_empty() {
            true => Ok((config, report.warnings)),
            false => Err(report.faults),
        }
    }

    fn read(root: &mut Group<'_>, inputs: &Inputs<'_>) -> Self {
        let development = root.get("development", value::truth).unwrap_or(false) || inputs.dev;
        let keys::Read { keys, key_file } =
            keys::read(root, inputs.dev, development, inputs.read_file);
        let mut limit = root.group("limit", Limit::read);
        let mut config = Self {
            port: root.get("port", value::port).unwrap_or(7880),
            bind: bind(root),
            webhook: root.group("webhook", |group| Webhook::read(group, &keys, inputs)),
            keys,
            key_file,
            region: root.get("region", value::text).unwrap_or_default(),
            development,
            rtc: root.group("rtc", |rtc| Rtc::read(rtc, inputs.dev, inputs.read_file)),
            room: root.group("room", |room| Room::read(room, &mut limit)),
            limit,
            audio: root.group("audio", Audio::read),
            logging: Logging::read(root, development),
            prometheus: Prometheus::read(root),
            http: root.group("http", Http::read),
            trusted_proxies: root
                .list("trusted_proxies", network::network)
                .unwrap_or_default(),
            tokens: root.group("tokens", |group| Tokens::read(group, inputs)),
            data_dir: root.get("data_dir", value::text),
            database: root.group("database", |group| Database::read(group, inputs)),
            sessions: root.group("sessions", Sessions::read),
            quotas: root.group("quotas", Quotas::read),
            shutdown_timeout: root
                .get("shutdown_timeout", value::seconds)
                .unwrap_or(Duration::from_secs(25)),
        };
        unsupported::read(root);
        if inputs.dev {
            config.fill_in_for_development();
        }
        config.check_ports(root);
        config
    }

    /// Reports whether the only key is the one that everybody knows, so that a token is no secret.
    pub fn has_only_dev_key(&self) -> bool {
        let is_known =
            |pair: &ApiKeyPair| pair.key == DEV_KEY && pair.secret.expose() == DEV_SECRET;
        !self.keys.is_empty() && self.keys.iter().all(is_known)
    }

    /// Fills in a key that everybody knows, and therefore lets nobody in from elsewhere.
    fn fill_in_for_development(&mut self) {
        if self.keys.is_empty() {
            self.keys.push(ApiKeyPair {
                key: DEV_KEY.to_owned(),
                secret: DEV_SECRET.to_owned().into(),
            });
        }
        if self.has_only_dev_key() && self.bind == Bind::All {
            self.bind = Bind::Only(vec![
                IpAddr::V4(Ipv4Addr::LOCALHOST),
                IpAddr::V6(Ipv6Addr::LOCALHOST),
            ]);
        }
    }

    fn check_ports(&self, root: &mut Group<'_>) {
        if self.port != 0 && self.rtc.tcp_port == Some(self.port) {
            let problem = Problem::new(
                "is the same as `port`, and both are TCP",
                "write another port for one of them",
            );
            root.fault("rtc.tcp_port", None, problem);
        }
        let taken = [self.rtc.tcp_port, Some(self.port).filter(|port| *port != 0)];
        if self
            .prometheus
            .port
            .is_some_and(|port| taken.contains(&Some(port)))
        {
            let problem = Problem::new(
                "is the same as `port` or `rtc.tcp_port`, and all are TCP",
                "write a port that is free, such as 6789",
            );
            root.fault("prometheus.port", None, problem);
        }
    }
}

/// Reads `bind_addresses`. An empty text or an unspecified address means everywhere, as with
/// LiveKit.
fn bind(root: &mut Group<'_>) -> Bind {
    let optional = |written: &str| match written {
        "" | "*" => Ok(None),
        _ => ip::ip(written).map(Some),
    };
    let Some(written) = root.list("bind_addresses", optional) else {
        return Bind::All;
    };
    let addresses: Option<Vec<IpAddr>> = written.into_iter().collect();
    match addresses {
        Some(addresses) if !addresses.is_empty() => Bind::Only(addresses),
        Some(_) | None => Bind::All,
    }
}

#[cfg(test)]
mod tests;
