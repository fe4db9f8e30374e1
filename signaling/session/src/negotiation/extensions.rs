//! Header extensions: which are read, which are written, and what of an offer an answer accepts.

use sfu_model::{Extension, ExtensionId, ExtensionMap, MediaKind};

use super::BandwidthFeedback;
use super::description::Media;

/// Extensions that are read of what a client publishes.
pub(super) fn received(kind: MediaKind) -> &'static [Extension] {
    match kind {
        MediaKind::Audio => &[
            Extension::Mid,
            Extension::Rid,
            Extension::AudioLevel,
            Extension::AbsCaptureTime,
        ],
        MediaKind::Video => &[
            Extension::Mid,
            Extension::Rid,
            Extension::RepairedRid,
            Extension::TransportCc,
            Extension::DependencyDescriptor,
            Extension::AbsCaptureTime,
        ],
    }
}

/// Extensions that are written to what a client is sent. Only one of abs-send-time and transport-cc
/// is among them: a receiver that sees both reports by the latter.
pub(super) fn sent(kind: MediaKind, feedback: BandwidthFeedback) -> &'static [Extension] {
    match (kind, feedback) {
        (MediaKind::Audio, _) => &[Extension::AbsCaptureTime],
        (MediaKind::Video, BandwidthFeedback::Remb) => &[
            Extension::AbsSendTime,
            Extension::AbsCaptureTime,
            Extension::DependencyDescriptor,
        ],
        (MediaKind::Video, BandwidthFeedback::TransportCc) => &[
            Extension::TransportCc,
            Extension::AbsCaptureTime,
            Extension::DependencyDescriptor,
        ],
    }
}

/// Returns what of `offered` an answer accepts: in every section what is read and what is written.
///
/// Chromium offers an extension in a new section only if its last sections of the kind were answered
/// with it. One that was rejected where the client only receives is missing where it publishes.
pub(super) fn answered(offered: &Media, feedback: BandwidthFeedback) -> ExtensionMap {
    let wanted = [received(offered.kind), sent(offered.kind, feedback)].concat();
    common(&offered.extensions, &wanted)
}

/// Returns the part of `offered` that is `wanted`, with the offered identifiers.
pub(super) fn common(offered: &ExtensionMap, wanted: &[Extension]) -> ExtensionMap {
    offered
        .iter()
        .filter(|(extension, _)| wanted.contains(extension))
        .collect()
}

/// Returns our own identifiers of `wanted`: each extension has the same one in every section, as
/// those of a bundle must (RFC 9143 section 9).
pub(super) fn numbered(wanted: &[Extension]) -> ExtensionMap {
    wanted
        .iter()
        .map(|extension| (*extension, ExtensionId(*extension as u8 + 1)))
        .collect()
}
