use signaling_protocol::proto::{ParticipantInfo, TrackType, UpdateTrackSettings};

use crate::cli::Layout;

/// Which pictures a subscriber shows, and in which size.
#[derive(Debug)]
pub(super) struct Viewing {
    layout: Layout,
    /// Video tracks in the order in which they were heard of: their places.
    tracks: Vec<String>,
}

impl Viewing {
    pub(super) fn new(layout: Layout) -> Self {
        Self {
            layout,
            tracks: Vec::new(),
        }
    }

    /// Takes what the server says of others, and returns what is to be asked for: the size of each video track that was
    /// not known, or none of it where there is no place.
    pub(super) fn settings(&mut self, others: &[ParticipantInfo]) -> Vec<UpdateTrackSettings> {
        let tracks = others.iter().flat_map(|other| &other.tracks);
        let videos = tracks.filter(|track| track.r#type() == TrackType::Video);
        let mut settings = Vec::new();
        for track in videos {
            if self.tracks.contains(&track.sid) {
                continue;
            }
            let size = self.layout.size(self.tracks.len());
            let (width, height) = size.unwrap_or_default();
            settings.push(UpdateTrackSettings {
                track_sids: vec![track.sid.clone()],
                disabled: size.is_none(),
                width,
                height,
                ..UpdateTrackSettings::default()
            });
            self.tracks.push(track.sid.clone());
        }
        settings
    }
}

#[cfg(test)]
mod tests {
    use signaling_protocol::proto::TrackInfo;

    use super::*;

    fn publisher(sid: &str) -> ParticipantInfo {
        ParticipantInfo {
            tracks: vec![TrackInfo {
                sid: sid.to_owned(),
                r#type: TrackType::Video.into(),
                ..TrackInfo::default()
            }],
            ..ParticipantInfo::default()
        }
    }

    #[test]
    fn every_track_gets_its_place_once() {
        let mut viewing = Viewing::new(Layout::Speaker);
        let first = viewing.settings(&[publisher("TR_a"), publisher("TR_b")]);
        let sizes: Vec<_> = first.iter().map(|settings| settings.width).collect();
        assert_eq!(sizes, [1_280, 320]);
        assert!(viewing.settings(&[publisher("TR_b")]).is_empty());
    }

    #[test]
    fn a_track_without_a_place_is_not_received() {
        let mut viewing = Viewing::new(Layout::Grid3);
        let sids: Vec<_> = (0..10).map(|at| publisher(&format!("TR_{at}"))).collect();
        let disabled = viewing
            .settings(&sids)
            .iter()
            .filter(|settings| settings.disabled)
            .count();
        assert_eq!(disabled, 1);
    }
}
