use std::net::Ipv4Addr;

use tokio_tun::Tun;

use super::ip::ip;
use super::namespace::Namespace;
use crate::outcome::Outcome;

/// One end of a link: a TUN device in a namespace. The kernel removes it when it is dropped.
pub(super) struct End<'a> {
    pub(super) tun: Tun,
    namespace: &'a Namespace,
}

impl<'a> End<'a> {
    /// Packets that the kernel keeps for us while the machine is busy: 50 Mbit/s for half a second.
    const KERNEL_QUEUE: u32 = 2_000;

    /// Makes a device whose name begins with `side`, with the address of this end and the way to the other.
    pub(super) fn make(
        side: &str,
        namespace: &'a Namespace,
        [own, other]: [Ipv4Addr; 2],
        mtu: u16,
    ) -> Outcome<Self> {
        let name = format!("{side}{}", std::process::id());
        let builder = Tun::builder().name(&name).mtu(mtu.into()).close_on_exec();
        let made = builder.build().map_err(|error| error.to_string());
        let tun = made.and_then(|queues| {
            let tun = queues.into_iter().next();
            tun.ok_or_else(|| "it has no queue".to_owned())
        });
        let tun = tun.map_err(|error| format!("/dev/net/tun: {error} (a link needs root)"))?;
        if let Some(other) = namespace.name() {
            ip(&format!("link set dev {name} netns {other}"))?;
        }
        let queue = Self::KERNEL_QUEUE;
        // Without an address of its own the kernel says nothing by IPv6 there, which would be counted.
        namespace.ip(&format!(
            "link set dev {name} addrgenmode none txqueuelen {queue}"
        ))?;
        namespace.ip(&format!("address add {own} peer {other} dev {name}"))?;
        namespace.ip(&format!("link set dev {name} up"))?;
        Ok(Self { tun, namespace })
    }

    /// Has all that leaves the namespace go by this link.
    pub(super) fn lead_everything_here(&self) -> Outcome<()> {
        let name = self.tun.name();
        self.namespace.ip(&format!("route add default dev {name}"))
    }
}
