/// Index of a spatial layer, lowest resolution first: `0..=2`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpatialLayer(pub u8);

impl SpatialLayer {
    /// Most spatial layers that a publication has.
    pub const COUNT: usize = 3;
    /// The highest.
    pub const MAX: Self = Self(2);
}

/// Index of a temporal layer, lowest frame rate first: `0..=3`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TemporalLayer(pub u8);

impl TemporalLayer {
    /// Most temporal layers that a stream has.
    pub const COUNT: usize = 4;
    /// The highest.
    pub const MAX: Self = Self(3);
}

/// Layers of a track: everything up to these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// The highest resolution.
    pub spatial: SpatialLayer,
    /// The highest frame rate.
    pub temporal: TemporalLayer,
}

/// The size of a picture, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PictureSize {
    /// From left to right.
    pub width: u32,
    /// From top to bottom.
    pub height: u32,
}

impl PictureSize {
    /// Returns how many pixels it has.
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// How much a track matters to a subscriber beside others, where its link does not carry them all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Importance {
    /// A camera.
    #[default]
    Ordinary,
    /// The camera of who speaks.
    Speaking,
    /// What somebody shows.
    ScreenShare,
}

/// Bits per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bitrate(pub u64);
