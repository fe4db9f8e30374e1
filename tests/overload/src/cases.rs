//! The cases: one way each of doing one's worst by legal messages.

mod connections;
mod crowd;
mod cycles;
mod data;
mod listeners;
mod signalling;

use crate::case::Case;

/// All cases.
pub const CASES: &[Case] = &[
    signalling::MUTE,
    signalling::SETTINGS,
    signalling::SETTINGS_JSON,
    signalling::FEATURES,
    signalling::METADATA,
    signalling::ATTRIBUTES,
    signalling::SUBSCRIPTIONS,
    signalling::DATA_TRACKS,
    signalling::PERMISSION,
    signalling::OFFERS,
    signalling::JUNK,
    data::RELIABLE_TO_MANY,
    data::RELIABLE_TO_ONE,
    data::LOSSY_TO_MANY,
    listeners::UNREAD_WEBSOCKET,
    listeners::CLOSED_WINDOW,
    cycles::SUBSCRIBE,
    cycles::PUBLISH,
    connections::IDLE,
    connections::MEDIA_BY_TCP,
    crowd::JOIN_AND_LEAVE,
    crowd::COMMANDS,
    crowd::MEDIA,
];
