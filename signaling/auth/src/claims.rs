use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sfu_model::{ParticipantIdentity, RoomName};

use crate::{PermissionDenied, VideoGrant};

/// What kind of participant the holder is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "&'static str")]
pub enum ParticipantKind {
    /// A person or an app.
    #[default]
    Standard,
    /// Brings a stream in.
    Ingress,
    /// Records or streams out.
    Egress,
    /// A telephone.
    Sip,
    /// A program that takes part.
    Agent,
    /// Connects another system.
    Connector,
    /// Bridges rooms.
    Bridge,
}

impl ParticipantKind {
    const ALL: [Self; 7] = [
        Self::Standard,
        Self::Ingress,
        Self::Egress,
        Self::Sip,
        Self::Agent,
        Self::Connector,
        Self::Bridge,
    ];

    /// Returns the name in tokens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Ingress => "ingress",
            Self::Egress => "egress",
            Self::Sip => "sip",
            Self::Agent => "agent",
            Self::Connector => "connector",
            Self::Bridge => "bridge",
        }
    }
}

/// An unknown kind is an ordinary participant.
impl From<String> for ParticipantKind {
    fn from(name: String) -> Self {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(&name))
            .unwrap_or_default()
    }
}

impl From<ParticipantKind> for &'static str {
    fn from(kind: ParticipantKind) -> Self {
        kind.as_str()
    }
}

/// What the `sip` claim allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SipGrant {
    /// Administer trunks and rules.
    pub admin: bool,
    /// Call and transfer participants.
    pub call: bool,
}

/// What the `sluice` claim allows. Ours, not LiveKit's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SluiceGrant {
    /// Call the whole REST API.
    pub admin: bool,
    /// Create rooms, and not delete any.
    pub create_rooms: bool,
    /// For how many seconds its holder may be in a room, from when it first came there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_session_seconds: Option<u64>,
}

/// Everything a token says about its holder, beside how long it is valid.
///
/// It serialises to LiveKit's claims without the registered ones; the identity travels as the
/// token's subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Claims {
    /// Who the holder is: the token's `sub`, or without one its `jti`. Empty in tokens for the API.
    #[serde(skip)]
    pub identity: ParticipantIdentity,
    /// The name shown to others.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What kind of participant it is.
    #[serde(skip_serializing_if = "is_standard")]
    pub kind: ParticipantKind,
    /// Details of the kind, in LiveKit's words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kind_details: Vec<String>,
    /// What it may do with rooms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<VideoGrant>,
    /// What it may do with telephony.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sip: Option<SipGrant>,
    /// What it may do with this node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sluice: Option<SluiceGrant>,
    /// Grants on LiveKit Cloud's agents, carried but not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Value>,
    /// Grants on LiveKit Cloud's models, carried but not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inference: Option<Value>,
    /// Grants on LiveKit Cloud's telemetry, carried but not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observability: Option<Value>,
    /// A `livekit.RoomConfiguration` in its JSON form, for the room that this join creates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_config: Option<Value>,
    /// Names one of the configured room configurations.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub room_preset: String,
    /// The base64 SHA-256 of the body that a webhook's token vouches for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    /// The app's text on the participant.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub metadata: String,
    /// The app's keys and values on the participant.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes the field by reference"
)]
fn is_standard(kind: &ParticipantKind) -> bool {
    *kind == ParticipantKind::Standard
}

impl Default for Claims {
    fn default() -> Self {
        Self::of("".into())
    }
}

impl Claims {
    /// Reports whether the holder is there for the sake of others, as agents and recorders are.
    pub fn is_dependent(&self) -> bool {
        let grant = self.video.as_ref();
        matches!(self.kind, ParticipantKind::Agent | ParticipantKind::Egress)
            || grant.is_some_and(|grant| grant.agent || grant.recorder)
    }

    /// Names a holder who may do nothing yet.
    pub fn of(identity: ParticipantIdentity) -> Self {
        Self {
            identity,
            name: String::new(),
            kind: ParticipantKind::Standard,
            kind_details: Vec::new(),
            video: None,
            sip: None,
            sluice: None,
            agent: None,
            inference: None,
            observability: None,
            room_config: None,
            room_preset: String::new(),
            sha256: String::new(),
            metadata: String::new(),
            attributes: BTreeMap::new(),
        }
    }

