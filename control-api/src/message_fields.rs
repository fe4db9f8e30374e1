//! The fields of the messages that are replied with (`livekit_models.proto`, `livekit_room.proto`).

use signaling_protocol::proto;

use crate::json_form::Kind::{
    Bool, Enum, LongNumber, Map, Message, Messages, Number, Scalars, Text,
};
use crate::json_form::{Field, JsonForm};

const ROOM: &[Field] = &[
    ("sid", Text),
    ("name", Text),
    ("empty_timeout", Number),
    ("departure_timeout", Number),
    ("max_participants", Number),
    ("creation_time", LongNumber),
    ("creation_time_ms", LongNumber),
    ("turn_password", Text),
    ("enabled_codecs", Messages(CODEC)),
    ("metadata", Text),
    ("num_participants", Number),
    ("num_publishers", Number),
    ("active_recording", Bool),
    ("version", Message(TIMED_VERSION)),
];

const CODEC: &[Field] = &[("mime", Text), ("fmtp_line", Text)];

const TIMED_VERSION: &[Field] = &[("unix_micro", LongNumber), ("ticks", Number)];

const PARTICIPANT: &[Field] = &[
    ("sid", Text),
    ("identity", Text),
    ("state", Enum("JOINING")),
    ("tracks", Messages(TRACK)),
    ("metadata", Text),
    ("joined_at", LongNumber),
    ("joined_at_ms", LongNumber),
    ("name", Text),
    ("version", Number),
    ("permission", Message(PERMISSION)),
    ("region", Text),
    ("is_publisher", Bool),
    ("kind", Enum("STANDARD")),
    ("attributes", Map),
    ("disconnect_reason", Enum("UNKNOWN_REASON")),
    ("kind_details", Scalars),
    ("data_tracks", Messages(DATA_TRACK)),
    ("client_protocol", Number),
    ("capabilities", Scalars),
];

const PERMISSION: &[Field] = &[
    ("can_subscribe", Bool),
    ("can_publish", Bool),
    ("can_publish_data", Bool),
    ("can_publish_sources", Scalars),
    ("hidden", Bool),
    ("recorder", Bool),
    ("can_update_metadata", Bool),
    ("agent", Bool),
    ("can_subscribe_metrics", Bool),
    ("can_manage_agent_session", Bool),
];

const DATA_TRACK: &[Field] = &[
    ("pub_handle", Number),
    ("sid", Text),
    ("name", Text),
    ("encryption", Enum("NONE")),
];

const TRACK: &[Field] = &[
    ("sid", Text),
    ("type", Enum("AUDIO")),
    ("name", Text),
    ("muted", Bool),
    ("width", Number),
    ("height", Number),
    ("simulcast", Bool),
    ("disable_dtx", Bool),
    ("source", Enum("UNKNOWN")),
    ("layers", Messages(LAYER)),
    ("mime_type", Text),
    ("mid", Text),
    ("codecs", Messages(SIMULCAST_CODEC)),
    ("stereo", Bool),
    ("disable_red", Bool),
    ("encryption", Enum("NONE")),
    ("stream", Text),
    ("version", Message(TIMED_VERSION)),
    ("audio_features", Scalars),
    ("backup_codec_policy", Enum("PREFER_REGRESSION")),
    ("packet_trailer_features", Scalars),
];

const LAYER: &[Field] = &[
    ("quality", Enum("LOW")),
    ("width", Number),
    ("height", Number),
    ("bitrate", Number),
    ("ssrc", Number),
    ("spatial_layer", Number),
    ("rid", Text),
    ("repair_ssrc", Number),
];

const SIMULCAST_CODEC: &[Field] = &[
    ("mime_type", Text),
    ("mid", Text),
    ("cid", Text),
    ("layers", Messages(LAYER)),
    ("video_layer_mode", Enum("MODE_UNUSED")),
    ("sdp_cid", Text),
];

macro_rules! json_form {
    ($($message:ident: $fields:expr;)*) => {
        $(impl JsonForm for proto::$message {
            const FIELDS: &'static [Field] = $fields;
        })*
    };
}

json_form! {
    Room: ROOM;
    ParticipantInfo: PARTICIPANT;
    ListRoomsResponse: &[("rooms", Messages(ROOM))];
    ListParticipantsResponse: &[("participants", Messages(PARTICIPANT))];
    MuteRoomTrackResponse: &[("track", Message(TRACK))];
    DeleteRoomResponse: &[];
    RemoveParticipantResponse: &[];
    MoveParticipantResponse: &[];
    ForwardParticipantResponse: &[];
    UpdateSubscriptionsResponse: &[];
    SendDataResponse: &[];
    PerformRpcResponse: &[("payload", Text)];
}
