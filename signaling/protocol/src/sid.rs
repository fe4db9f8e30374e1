//! LiveKit's ids.

use sfu_model::{ParticipantSid, RoomSid, TrackSid};

use crate::proto::{TrackSource, TrackType};

/// How many random bytes one id takes.
pub const SID_RANDOM_BYTES: usize = 16;

/// How many characters follow an id's prefix.
const CHARACTERS: usize = 12;

/// Letters and digits without those that look alike.
const ALPHABET: &[u8; 57] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Makes an id as LiveKit does: the prefix and 12 characters of random base 57.
pub fn sid(prefix: &str, random: [u8; SID_RANDOM_BYTES]) -> String {
    let mut number = u128::from_be_bytes(random);
    let mut id = String::with_capacity(prefix.len() + CHARACTERS);
    id.push_str(prefix);
    for _ in 0..CHARACTERS {
        let digit = usize::try_from(number % ALPHABET.len() as u128).unwrap_or_default();
        id.extend(ALPHABET.get(digit).map(|&byte| char::from(byte)));
        number /= ALPHABET.len() as u128;
    }
    id
}

/// Makes the id of one life of a room.
pub fn room_sid(random: [u8; SID_RANDOM_BYTES]) -> RoomSid {
    sid("RM_", random).into()
}

/// Makes the id of one session of a participant.
pub fn participant_sid(random: [u8; SID_RANDOM_BYTES]) -> ParticipantSid {
    sid("PA_", random).into()
}

/// Makes a track's id. After `TR_` a letter tells the type and another the source.
pub fn track_sid(
    track_type: TrackType,
    source: TrackSource,
    random: [u8; SID_RANDOM_BYTES],
) -> TrackSid {
    let of_type = match track_type {
        TrackType::Audio => "A",
        TrackType::Video => "V",
        TrackType::Data => "",
    };
    let of_source = match source {
        TrackSource::Camera => "C",
        TrackSource::Microphone => "M",
        TrackSource::ScreenShare => "S",
        TrackSource::ScreenShareAudio => "s",
        TrackSource::Unknown => "",
    };
    sid(&format!("TR_{of_type}{of_source}"), random).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_its_prefix_and_twelve_characters() {
        let id = participant_sid([0xd3; 16]);
        assert!(id.as_str().starts_with("PA_"));
        assert_eq!(id.as_str().len(), 15);
        assert!(room_sid([1; 16]).as_str().starts_with("RM_"));
    }

    #[test]
    fn a_track_id_tells_type_and_source() {
        let random = [7; 16];
        let camera = track_sid(TrackType::Video, TrackSource::Camera, random);
        assert!(camera.as_str().starts_with("TR_VC"));
        let shared = track_sid(TrackType::Audio, TrackSource::ScreenShareAudio, random);
        assert!(shared.as_str().starts_with("TR_As"));
        let unknown = track_sid(TrackType::Audio, TrackSource::Unknown, random);
        assert!(unknown.as_str().starts_with("TR_A"));
        assert_eq!(unknown.as_str().len(), "TR_A".len() + 12);
    }

    #[test]
    fn different_random_bytes_give_different_ids() {
        let ids: std::collections::BTreeSet<String> =
            (0..=255).map(|byte| sid("X_", [byte; 16])).collect();
        assert_eq!(ids.len(), 256);
    }
}
