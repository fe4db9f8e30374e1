use serde::{Deserialize, Serialize};
use sfu_model::RoomName;

use crate::{SourceSet, TrackSource};

/// The holder has no right to what was asked. The answer is 401 with this text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("permissions denied")]
pub struct PermissionDenied;

/// What a token allows, as its `video` claim says.
///
/// The fields are the claim as written; an absent one is `None`, which differs from `false`. The
/// `may_*` methods say what it comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VideoGrant {
    /// Create and delete rooms, and join one that does not exist where rooms are not made by joining.
    #[serde(skip_serializing_if = "is_false")]
    pub room_create: bool,
    /// List rooms.
    #[serde(skip_serializing_if = "is_false")]
    pub room_list: bool,
    /// Start and stop recordings.
    #[serde(skip_serializing_if = "is_false")]
    pub room_record: bool,
    /// Administer `room`.
    #[serde(skip_serializing_if = "is_false")]
    pub room_admin: bool,
    /// Join `room`.
    #[serde(skip_serializing_if = "is_false")]
    pub room_join: bool,
    /// The room that `room_join` and `room_admin` are about.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub room: String,
    /// Publish tracks. Absent: yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish: Option<bool>,
    /// Subscribe to tracks. Absent: yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_subscribe: Option<bool>,
    /// Send data. Absent: as `can_publish`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish_data: Option<bool>,
    /// Which sources may be published. Empty: all.
    #[serde(skip_serializing_if = "is_unrestricted")]
    pub can_publish_sources: SourceSet,
    /// Change the own name, metadata and attributes. Absent: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_update_own_metadata: Option<bool>,
    /// Administer ingresses.
    #[serde(skip_serializing_if = "is_false")]
    pub ingress_admin: bool,
    /// Nobody sees the participant.
    #[serde(skip_serializing_if = "is_false")]
    pub hidden: bool,
    /// The participant records the room.
    #[serde(skip_serializing_if = "is_false")]
    pub recorder: bool,
    /// Register as an agent worker.
    #[serde(skip_serializing_if = "is_false")]
    pub agent: bool,
    /// Receive metrics. Absent: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_subscribe_metrics: Option<bool>,
    /// Manage an agent's session. Absent: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_manage_agent_session: Option<bool>,
    /// The room into which a participant of `room` may be forwarded or moved.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub destination_room: String,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes the field by reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes the field by reference"
)]
fn is_unrestricted(sources: &SourceSet) -> bool {
    sources.is_empty()
}

impl VideoGrant {
    /// Allows to join a room, and there everything that an ordinary participant does.
    pub fn to_join(room: impl Into<String>) -> Self {
        Self {
            room_join: true,
            room: room.into(),
            ..Self::default()
        }
    }

    /// Reports whether tracks may be published at all.
    pub fn may_publish(&self) -> bool {
        self.can_publish.unwrap_or(true)
    }

    /// Reports whether a track of this source may be published.
    pub fn may_publish_source(&self, source: TrackSource) -> bool {
        self.may_publish() && self.can_publish_sources.allows(source)
    }

    /// Reports whether tracks may be subscribed to.
    pub fn may_subscribe(&self) -> bool {
        self.can_subscribe.unwrap_or(true)
    }

    /// Reports whether data may be sent.
    pub fn may_publish_data(&self) -> bool {
        self.can_publish_data.unwrap_or_else(|| self.may_publish())
    }

    /// Reports whether the participant may change its own name, metadata and attributes.
    pub fn may_update_own_metadata(&self) -> bool {
        self.can_update_own_metadata.unwrap_or(false)
    }

    /// Reports whether the participant may receive metrics.
    pub fn may_subscribe_metrics(&self) -> bool {
        self.can_subscribe_metrics.unwrap_or(false)
    }

    /// Reports whether the participant may manage an agent's session.
    pub fn may_manage_agent_session(&self) -> bool {
        self.can_manage_agent_session.unwrap_or(false)
    }

    /// Returns the room that the grant is about.
    pub fn room_name(&self) -> RoomName {
        RoomName::from(self.room.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_participant_may_publish_and_subscribe_unless_the_token_says_no() {
        let plain = VideoGrant::default();
        assert!(plain.may_publish() && plain.may_subscribe() && plain.may_publish_data());
        let mute = VideoGrant {
            can_publish: Some(false),
            can_subscribe: Some(false),
            ..VideoGrant::default()
        };
        assert!(!mute.may_publish() && !mute.may_subscribe());
    }

    #[test]
    fn data_follows_publishing_unless_it_is_said() {
        let mut grant = VideoGrant {
            can_publish: Some(false),
            ..VideoGrant::default()
        };
        assert!(!grant.may_publish_data());
        grant.can_publish_data = Some(true);
        assert!(grant.may_publish_data());
    }

    #[test]
    fn own_metadata_may_be_changed_only_if_it_is_said() {
        assert!(!VideoGrant::default().may_update_own_metadata());
    }

    #[test]
    fn a_source_needs_both_the_right_to_publish_and_its_name() {
        let mut grant = VideoGrant {
            can_publish_sources: [TrackSource::Microphone].into_iter().collect(),
            ..VideoGrant::default()
        };
        assert!(grant.may_publish_source(TrackSource::Microphone));
        assert!(!grant.may_publish_source(TrackSource::Camera));
        grant.can_publish = Some(false);
        assert!(!grant.may_publish_source(TrackSource::Microphone));
    }

    #[test]
    fn what_was_not_said_is_not_written() {
        let json = serde_json::to_string(&VideoGrant::to_join("lobby")).unwrap();
        assert_eq!(json, r#"{"roomJoin":true,"room":"lobby"}"#);
    }
}
