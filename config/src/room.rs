use std::collections::BTreeMap;
use std::time::Duration;

use crate::Limit;
use crate::group::Group;
use crate::problem::{Problem, Read};
use crate::value;

/// What rooms are like unless their creator says otherwise: the group `room`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// `auto_create`: the first who joins creates the room. Default true.
    pub auto_create: bool,
    /// `empty_timeout`: how long a room waits for the first participant, in seconds. Default 300.
    pub empty_timeout: Duration,
    /// `departure_timeout`: how long a room waits after the last has left, in seconds. Default 20,
    /// enough to reload a page.
    pub departure_timeout: Duration,
    /// `max_participants`: 0 is no limit, and the default.
    pub max_participants: u32,
    /// `max_session_duration`: how long a room lasts at most, in seconds, whoever is there. 0 is no limit, and the default. Ours.
    pub max_session_duration: Option<Duration>,
    /// `enabled_codecs`: what may be published, most wanted first. Default all that this node
    /// forwards.
    pub enabled_codecs: Vec<CodecSpec>,
    /// `enable_remote_unmute`: the API may unmute a participant. Default false: a microphone is
    /// opened only by who sits at it.
    pub enable_remote_unmute: bool,
    /// `duplicate_identity`: what becomes of a session when another of its identity is about to begin: `replace` ends it, as
    /// LiveKit does, `refuse` keeps it and refuses the other. Ours. Default `replace`.
    pub duplicate_identity: DuplicateIdentity,
    /// `sync_streams`: what one participant publishes together plays in step. Default false: a section that has carried a track
    /// carries no other one then, which is unwise where subscriptions come and go.
    pub sync_streams: bool,
    /// `enable_full_room_in_webhooks`: events of tracks tell all of the room, and not its name and sid alone. Default false.
    pub enable_full_room_in_webhooks: bool,
    /// `room_configurations`: presets that a token names in `roomPreset`.
    pub room_configurations: BTreeMap<String, RoomPreset>,
}

/// What becomes of a session when another of its identity is about to begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DuplicateIdentity {
    /// `replace`: it ends.
    #[default]
    Replace,
    /// `refuse`: it goes on.
    Refuse,
}

/// A codec, by its media type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecSpec {
    /// The media type in lower case, such as `video/vp8`.
    pub mime: String,
    /// `fmtp_line`: the parameters that its format must have.
    pub fmtp_line: Option<String>,
}

/// A named set of room settings. What is `None` is as in [`Room`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomPreset {
    /// `empty_timeout`, in seconds.
    pub empty_timeout: Option<Duration>,
    /// `departure_timeout`, in seconds.
    pub departure_timeout: Option<Duration>,
    /// `max_participants`.
    pub max_participants: Option<u32>,
    /// `max_session_duration`, in seconds.
    pub max_session_duration: Option<Duration>,
    /// `metadata` of the room.
    pub metadata: Option<String>,
    /// `sync_streams`.
    pub sync_streams: Option<bool>,
    /// `duplicate_identity`.
    pub duplicate_identity: Option<DuplicateIdentity>,
}

/// The media types that this node forwards, in LiveKit's order.
const CODECS: [&str; 10] = [
    "audio/pcmu",
    "audio/pcma",
    "audio/opus",
    "audio/red",
    "video/vp8",
    "video/h264",
    "video/vp9",
    "video/av1",
    "video/h265",
    "video/rtx",
];

impl CodecSpec {
    fn plain(mime: &str) -> Self {
        Self {
            mime: mime.to_owned(),
            fmtp_line: None,
        }
    }

    /// Reads a codec. One that cannot be read is a fault and left out.
    fn read(group: &mut Group<'_>) -> Option<Self> {
        let mime = group.get("mime", mime);
        let fmtp_line = group.get("fmtp_line", value::text);
        Some(Self {
            mime: mime?,
            fmtp_line: fmtp_line.filter(|line| !line.is_empty()),
        })
    }
}

fn duplicate_identity(written: &str) -> Read<DuplicateIdentity> {
    match written {
        "replace" => Ok(DuplicateIdentity::Replace),
        "refuse" => Ok(DuplicateIdentity::Refuse),
        _ => Err(Problem::new(
            "says nothing that can be done with a second session of an identity",
            "write replace or refuse",
        )),
    }
}

