//! What calls about many participants of a room say.

use std::collections::{BTreeSet, HashMap};

use auth::TrackSource;
use serde::{Deserialize, Serialize};
use sfu_model::{MediaKind, ParticipantIdentity};
use signaling_session::{Change, ParticipantChange, PermissionChange, Selection, TrackFilter};
use utoipa::ToSchema;

use super::error::ApiError;
use crate::bans::MAX_NAME;
use crate::field;

/// Most identities that one call names.
const MAX_IDENTITIES: usize = 1000;

/// Which tracks of whom are muted: either `identities` or `everybody` is written.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MuteMany {
    /// These participants, at most 1000.
    identities: Option<Vec<String>>,
    /// All that others see, but for agents and recorders.
    #[serde(default)]
    everybody: bool,
    /// With `everybody`: but for these, at most 1000.
    #[serde(default)]
    except: Vec<String>,
    /// Only tracks of this kind.
    kind: Option<Kind>,
    /// Only tracks of these sources.
    #[serde(default)]
    sources: Vec<Source>,
    /// Whether they become muted. Default true.
    #[serde(default = "yes")]
    pub(crate) muted: bool,
    /// Why, for the audit.
    #[serde(default)]
    pub(crate) reason: String,
}

/// Who is removed: either `identities` or `everybody` is written.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemoveMany {
    /// These participants, at most 1000.
    identities: Option<Vec<String>>,
    /// All that others see, but for agents and recorders.
    #[serde(default)]
    everybody: bool,
    /// With `everybody`: but for these, at most 1000.
    #[serde(default)]
    except: Vec<String>,
    /// Why. They read it, and the audit has it.
    #[serde(default)]
    pub(crate) reason: String,
}

/// What of whom becomes otherwise: either `identities` or `everybody` is written.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateMany {
    /// These participants, at most 1000.
    identities: Option<Vec<String>>,
    /// All that others see, but for agents and recorders.
    #[serde(default)]
    everybody: bool,
    /// With `everybody`: but for these, at most 1000.
    #[serde(default)]
    except: Vec<String>,
    /// What they may do. What is not written stays as it is.
    #[serde(default)]
    permission: NewPermission,
    /// The metadata; stays as it is if it is empty.
    #[serde(default)]
    metadata: String,
    /// Attributes; one with an empty value is deleted, and those not written stay.
    #[serde(default)]
    attributes: HashMap<String, String>,
    /// Why, for the audit.
    #[serde(default)]
    pub(crate) reason: String,
}

/// What participants may do.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NewPermission {
    can_subscribe: Option<bool>,
    can_publish: Option<bool>,
    can_publish_data: Option<bool>,
    /// Only these may be published; all if it is an empty list.
    can_publish_sources: Option<Vec<Source>>,
    can_update_metadata: Option<bool>,
    hidden: Option<bool>,
}

/// A kind of tracks.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Audio,
    Video,
}

/// Where a track comes from.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    Unknown,
    Camera,
    Microphone,
    ScreenShare,
    ScreenShareAudio,
}

fn yes() -> bool {
    true
}

impl MuteMany {
    pub(crate) fn whom(&self) -> Result<Selection, ApiError> {
        selection(self.identities.as_deref(), self.everybody, &self.except)
    }

    pub(crate) fn change(&self) -> Change {
        let kind = self.kind.map(|kind| match kind {
            Kind::Audio => MediaKind::Audio,
            Kind::Video => MediaKind::Video,
        });
        Change::Mute {
            muted: self.muted,
            tracks: TrackFilter {
                kind,
                sources: named(&self.sources),
            },
        }
    }
}

impl RemoveMany {
    pub(crate) fn whom(&self) -> Result<Selection, ApiError> {
        selection(self.identities.as_deref(), self.everybody, &self.except)
    }

    pub(crate) fn change(&self) -> Change {
        let reason = Some(self.reason.clone()).filter(|reason| !reason.is_empty());
        Change::Remove { reason }
    }
}

impl UpdateMany {
    pub(crate) fn whom(&self) -> Result<Selection, ApiError> {
        selection(self.identities.as_deref(), self.everybody, &self.except)
    }

    pub(crate) fn change(&self) -> Result<Change, ApiError> {
        let asked = &self.permission;
        let permission = PermissionChange {
            can_subscribe: asked.can_subscribe,
            can_publish: asked.can_publish,
            can_publish_data: asked.can_publish_data,
            can_publish_sources: asked.can_publish_sources.as_deref().map(named),
            can_update_metadata: asked.can_update_metadata,
            hidden: asked.hidden,
        };
        if permission.is_empty() && self.metadata.is_empty() && self.attributes.is_empty() {
            let message = "write what is to change: permission, metadata or attributes";
            return Err(ApiError::invalid("permission", message));
        }
        Ok(Change::Update(Box::new(ParticipantChange {
            metadata: self.metadata.clone(),
            attributes: self.attributes.clone(),
            permission,
        })))
    }
}

fn named(sources: &[Source]) -> Vec<TrackSource> {
    let sources = sources.iter().map(|source| match source {
        Source::Unknown => TrackSource::Unknown,
        Source::Camera => TrackSource::Camera,
        Source::Microphone => TrackSource::Microphone,
        Source::ScreenShare => TrackSource::ScreenShare,
        Source::ScreenShareAudio => TrackSource::ScreenShareAudio,
    });
    sources.collect()
}

/// Checks whom a call is about. Everybody is said in so many words: a list that came out empty is nobody.
fn selection(
    identities: Option<&[String]>,
    everybody: bool,
    except: &[String],
) -> Result<Selection, ApiError> {
    match (identities, everybody) {
        (Some(_), true) | (None, false) => {
            let message = "write either identities or \"everybody\": true";
            Err(ApiError::invalid("identities", message))
        }
        (Some(_), false) if !except.is_empty() => {
            Err(ApiError::invalid("except", "it goes with everybody alone"))
        }
        (Some(identities), false) => {
            let identities = checked("identities", identities)?;
            Ok(Selection::These(identities.collect()))
        }
        (None, true) => {
            let except: BTreeSet<_> = checked("except", except)?.collect();
            Ok(Selection::Everybody { except })
        }
    }
}

fn checked<'a>(
    field: &str,
    identities: &'a [String],
) -> Result<impl Iterator<Item = ParticipantIdentity> + use<'a>, ApiError> {
    if identities.len() > MAX_IDENTITIES {
        let message = format!("it names more than {MAX_IDENTITIES} participants");
        return Err(ApiError::invalid(field, message));
    }
    for (place, identity) in identities.iter().enumerate() {
        field::name(&format!("{field}[{place}]"), identity, MAX_NAME)?;
    }
    Ok(identities.iter().map(|it| it.as_str().into()))
}
