/// A data channel of LiveKit's, by its label (the label, not the stream id, is the contract).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataChannel {
    /// `_reliable`: ordered, retransmitted.
    Reliable,
    /// `_lossy`: unordered, never retransmitted.
    Lossy,
    /// `_data_track`: unordered, never retransmitted.
    DataTrack,
    /// Any other label: its messages are for everybody, as they are.
    Unlabelled,
}

impl DataChannel {
    /// Returns the channel of a label.
    pub fn from_label(label: &str) -> Self {
        match label {
            "_reliable" => Self::Reliable,
            "_lossy" => Self::Lossy,
            "_data_track" => Self::DataTrack,
            _ => Self::Unlabelled,
        }
    }

    /// Returns the label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Reliable => "_reliable",
            Self::Lossy => "_lossy",
            Self::DataTrack => "_data_track",
            Self::Unlabelled => "",
        }
    }
}
