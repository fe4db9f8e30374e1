use std::fmt;

use crate::problem::{Problem, Read};
use crate::value;

/// The UDP ports of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UdpPorts {
    /// Whatever the system gives, one for each shard. For tests.
    Any,
    /// One port, which all shards share.
    One(u16),
    /// The ports from `first` to `last`, both included: one for each shard, so that there are never
    /// more shards than ports.
    Range {
        /// The first shard's port.
        first: u16,
        /// The last that may be used.
        last: u16,
    },
}

impl Default for UdpPorts {
    /// From 7882 up, enough for the largest machines; a node uses only as many as it has shards.
    fn default() -> Self {
        Self::Range {
            first: 7882,
            last: 7945,
        }
    }
}

impl fmt::Display for UdpPorts {
    /// Writes the ports as they are configured.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::One(port) => port.fmt(f),
            Self::Range { first, last } => write!(f, "{first}-{last}"),
        }
    }
}

impl UdpPorts {
    /// Returns the port of each of `shards` shards; of fewer where the range is shorter. A port of 0
    /// lets the system choose.
    pub fn for_shards(self, shards: u16) -> Vec<u16> {
        match self {
            Self::Any => vec![0; usize::from(shards)],
            Self::One(port) => vec![port; usize::from(shards)],
            Self::Range { first, last } => (first..=last).take(usize::from(shards)).collect(),
        }
    }

    /// Returns the ports from `first` to `last`.
    pub(crate) fn between(first: u16, last: u16) -> Self {
        match first == last {
            true => Self::One(first),
            false => Self::Range { first, last },
        }
    }

    /// Reads a port or a range of them: `7882`, `7882-7892`. Zero is [`Self::Any`].
    pub(crate) fn read(written: &str) -> Read<Self> {
        let problem = || {
            Problem::new(
                "is no port or range of ports",
                "write one such as 7882, or a range such as 7882-7892",
            )
        };
        let (first, last) = match written.split_once('-') {
            Some((first, last)) => (first.trim(), last.trim()),
            None => (written, written),
        };
        let first = value::port(first).map_err(|_| problem())?;
        let last = value::port(last).map_err(|_| problem())?;
        match (first, last) {
            (0, 0) => Ok(Self::Any),
            (0, _) => Err(problem()),
            _ if first > last => Err(Problem::new(
                "is a range whose end comes before its beginning",
                format!("write {last}-{first}"),
            )),
            _ => Ok(Self::between(first, last)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_port_and_a_range_are_read() {
        let one = UdpPorts::read("7882").unwrap();
        assert_eq!(one.for_shards(2), [7882, 7882]);
        assert_eq!(UdpPorts::read("7882-7882").unwrap(), one);
        let range = UdpPorts::read("7882-7892").unwrap();
        assert_eq!(range.for_shards(3), [7882, 7883, 7884]);
        assert_eq!(
            [one, range].map(|ports| ports.to_string()),
            ["7882", "7882-7892"]
        );
        assert_eq!(UdpPorts::read("0").unwrap().for_shards(2), [0, 0]);
    }

    #[test]
    fn the_last_port_of_all_is_no_overflow() {
        let range = UdpPorts::read("65534-65535").unwrap();
        assert_eq!(range.for_shards(9), [65534, 65535]);
    }

    #[test]
    fn broken_ranges_are_refused() {
        for written in ["", "-", "7882-", "-7882", "1-2-3", "x", "0-7", "70000"] {
            assert!(UdpPorts::read(written).is_err(), "{written}");
        }
        let turned = UdpPorts::read("9-3").unwrap_err();
        assert_eq!(turned.remedy, "write 3-9");
    }
}
