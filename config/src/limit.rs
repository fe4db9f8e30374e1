use crate::group::Group;
use crate::value;

/// What one node and one participant may use: the group `limit`. `None` is no limit; in YAML that
/// is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// `num_tracks`: publications and subscriptions of the node at which it refuses joins. Default
    /// none. Departure: LiveKit's is 400 per core; what a core carries depends on the tracks, and
    /// here it is more.
    pub num_tracks: Option<u64>,
    /// `bytes_per_sec`: in and out together, at which the node refuses joins. Default none;
    /// LiveKit's is 1 GB.
    pub bytes_per_sec: Option<u64>,
    /// `subscription_limit_video`: video subscriptions of one participant. Default none.
    pub subscription_limit_video: Option<u64>,
    /// `subscription_limit_audio`: audio subscriptions of one participant. Default none.
    pub subscription_limit_audio: Option<u64>,
    /// `max_metadata_size`: of a room or participant, in bytes. Default 512 KiB; every update goes
    /// to everybody in the room.
    pub max_metadata_size: Option<u64>,
    /// `max_attributes_size`: of a participant, names and values together, in bytes. Default 64 KiB.
    pub max_attributes_size: Option<u64>,
    /// `max_room_name_length`, in bytes. Default 256.
    pub max_room_name_length: Option<u64>,
    /// `max_participant_identity_length`, in bytes. Default 256.
    pub max_participant_identity_length: Option<u64>,
    /// `max_participant_name_length`, in bytes. Default 256.
    pub max_participant_name_length: Option<u64>,
    /// `signal_message_size_limit`: of one WebSocket message, in bytes. Default 2 MiB: an offer for
    /// a thousand tracks fits.
    pub signal_message_size_limit: Option<u64>,
    /// `max_api_request_body_size`: of one HTTP request, in bytes. Default 10 MiB.
    pub max_api_request_body_size: Option<u64>,
}

impl Default for Limit {
    fn default() -> Self {
        const MIB: u64 = 1 << 20;

        Self {
            num_tracks: None,
            bytes_per_sec: None,
            subscription_limit_video: None,
            subscription_limit_audio: None,
            max_metadata_size: Some(MIB / 2),
            max_attributes_size: Some(MIB / 16),
            max_room_name_length: Some(256),
            max_participant_identity_length: Some(256),
            max_participant_name_length: Some(256),
            signal_message_size_limit: Some(2 * MIB),
            max_api_request_body_size: Some(10 * MIB),
        }
    }
}

impl Limit {
    pub(crate) fn read(group: &mut Group<'_>) -> Self {
        let mut limit = Self::default();
        limit.overwrite(group);
        for name in [
            "max_data_blob_key_length",
            "max_data_blobs_size",
            "max_data_track_custom_encoding_length",
        ] {
            group.unsupported(
                name,
                &["0", "256", "64000", "32"],
                "has no effect: this node keeps no data blobs, and data tracks have limits of their own",
            );
        }
        group.unsupported(
            "agent_signal_message_size_limit",
            &["0", "2097152"],
            "has no effect: agent workers cannot register here",
        );
        limit
    }

    fn overwrite(&mut self, group: &mut Group<'_>) {
        let fields = [
            ("num_tracks", &mut self.num_tracks),
            ("bytes_per_sec", &mut self.bytes_per_sec),
            (
                "subscription_limit_video",
                &mut self.subscription_limit_video,
            ),
            (
                "subscription_limit_audio",
                &mut self.subscription_limit_audio,
            ),
            ("max_metadata_size", &mut self.max_metadata_size),
            ("max_attributes_size", &mut self.max_attributes_size),
            ("max_room_name_length", &mut self.max_room_name_length),
            (
                "max_participant_identity_length",
                &mut self.max_participant_identity_length,
            ),
            (
                "max_participant_name_length",
                &mut self.max_participant_name_length,
            ),
            (
                "signal_message_size_limit",
                &mut self.signal_message_size_limit,
            ),
            (
                "max_api_request_body_size",
                &mut self.max_api_request_body_size,
            ),
        ];
        for (name, field) in fields {
            if let Some(value) = group.get(name, value::limit) {
                *field = value;
            }
        }
    }

    /// Takes over the limits that once stood under `room`. They win, as with LiveKit.
    pub(crate) fn read_deprecated(&mut self, room: &mut Group<'_>) {
        let fields = [
            ("max_metadata_size", &mut self.max_metadata_size),
            ("max_room_name_length", &mut self.max_room_name_length),
            (
                "max_participant_identity_length",
                &mut self.max_participant_identity_length,
            ),
        ];
        for (name, field) in fields {
            if let Some(Some(value)) = room.get(name, value::limit) {
                *field = Some(value);
            }
        }
    }
}
