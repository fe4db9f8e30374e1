use serde::{Deserialize, Serialize};

/// What a track shows, as LiveKit's `TrackSource` numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TrackSource {
    /// Not said.
    Unknown = 0,
    /// A camera.
    Camera = 1,
    /// A microphone.
    Microphone = 2,
    /// A shared screen's picture.
    ScreenShare = 3,
    /// A shared screen's sound.
    ScreenShareAudio = 4,
}

impl TrackSource {
    const ALL: [Self; 5] = [
        Self::Unknown,
        Self::Camera,
        Self::Microphone,
        Self::ScreenShare,
        Self::ScreenShareAudio,
    ];

    /// Returns the number in LiveKit's messages.
    pub fn number(self) -> i32 {
        self as i32
    }

    /// Reads the number in LiveKit's messages; one that nobody defined is `Unknown`.
    pub fn from_number(number: i32) -> Self {
        Self::ALL
            .into_iter()
            .find(|source| source.number() == number)
            .unwrap_or(Self::Unknown)
    }

    /// Returns the name in tokens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Camera => "camera",
            Self::Microphone => "microphone",
            Self::ScreenShare => "screen_share",
            Self::ScreenShareAudio => "screen_share_audio",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|source| source.as_str().eq_ignore_ascii_case(name))
    }
}

/// The sources that a participant may publish. In tokens it is a list of names, in which the empty
/// list means "all".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<&'static str>")]
pub struct SourceSet {
    bits: u8,
}

impl SourceSet {
    /// Set for a name that nobody defined: it allows nothing, but the list is not empty.
    const UNRECOGNISED: u8 = 1 << 7;

    /// Reports whether the set restricts nothing.
    pub fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// Reports whether the source is in the set. See [`Self::allows`] for the rule of tokens.
    pub fn contains(self, source: TrackSource) -> bool {
        self.bits & (1 << source as u8) != 0
    }

    /// Reports whether the source may be published: it is in the set, or the set is empty.
    pub fn allows(self, source: TrackSource) -> bool {
        self.is_empty() || self.contains(source)
    }

    /// Adds a source.
    pub fn insert(&mut self, source: TrackSource) {
        self.bits |= 1 << source as u8;
    }

    /// Walks the sources in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = TrackSource> {
        TrackSource::ALL
            .into_iter()
            .filter(move |&source| self.contains(source))
    }
}

impl FromIterator<TrackSource> for SourceSet {
    fn from_iter<I: IntoIterator<Item = TrackSource>>(sources: I) -> Self {
        let mut set = Self::default();
        for source in sources {
            set.insert(source);
        }
        set
    }
}

impl From<Vec<String>> for SourceSet {
    fn from(names: Vec<String>) -> Self {
        let mut set = Self::default();
        for name in names {
            match TrackSource::from_name(&name) {
                Some(source) => set.insert(source),
                None => set.bits |= Self::UNRECOGNISED,
            }
        }
        set
    }
}

impl From<SourceSet> for Vec<&'static str> {
    fn from(set: SourceSet) -> Self {
        let mut names: Self = set.iter().map(TrackSource::as_str).collect();
        if set.bits & SourceSet::UNRECOGNISED != 0 {
            names.push("unrecognised");
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> SourceSet {
        SourceSet::from(names.iter().map(|&n| n.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn an_empty_set_allows_every_source() {
        assert!(set(&[]).allows(TrackSource::ScreenShare));
    }

    #[test]
    fn a_set_allows_only_what_it_names() {
        let set = set(&["camera", "SCREEN_SHARE"]);
        assert!(set.allows(TrackSource::Camera));
        assert!(set.allows(TrackSource::ScreenShare));
        assert!(!set.allows(TrackSource::Microphone));
    }

    #[test]
    fn a_name_that_nobody_knows_opens_nothing() {
        let set = set(&["hologram"]);
        assert!(!set.allows(TrackSource::Camera));
        assert!(!set.allows(TrackSource::Unknown));
        let again: Vec<&str> = set.into();
        assert!(!again.is_empty());
    }
}
