//! Which addresses media is bound to, and which of them clients are told.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sfu_driver::ShardAddresses;
use sfu_model::LinkProtocol;
use signaling_session::negotiation::Candidate;
use sluice_config::Rtc;

/// The addresses of the media plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MediaAddresses {
    /// What sockets are bound to.
    pub(crate) bind: Vec<IpAddr>,
    /// What clients are told in place of an unspecified address.
    pub(crate) told: Vec<IpAddr>,
}

impl MediaAddresses {
    /// Chooses from what is configured and what the machine has.
    pub(crate) fn choose(rtc: &Rtc, machine: &[IpAddr]) -> Self {
        let configured: Vec<IpAddr> = rtc
            .node_ip
            .v4
            .map(IpAddr::from)
            .into_iter()
            .chain(rtc.node_ip.v6.map(IpAddr::from))
            .collect();
        if !configured.is_empty() {
            return Self::configured(configured, machine);
        }
        let told = told_of_machine(rtc, machine);
        Self {
            bind: told.clone(),
            told,
        }
    }

    /// An address that is not of this machine is that of a translator in front of it.
    fn configured(told: Vec<IpAddr>, machine: &[IpAddr]) -> Self {
        let bind = told.iter().map(|ip| match (machine.contains(ip), ip) {
            (true, ip) => *ip,
            (false, IpAddr::V4(_)) => Ipv4Addr::UNSPECIFIED.into(),
            (false, IpAddr::V6(_)) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        });
        Self {
            bind: bind.collect(),
            told,
        }
    }

    /// Returns the sockets of a port.
    pub(crate) fn with_port(&self, port: u16) -> Vec<SocketAddr> {
        self.bind
            .iter()
            .map(|ip| SocketAddr::new(*ip, port))
            .collect()
    }

    /// Returns the candidates of a shard: UDP first, in the order of [`MediaAddresses::told`].
    pub(crate) fn candidates(&self, shard: &ShardAddresses) -> Vec<Candidate> {
        let udp = shard.udp.iter().map(|address| (address, LinkProtocol::Udp));
        let tcp = shard.tcp.iter().map(|address| (address, LinkProtocol::Tcp));
        udp.chain(tcp)
            .map(|(address, protocol)| Candidate {
                address: SocketAddr::new(self.told_for(address.ip()), address.port()),
                protocol,
            })
            .collect()
    }

    fn told_for(&self, bound: IpAddr) -> IpAddr {
        if !bound.is_unspecified() {
            return bound;
        }
        let same_family = |ip: &&IpAddr| ip.is_ipv4() == bound.is_ipv4();
        self.told.iter().find(same_family).copied().unwrap_or(bound)
    }
}

/// Returns the addresses that clients elsewhere can reach, then loopback if wanted or if there is
/// nothing else.
fn told_of_machine(rtc: &Rtc, machine: &[IpAddr]) -> Vec<IpAddr> {
    let mut told: Vec<IpAddr> = machine
        .iter()
        .copied()
        .filter(|ip| is_reachable(*ip))
        .collect();
    if rtc.enable_loopback_candidate || told.is_empty() {
        told.push(Ipv4Addr::LOCALHOST.into());
    }
    told
}

/// Link-local addresses need a zone, which candidates cannot name.
fn is_reachable(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local() && !ip.is_unspecified(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local() && !ip.is_unspecified(),
    }
}

/// Returns the addresses of the machine's interfaces.
pub(crate) fn of_machine() -> Vec<IpAddr> {
    match if_addrs::get_if_addrs() {
        Ok(interfaces) => interfaces.iter().map(if_addrs::Interface::ip).collect(),
        Err(error) => {
            tracing::warn!(%error, "The machine's addresses are unknown, clients are told only loopback");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rtc(node_ip: Option<&str>, loopback: bool) -> Rtc {
        let body = match node_ip {
            Some(ip) => format!("rtc: {{node_ip: {ip}, enable_loopback_candidate: {loopback}}}"),
            None => format!("rtc: {{enable_loopback_candidate: {loopback}}}"),
        };
        let inputs = sluice_config::Inputs {
            body: Some(sluice_config::Text {
                name: "test",
                text: &body,
            }),
            dev: true,
            ..sluice_config::Inputs::default()
        };
        sluice_config::Config::load(&inputs).unwrap().0.rtc
    }

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_machine_behind_a_translator_binds_everywhere_and_tells_the_outer_address() {
        let addresses =
            MediaAddresses::choose(&rtc(Some("198.51.100.1"), false), &ips(&["10.0.0.2"]));
        assert_eq!(addresses.bind, ips(&["0.0.0.0"]));
        let shard = ShardAddresses {
            udp: addresses.with_port(7882),
            tcp: vec![],
        };
        let candidates = addresses.candidates(&shard);
        assert_eq!(
            candidates[0].address,
            "198.51.100.1:7882".parse::<SocketAddr>().unwrap()
        );
    }

    #[test]
    fn a_configured_address_of_the_machine_is_bound_alone() {
        let machine = ips(&["127.0.0.1", "10.0.0.2", "10.0.0.3"]);
        let addresses = MediaAddresses::choose(&rtc(Some("10.0.0.3"), true), &machine);
        assert_eq!(addresses.bind, ips(&["10.0.0.3"]));
    }

    #[test]
    fn loopback_is_told_only_when_wanted_or_alone() {
        let machine = ips(&["127.0.0.1", "10.0.0.2", "fe80::1"]);
        let choose = |loopback, machine: &[IpAddr]| {
            MediaAddresses::choose(&rtc(None, loopback), machine).told
        };
        assert_eq!(choose(false, &machine), ips(&["10.0.0.2"]));
        assert_eq!(choose(true, &machine), ips(&["10.0.0.2", "127.0.0.1"]));
        assert_eq!(choose(false, &[]), ips(&["127.0.0.1"]));
    }
}
