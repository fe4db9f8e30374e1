//! From the configuration to what each part of the node is given.

use std::collections::BTreeMap;
use std::time::Duration;

use auth::{InvalidKeys, Keys, Secret};
use control_api::{KeyQuotas, MetricsLogin, MinuteLimit};
use ipnet::IpNet;
use sfu_model::{Codec, NodeId, Pausing};
use sfu_rtp::AudioLevelParameters;
use signaling::{Exceeded, LoadLimits, NameLimits, Preset, SeatLimit, Seats, Settings};
use signaling_protocol::proto;
use signaling_session::{DuplicateIdentity as Duplicates, EnabledCodec, Limits, NodeFacts};
use sluice_config::{CodecSpec, Config, DuplicateIdentity, Network, Quota, Quotas, RoomPreset};

use crate::ice_servers::ConfiguredIceServers;

/// Returns the keys, in the order of the configuration.
pub(crate) fn keys(config: &Config) -> Result<Keys, InvalidKeys> {
    let pairs = config
        .keys
        .iter()
        .map(|pair| (pair.key.as_str().into(), Secret::from(pair.secret.expose())));
    Keys::new(pairs)
}

/// Returns what rooms know of the node.
pub(crate) fn facts(config: &Config, node: NodeId) -> NodeFacts {
    let limit = &config.limit;
    NodeFacts {
        node,
        region: config.region.clone(),
        ice_servers: Box::new(ConfiguredIceServers::new(&config.rtc)),
        limits: Limits {
            metadata: size(limit.max_metadata_size),
            attributes: size(limit.max_attributes_size),
            name: size(limit.max_participant_name_length),
            video_subscriptions: size(limit.subscription_limit_video),
            audio_subscriptions: size(limit.subscription_limit_audio),
        },
        enable_remote_unmute: config.room.enable_remote_unmute,
        allow_tcp_fallback: config.rtc.allow_tcp_fallback,
        pausing: match config.rtc.congestion_control.allow_pause {
            true => Pausing::Allowed,
            false => Pausing::Never,
        },
    }
}

/// Returns what holds for all rooms.
pub(crate) fn settings(config: &Config) -> Settings {
    let (room, limit) = (&config.room, &config.limit);
    let presets = room.room_configurations.iter();
    Settings {
        auto_create: room.auto_create,
        empty_timeout: room.empty_timeout,
        departure_timeout: room.departure_timeout,
        sync_streams: room.sync_streams,
        max_participants: room.max_participants,
        max_session_duration: room.max_session_duration,
        home_participants: usize::from(config.rtc.home_participants),
        codecs: room.enabled_codecs.iter().filter_map(codec).collect(),
        duplicates: duplicates(room.duplicate_identity),
        presets: presets.map(preset).collect::<BTreeMap<_, _>>(),
        limits: NameLimits {
            room_name: size(limit.max_room_name_length),
            identity: size(limit.max_participant_identity_length),
            metadata: size(limit.max_metadata_size),
        },
        load: LoadLimits {
            tracks: limit.num_tracks,
            bytes_per_second: limit.bytes_per_sec,
        },
        max_signal_message: limit.signal_message_size_limit.map_or(usize::MAX, bounded),
        trusted_proxies: config.trusted_proxies.iter().filter_map(network).collect(),
    }
}

fn network(network: &Network) -> Option<IpNet> {
    IpNet::new(network.address, network.prefix).ok()
}

/// Returns when a track counts as audible.
pub(crate) fn audio_levels(config: &Config) -> AudioLevelParameters {
    let audio = &config.audio;
    AudioLevelParameters {
        active_level: audio.active_level,
        min_percentile: audio.min_percentile,
        window: audio.update_interval,
        smooth_windows: audio.smooth_intervals,
    }
}

/// Returns the largest body of an API call.
pub(crate) fn max_api_body(config: &Config) -> usize {
    config
        .limit
        .max_api_request_body_size
        .map_or(usize::MAX, bounded)
}

/// Writes a limit as rooms take it: zero for none.
fn size(limit: Option<u64>) -> usize {
    limit.map_or(0, bounded)
}

fn bounded(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// Names a codec of the configuration. RTX goes with every video codec.
fn codec(spec: &CodecSpec) -> Option<EnabledCodec> {
    let (_, name) = spec.mime.split_once('/')?;
    Some(EnabledCodec {
        codec: Codec::from_name(name)?,
        fmtp: spec.fmtp_line.clone().unwrap_or_default(),
    })
}

fn duplicates(written: DuplicateIdentity) -> Duplicates {
    match written {
        DuplicateIdentity::Replace => Duplicates::Replace,
        DuplicateIdentity::Refuse => Duplicates::Refuse,
    }
}

fn preset((name, preset): (&String, &RoomPreset)) -> (String, Preset) {
    let seconds = |time: Option<Duration>| {
        let seconds = time.unwrap_or_default().as_secs();
        u32::try_from(seconds).unwrap_or(u32::MAX)
    };
    let configuration = proto::RoomConfiguration {
        name: name.clone(),
        empty_timeout: seconds(preset.empty_timeout),
        departure_timeout: seconds(preset.departure_timeout),
        max_participants: preset.max_participants.unwrap_or(0),
        metadata: preset.metadata.clone().unwrap_or_default(),
        sync_streams: preset.sync_streams.unwrap_or(false),
        ..proto::RoomConfiguration::default()
    };
    let preset = Preset {
        configuration,
        duplicates: preset.duplicate_identity.map(duplicates),
        max_session_duration: preset.max_session_duration,
    };
    (name.clone(), preset)
}

/// Returns who may read metrics, if not everybody.
pub(crate) fn metrics_login(config: &Config) -> Option<MetricsLogin> {
    let login = config.prometheus.login.as_ref()?;
    Some(MetricsLogin {
        username: login.username.clone(),
        password: login.password.expose().to_owned(),
    })
}

/// Returns how many participants each key may have at once.
pub(crate) fn seats(config: &Config) -> Seats {
    let limit = |quota: &Quota| {
        let most = quota.participants?;
        Some(SeatLimit {
            most: usize::try_from(most).unwrap_or(usize::MAX),
            exceeded: exceeded(quota),
        })
    };
    let Quotas { usual, keys } = &config.quotas;
    let keys = keys.iter();
    let keys = keys.map(|(key, quota)| (key.as_str().into(), limit(quota)));
    Seats::new(limit(usual), keys.collect())
}

/// Returns how many minutes each key may have in a month.
pub(crate) fn minutes(config: &Config) -> KeyQuotas {
    let limit = |quota: &Quota| {
        Some(MinuteLimit {
            most: quota.minutes_a_month?,
            exceeded: exceeded(quota),
        })
    };
    let Quotas { usual, keys } = &config.quotas;
    let keys = keys.iter();
    let keys = keys.map(|(key, quota)| (key.as_str().into(), limit(quota)));
    KeyQuotas::new(limit(usual), keys.collect())
}

fn exceeded(quota: &Quota) -> Exceeded {
    match quota.exceeded {
        sluice_config::Exceeded::Refuse => Exceeded::Refuse,
        sluice_config::Exceeded::Tell => Exceeded::Tell,
    }
}