    /// Returns the room that the holder may join. Its name may be empty: then the request says it.
    ///
    /// # Errors
    ///
    /// The token does not allow to join.
    pub fn room_to_join(&self) -> Result<RoomName, PermissionDenied> {
        let grant = self.video.as_ref().ok_or(PermissionDenied)?;
        match grant.room_join {
            true => Ok(grant.room_name()),
            false => Err(PermissionDenied),
        }
    }

    /// Checks that the holder administers this very room.
    ///
    /// # Errors
    ///
    /// It does not.
    pub fn check_room_admin(&self, room: &str) -> Result<(), PermissionDenied> {
        self.check(|grant| grant.room_admin && grant.room == room)
    }

    /// Checks that the holder may call the whole REST API.
    ///
    /// # Errors
    ///
    /// It may not.
    pub fn check_admin(&self) -> Result<(), PermissionDenied> {
        match self.sluice.is_some_and(|grant| grant.admin) {
            true => Ok(()),
            false => Err(PermissionDenied),
        }
    }

    /// Checks that the holder may create rooms.
    ///
    /// # Errors
    ///
    /// It may not.
    pub fn check_room_create(&self) -> Result<(), PermissionDenied> {
        match self.sluice.is_some_and(|grant| grant.create_rooms) {
            true => Ok(()),
            false => self.check_room_delete(),
        }
    }

    /// Checks that the holder may delete rooms. LiveKit's grant to create rooms is one to delete them, too.
    ///
    /// # Errors
    ///
    /// It may not.
    pub fn check_room_delete(&self) -> Result<(), PermissionDenied> {
        self.check(|grant| grant.room_create)
    }

    /// Checks that the holder may list rooms.
    ///
    /// # Errors
    ///
    /// It may not.
    pub fn check_room_list(&self) -> Result<(), PermissionDenied> {
        self.check(|grant| grant.room_list)
    }

    /// Checks that the holder may start and stop recordings.
    ///
    /// # Errors
    ///
    /// It may not.
    pub fn check_room_record(&self) -> Result<(), PermissionDenied> {
        self.check(|grant| grant.room_record)
    }

    /// Checks that the holder may forward or move participants of `room` into `destination`.
    ///
    /// # Errors
    ///
    /// It may not.
    pub fn check_destination(&self, room: &str, destination: &str) -> Result<(), PermissionDenied> {
        self.check_room_admin(room)?;
        self.check(|grant| grant.destination_room == destination)
    }

    fn check(&self, allows: impl FnOnce(&VideoGrant) -> bool) -> Result<(), PermissionDenied> {
        match self.video.as_ref().is_some_and(allows) {
            true => Ok(()),
            false => Err(PermissionDenied),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_of_one_room_is_no_admin_of_another() {
        let mut claims = Claims::of("root".into());
        claims.video = Some(VideoGrant {
            room_admin: true,
            room: "a".to_owned(),
            ..VideoGrant::default()
        });
        assert_eq!(claims.check_room_admin("a"), Ok(()));
        assert_eq!(claims.check_room_admin("b"), Err(PermissionDenied));
        assert_eq!(claims.check_room_create(), Err(PermissionDenied));
    }

    #[test]
    fn rooms_may_be_created_by_who_may_not_delete_them() {
        let mut claims = Claims::of("bot".into());
        claims.sluice = Some(SluiceGrant {
            create_rooms: true,
            ..SluiceGrant::default()
        });
        assert_eq!(claims.check_room_create(), Ok(()));
        assert_eq!(claims.check_room_delete(), Err(PermissionDenied));
        assert_eq!(claims.check_admin(), Err(PermissionDenied));
        claims.sluice = None;
        claims.video = Some(VideoGrant {
            room_create: true,
            ..VideoGrant::default()
        });
        assert_eq!(claims.check_room_create(), Ok(()));
        assert_eq!(claims.check_room_delete(), Ok(()));
    }

    #[test]
    fn a_token_without_a_video_grant_joins_nothing() {
        assert_eq!(Claims::of("a".into()).room_to_join(), Err(PermissionDenied));
    }

    #[test]
    fn a_kind_that_nobody_knows_is_a_standard_participant() {
        assert_eq!(
            ParticipantKind::from("AGENT".to_owned()),
            ParticipantKind::Agent
        );
        assert_eq!(
            ParticipantKind::from("dragon".to_owned()),
            ParticipantKind::Standard
        );
    }
}
