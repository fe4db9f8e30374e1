//! What a room is created with.

use std::time::Duration;

use signaling_protocol::proto;
use signaling_session::RoomOptions;

use crate::settings::Settings;

/// Returns what a room is created with: what is asked for, else what its preset says, else what the
/// operator set.
pub(crate) fn room_options(settings: &Settings, request: &proto::CreateRoomRequest) -> RoomOptions {
    let preset = settings.presets.get(&request.room_preset);
    let duplicates = preset.and_then(|preset| preset.duplicates);
    let longest = preset.and_then(|preset| preset.max_session_duration);
    let preset = preset.map(|preset| preset.configuration.clone());
    let preset = preset.unwrap_or_default();
    let seconds = |asked: u32, preset: u32, default: Duration| match (asked, preset) {
        (0, 0) => default,
        (0, preset) => Duration::from_secs(preset.into()),
        (asked, _) => Duration::from_secs(asked.into()),
    };
    let mut options = RoomOptions::new(request.name.as_str().into());
    options.empty_timeout = seconds(
        request.empty_timeout,
        preset.empty_timeout,
        settings.empty_timeout,
    );
    options.departure_timeout = seconds(
        request.departure_timeout,
        preset.departure_timeout,
        settings.departure_timeout,
    );
    let sync_streams = [
        request.sync_streams,
        preset.sync_streams,
        settings.sync_streams,
    ];
    options.sync_streams = sync_streams.contains(&true);
    let limits = [
        request.max_participants,
        preset.max_participants,
        settings.max_participants,
    ];
    options.max_participants = limits.into_iter().find(|max| *max > 0).unwrap_or(0);
    options.metadata = match request.metadata.is_empty() {
        true => preset.metadata,
        false => request.metadata.clone(),
    };
    options.max_session_duration = longest.or(settings.max_session_duration);
    options.duplicates = duplicates.unwrap_or(settings.duplicates);
    options.codecs.clone_from(&settings.codecs);
    options
}
