//! What may happen to many participants at once, and to whom.

use std::collections::{BTreeSet, HashMap};

use auth::TrackSource;
use sfu_model::{MediaKind, ParticipantIdentity};

use crate::proto;

/// Whom a call is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Everybody whom others see, but for agents and recorders, and these.
    Everybody {
        /// Who is left out.
        except: BTreeSet<ParticipantIdentity>,
    },
    /// These, each once, whatever they are.
    These(Vec<ParticipantIdentity>),
}

/// What is done to each of them.
#[derive(Clone, Debug)]
pub enum Change {
    /// Tracks are muted, or unmuted where the node allows that.
    Mute {
        /// Whether they become muted.
        muted: bool,
        /// Which tracks.
        tracks: TrackFilter,
    },
    /// They leave.
    Remove {
        /// What they are told of why.
        reason: Option<String>,
    },
    /// What is said of them, and what they may do, becomes this.
    Update(Box<ParticipantChange>),
}

/// Some tracks of a participant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrackFilter {
    /// Only those of this kind.
    pub kind: Option<MediaKind>,
    /// Only those of these sources; of all if it is empty.
    pub sources: Vec<TrackSource>,
}

/// What of a participant becomes otherwise.
#[derive(Clone, Debug, Default)]
pub struct ParticipantChange {
    /// The metadata, if it is not empty.
    pub metadata: String,
    /// Attributes; one with an empty value is deleted.
    pub attributes: HashMap<String, String>,
    /// What it may do.
    pub permission: PermissionChange,
}

/// What of a participant's permission becomes otherwise. What is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PermissionChange {
    /// Whether it may subscribe.
    pub can_subscribe: Option<bool>,
    /// Whether it may publish.
    pub can_publish: Option<bool>,
    /// Whether it may send data.
    pub can_publish_data: Option<bool>,
    /// What it may publish; anything if it is empty.
    pub can_publish_sources: Option<Vec<TrackSource>>,
    /// Whether it may change what is said of it.
    pub can_update_metadata: Option<bool>,
    /// Whether others see it.
    pub hidden: Option<bool>,
}

impl TrackFilter {
    pub(crate) fn includes(&self, kind: MediaKind, info: &proto::TrackInfo) -> bool {
        let source = TrackSource::from_number(info.source);
        self.kind.is_none_or(|wanted| wanted == kind)
            && (self.sources.is_empty() || self.sources.contains(&source))
    }
}

impl PermissionChange {
    /// Reports whether nothing becomes otherwise.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn apply(&self, permission: &mut proto::ParticipantPermission) {
        let set = |field: &mut bool, change: Option<bool>| *field = change.unwrap_or(*field);
        set(&mut permission.can_subscribe, self.can_subscribe);
        set(&mut permission.can_publish, self.can_publish);
        set(&mut permission.can_publish_data, self.can_publish_data);
        set(
            &mut permission.can_update_metadata,
            self.can_update_metadata,
        );
        set(&mut permission.hidden, self.hidden);
        if let Some(sources) = &self.can_publish_sources {
            let sources = sources.iter().map(|source| source.number());
            permission.can_publish_sources = sources.collect();
        }
    }
}
