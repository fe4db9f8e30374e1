use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::target::{Reach, is_private};

/// Finds the addresses of receivers, and only those that they may have: a name that was checked may lead elsewhere later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resolver(pub(crate) Reach);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let may = |address: &SocketAddr| reach == Reach::Anywhere || !is_private(address.ip());
            let addresses: Vec<_> = found.filter(may).collect();
            match addresses.is_empty() {
                true => {
                    Err("the name leads to private addresses only (webhook.allow_private)".into())
                }
                false => Ok(Box::new(addresses.into_iter()) as Addrs),
            }
        })
    }
}
