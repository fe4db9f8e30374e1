//! Where a connection comes from, when it comes by a proxy that says so before it begins (PROXY protocol).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use signaling_protocol::{MAX_PROXY_HEADER, ProxyHeader};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::limits::Limits;

/// How long it is waited for the rest of a header of which a part is there. Proxies send it as one segment.
const REST: Duration = Duration::from_millis(10);

/// Proxies that say truly where a connection comes from. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Arc<[IpNet]>);

impl Proxies {
    /// Trusts who is in these networks, and nobody else.
    pub fn new(networks: &[IpNet]) -> Self {
        Self(networks.into())
    }

    /// Returns where a connection comes from, and takes the header off it that says so.
    ///
    /// # Errors
    ///
    /// The header is none that can be read, or does not come in time.
    pub(super) async fn source(
        &self,
        stream: &mut TcpStream,
        peer: SocketAddr,
        limits: Limits,
    ) -> io::Result<SocketAddr> {
        let is_trusted = |network: &IpNet| network.contains(&peer.ip().to_canonical());
        if !self.0.iter().any(is_trusted) {
            return Ok(peer);
        }
        // A proxy may connect before it has a request.
        timeout(limits.idle_timeout, stream.readable()).await??;
        let header = timeout(limits.head_timeout, read(stream)).await??;
        Ok(header.unwrap_or(peer))
    }
}

async fn read(stream: &mut TcpStream) -> io::Result<Option<SocketAddr>> {
    let mut seen = [0; MAX_PROXY_HEADER];
    let mut before = 0;
    loop {
        let count = stream.peek(&mut seen).await?;
        let header = ProxyHeader::read(seen.get(..count).unwrap_or_default());
        match header {
            // Closed, or the same again at the end of what will come.
            ProxyHeader::None => return Ok(None),
            ProxyHeader::Malformed => return Err(io::ErrorKind::InvalidData.into()),
            ProxyHeader::Whole { source, length } => {
                let mut header = vec![0; length];
                stream.read_exact(&mut header).await?;
                return Ok(source);
            }
            ProxyHeader::Partial => {
                if count == before {
                    sleep(REST).await;
                }
                before = count;
            }
        }
    }
}
