use std::fmt;
use std::path::Path;

use super::ip::ip;
use crate::outcome::Outcome;
use crate::progress;

/// A network namespace that an end of a link is in. One that was made here is removed when it is dropped.
#[derive(Debug)]
pub(super) enum Namespace {
    /// The one that this process is in.
    Own,
    /// One that was there before.
    Given(String),
    /// One that was made here.
    Made(String),
}

impl Namespace {
    /// Where names of namespaces are, for `ip netns` and the kernel.
    const NAMES: &str = "/run/netns";

    /// Opens that of the near end.
    pub(super) fn near(name: Option<&str>) -> Outcome<Self> {
        name.map_or(Ok(Self::Own), Self::open)
    }

    /// Opens that of the far end, which is never the process's own.
    pub(super) fn far(name: Option<&str>) -> Outcome<Self> {
        let own = format!("link-{}", std::process::id());
        Self::open(name.unwrap_or(&own))
    }

    fn open(name: &str) -> Outcome<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if name.is_empty() || !name.bytes().all(is_plain) {
            return Err(format!(
                "{name}: name a namespace by letters, digits, - and _"
            ));
        }
        if Path::new(Self::NAMES).join(name).exists() {
            return Ok(Self::Given(name.to_owned()));
        }
        ip(&format!("netns add {name}"))?;
        let made = Self::Made(name.to_owned());
        made.ip("link set dev lo up")?;
        Ok(made)
    }

    /// Runs a command of iproute2 inside.
    pub(super) fn ip(&self, arguments: &str) -> Outcome<()> {
        match self.name() {
            Some(name) => ip(&format!("-netns {name} {arguments}")),
            None => ip(arguments),
        }
    }

    /// Returns its name; none if it is the process's own.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Own => None,
            Self::Given(name) | Self::Made(name) => Some(name),
        }
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "namespace {name}"),
            None => write!(f, "this namespace"),
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Self::Made(name) = self
            && let Err(error) = ip(&format!("netns del {name}"))
        {
            progress::line(&error);
        }
    }
}
