use crate::group::Group;
use crate::problem::{Problem, Read};
use crate::value;

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What an operator must act on.
    Error,
    /// What the node cannot do as it should.
    Warn,
    /// The life of nodes, rooms and participants.
    Info,
    /// Every negotiation.
    Debug,
    /// Every packet; compiled out of release builds.
    Trace,
}

impl LogLevel {
    /// Returns the name that `tracing` knows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    fn read(written: &str) -> Read<Self> {
        match written.to_ascii_lowercase().as_str() {
            "error" | "fatal" | "panic" => Ok(Self::Error),
            "warn" | "warning" => Ok(Self::Warn),
            "info" => Ok(Self::Info),
            "debug" => Ok(Self::Debug),
            "trace" => Ok(Self::Trace),
            _ => Err(Problem::new(
                "is no log level",
                "write error, warn, info, debug or trace",
            )),
        }
    }
}

/// What is logged and how: the group `logging`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logging {
    /// `level`, or the deprecated `log_level` at the top. Default info, in development debug.
    pub level: LogLevel,
    /// `json`: one JSON object a line instead of text. Default false, for people.
    pub json: bool,
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            level: LogLevel::Info,
            json: false,
        }
    }
}

impl Logging {
    pub(crate) fn read(root: &mut Group<'_>, development: bool) -> Self {
        let deprecated = root.get("log_level", LogLevel::read);
        root.group("logging", |group| {
            Self::read_group(group, deprecated, development)
        })
    }

    fn read_group(group: &mut Group<'_>, deprecated: Option<LogLevel>, development: bool) -> Self {
        let default = match development {
            true => LogLevel::Debug,
            false => LogLevel::Info,
        };
        let level = group.get("level", LogLevel::read);
        for name in [
            "sample",
            "sample_initial",
            "sample_interval",
            "item_sample_seconds",
            "item_sample_initial",
            "item_sample_interval",
        ] {
            group.unsupported(
                name,
                &["false", "0"],
                "has no effect: every line is logged, none is sampled",
            );
        }
        group.unsupported(
            "component_levels",
            &[],
            "has no effect: one level holds for all of the node",
        );
        group.unsupported(
            "pion_level",
            &["error"],
            "has no effect: this node contains no Pion",
        );
        Self {
            level: deprecated.or(level).unwrap_or(default),
            json: group.get("json", value::truth).unwrap_or(false),
        }
    }
}
