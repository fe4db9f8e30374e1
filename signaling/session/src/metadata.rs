//! What participants say of themselves: names, metadata and attributes.

use std::collections::HashMap;

use sfu_model::Now;

use crate::limits::{MAX_ATTRIBUTES, MAX_ROOM_TEXT_BYTES};
use crate::participant::Participant;
use crate::participant_key::ParticipantKey;
use crate::proto::request_response::{Reason, Request};
use crate::respond::{respond, response};
use crate::{Room, RoomError, proto};

/// Why a participant's name, metadata or attributes do not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextTooLarge {
    Name,
    Metadata,
    Attributes,
}

impl TextTooLarge {
    /// Returns what the client is told (LiveKit's words).
    fn message(self) -> &'static str {
        match self {
            Self::Name => "exceeds name length limit",
            Self::Metadata => "exceeds metadata size limit",
            Self::Attributes => "exceeds attributes size limit",
        }
    }
}

impl From<TextTooLarge> for RoomError {
    fn from(reason: TextTooLarge) -> Self {
        match reason {
            TextTooLarge::Name => Self::NameTooLong,
            TextTooLarge::Metadata => Self::MetadataTooLarge,
            TextTooLarge::Attributes => Self::AttributesTooLarge,
        }
    }
}

impl Room {
    /// Takes a client's change of its own name, metadata and attributes.
    pub(crate) fn handle_update_metadata(
        &mut self,
        now: Now,
        key: ParticipantKey,
        update: proto::UpdateParticipantMetadata,
    ) {
        let Some(participant) = self.roster.get(key) else {
            return;
        };
        let checked = self
            .check_texts(participant, &update)
            .and_then(|()| self.check_room_texts(participant, &update));
        let (reason, message) = if !participant.grant().may_update_own_metadata() {
            let message = "does not have permission to update own metadata";
            (Reason::NotAllowed, message)
        } else if let Err(reason) = checked {
            (Reason::LimitExceeded, reason.message())
        } else {
            self.change_texts(now, key, &update);
            (Reason::Ok, "")
        };
        let id = update.request_id;
        let response = proto::RequestResponse {
            request_id: id,
            ..response(reason, message, Request::UpdateMetadata(update))
        };
        respond(self.roster.get(key), response, &mut self.outputs);
    }

    /// Changes what is given of a participant's name, metadata and attributes, for the API.
    pub(crate) fn update_metadata(
        &mut self,
        now: Now,
        key: ParticipantKey,
        update: &proto::UpdateParticipantMetadata,
    ) -> Result<(), RoomError> {
        let participant = self.roster.get(key).ok_or(RoomError::ParticipantNotFound)?;
        self.check_texts(participant, update)?;
        self.change_texts(now, key, update);
        Ok(())
    }

    /// Checks each text by itself, and the attributes as they would be.
    fn check_texts(
        &self,
        participant: &Participant,
        update: &proto::UpdateParticipantMetadata,
    ) -> Result<(), TextTooLarge> {
        let limits = &self.facts.limits;
        if !limits.allow_name(&update.name) {
            return Err(TextTooLarge::Name);
        }
        if !limits.allow_metadata(&update.metadata) {
            return Err(TextTooLarge::Metadata);
        }
        if !limits.allow_attributes(&update.attributes) {
            return Err(TextTooLarge::Attributes);
        }
        let (count, bytes) = participant.attributes_with(&update.attributes);
        let before = participant.attributes_with(&HashMap::new());
        let grows = count > before.0 || bytes > before.1;
        match !grows || (count <= MAX_ATTRIBUTES && limits.allow_attribute_bytes(bytes)) {
            true => Ok(()),
            false => Err(TextTooLarge::Attributes),
        }
    }

    /// Checks that the texts of all participants together do not grow beyond what everybody can be told.
    fn check_room_texts(
        &self,
        participant: &Participant,
        update: &proto::UpdateParticipantMetadata,
    ) -> Result<(), TextTooLarge> {
        let (_, attributes) = participant.attributes_with(&update.attributes);
        let (_, before) = participant.attributes_with(&HashMap::new());
        let added = attributes.saturating_sub(before) + update.name.len() + update.metadata.len();
        let of_room: usize = self.roster.iter().map(Participant::text_bytes).sum();
        match added == 0 || of_room + added <= MAX_ROOM_TEXT_BYTES {
            true => Ok(()),
            false if update.metadata.is_empty() => Err(TextTooLarge::Attributes),
            false => Err(TextTooLarge::Metadata),
        }
    }

    /// Changes what is given, and tells of it.
    fn change_texts(
        &mut self,
        now: Now,
        key: ParticipantKey,
        update: &proto::UpdateParticipantMetadata,
    ) {
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        let mut changed = !update.name.is_empty() && participant.set_name(&update.name);
        changed |= !update.metadata.is_empty() && participant.set_metadata(&update.metadata);
        changed |= participant.merge_attributes(update.attributes.clone());
        if changed {
            participant.touch();
            self.telling().tell(now, key);
            self.refresh_token_soon(now, key);
        }
    }
}
