//! What a case is made of.

use std::time::Duration;

use sfu_sim::Script;

/// A link, who is behind it, and for how long.
#[derive(Clone, Debug)]
pub struct Case {
    /// Section and title.
    pub name: &'static str,
    /// The shared link. Viewers' own links add nothing but delay.
    pub script: Script,
    /// How long it takes.
    pub duration: Duration,
    /// Who is behind the link, each with a transport of its own.
    pub viewers: Vec<Viewer>,
    /// Who else sends over it.
    pub transfers: Vec<Transfers>,
}

/// Somebody who is shown all cameras.
#[derive(Clone, Copy, Debug, Default)]
pub struct Viewer {
    /// When they join.
    pub joins: Duration,
    /// How much longer their way is than the link, each way.
    pub delay: Duration,
    /// When they look at no camera.
    pub looks_away: Option<[Duration; 2]>,
}

/// A TCP sender.
#[derive(Clone, Copy, Debug)]
pub struct Transfers {
    /// When it begins.
    pub begins: Duration,
    /// Segments of a transfer, and the pause after it; `None` for one without end.
    pub each: Option<(u64, Duration)>,
}

/// As what cameras are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// VP8 in three encodings of three temporal layers.
    Simulcast,
    /// VP9 in one stream of three spatial and three temporal layers.
    Scalable,
}

impl Media {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Simulcast => "simulcast",
            Self::Scalable => "SVC",
        }
    }
}

impl Case {
    /// Makes a case of one viewer and nothing else.
    ///
    /// # Panics
    ///
    /// Panics if the script is none.
    pub(crate) fn new(name: &'static str, seconds: u64, script: &str) -> Self {
        Self {
            name,
            script: Script::read(script).expect("a script"),
            duration: Duration::from_secs(seconds),
            viewers: vec![Viewer::default()],
            transfers: Vec::new(),
        }
    }

    /// Puts these behind the link.
    pub(crate) fn seen_by(self, viewers: impl IntoIterator<Item = Viewer>) -> Self {
        Self {
            viewers: viewers.into_iter().collect(),
            ..self
        }
    }

    /// Has these send over it too.
    pub(crate) fn beside(self, transfers: impl IntoIterator<Item = Transfers>) -> Self {
        Self {
            transfers: transfers.into_iter().collect(),
            ..self
        }
    }

    /// Cuts it short.
    #[must_use]
    pub fn shortened(self, seconds: u64) -> Self {
        Self {
            duration: Duration::from_secs(seconds),
            ..self
        }
    }
}

impl Viewer {
    pub(crate) fn joining(seconds: u64) -> Self {
        Self {
            joins: Duration::from_secs(seconds),
            ..Self::default()
        }
    }
}