fn mime(written: &str) -> Read<String> {
    let mime = written.to_ascii_lowercase();
    if CODECS.contains(&mime.as_str()) {
        return Ok(mime);
    }
    Err(Problem::new(
        "is no codec that this node forwards",
        format!("write one of {}", CODECS.join(", ")),
    ))
}

impl Default for Room {
    fn default() -> Self {
        Self {
            auto_create: true,
            empty_timeout: Duration::from_secs(300),
            departure_timeout: Duration::from_secs(20),
            max_participants: 0,
            max_session_duration: None,
            enabled_codecs: CODECS.map(CodecSpec::plain).to_vec(),
            enable_remote_unmute: false,
            duplicate_identity: DuplicateIdentity::default(),
            sync_streams: false,
            enable_full_room_in_webhooks: false,
            room_configurations: BTreeMap::new(),
        }
    }
}

impl Room {
    pub(crate) fn read(group: &mut Group<'_>, limit: &mut Limit) -> Self {
        let default = Self::default();
        limit.read_deprecated(group);
        unsupported(group);
        let codecs: Vec<CodecSpec> = group
            .groups("enabled_codecs", CodecSpec::read)
            .into_iter()
            .flatten()
            .collect();
        Self {
            auto_create: group
                .get("auto_create", value::truth)
                .unwrap_or(default.auto_create),
            empty_timeout: group
                .get("empty_timeout", value::seconds)
                .unwrap_or(default.empty_timeout),
            departure_timeout: group
                .get("departure_timeout", value::seconds)
                .unwrap_or(default.departure_timeout),
            max_participants: group.get("max_participants", value::count).unwrap_or(0),
            max_session_duration: longest(group),
            enabled_codecs: match codecs.is_empty() {
                true => default.enabled_codecs,
                false => codecs,
            },
            enable_remote_unmute: group
                .get("enable_remote_unmute", value::truth)
                .unwrap_or(default.enable_remote_unmute),
            duplicate_identity: group
                .get("duplicate_identity", duplicate_identity)
                .unwrap_or(default.duplicate_identity),
            sync_streams: group
                .get("sync_streams", value::truth)
                .unwrap_or(default.sync_streams),
            enable_full_room_in_webhooks: group
                .get("enable_full_room_in_webhooks", value::truth)
                .unwrap_or(default.enable_full_room_in_webhooks),
            room_configurations: group
                .named_groups("room_configurations", RoomPreset::read)
                .into_iter()
                .collect(),
        }
    }
}

/// Reads how long a room lasts at most.
fn longest(group: &mut Group<'_>) -> Option<Duration> {
    let written = group.get("max_session_duration", value::seconds);
    written.filter(|longest| !longest.is_zero())
}

impl RoomPreset {
    fn read(group: &mut Group<'_>) -> Self {
        group.unsupported(
            "name",
            &[""],
            "has no effect: the preset has its name already",
        );
        for name in ["min_playout_delay", "max_playout_delay"] {
            group.unsupported(name, &["0"], NO_PLAYOUT_DELAY);
        }
        group.unsupported("agents", &[], "has no effect: no agent is dispatched");
        group.unsupported("egress", &[], "has no effect: nothing is recorded");
        group.unsupported("tags", &[], "has no effect: rooms carry no tags");
        Self {
            empty_timeout: group.get("empty_timeout", value::seconds),
            departure_timeout: group.get("departure_timeout", value::seconds),
            max_participants: group.get("max_participants", value::count),
            max_session_duration: longest(group),
            metadata: group.get("metadata", value::text),
            sync_streams: group.get("sync_streams", value::truth),
            duplicate_identity: group.get("duplicate_identity", duplicate_identity),
        }
    }
}

const NO_PLAYOUT_DELAY: &str = "has no effect: playout is not delayed";

fn unsupported(group: &mut Group<'_>) {
    group.group("playout_delay", |delay| {
        delay.unsupported("enabled", &["false"], NO_PLAYOUT_DELAY);
        // Without `enabled` these mean nothing, and with it the warning is given.
        delay.take_silently("min");
        delay.take_silently("max");
    });
    for name in ["create_room_timeout", "create_room_attempts"] {
        group.unsupported(
            name,
            &["10s", "3"],
            "has no effect: rooms are created inside this process, at once",
        );
    }
    group.unsupported(
        "update_batch_target_size",
        &["131072"],
        "has no effect: participant updates have a size of their own",
    );
}
