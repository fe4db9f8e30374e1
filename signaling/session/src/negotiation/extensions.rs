//! Header extensions: which are read, which are written, and what of an offer an answer accepts.

use sfu_model::{Extension, ExtensionId, ExtensionMap, MediaKind};

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

/// Extensions that we can write to what a client is sent.
pub(super) fn sent(kind: MediaKind) -> &'static [Extension] {
    match kind {
        MediaKind::Audio => &[Extension::AbsCaptureTime],
        MediaKind::Video => &[
            Extension::TransportCc,
            Extension::AbsSendTime,
            Extension::AbsCaptureTime,
            Extension::DependencyDescriptor,
        ],
    }
}

/// Returns the part of a client's header extensions that is written to what it is sent. Of those by which its link
/// is estimated that is one: the transport's number, by which we estimate it; the time of sending, by which the
/// client does (`goog-remb`), only where it knows no other.
pub(super) fn written(remote: &Media) -> ExtensionMap {
    let common = common(&remote.extensions, sent(remote.kind));
    let numbered = common.id(Extension::TransportCc).is_some();
    let is_written = |extension: Extension| !numbered || extension != Extension::AbsSendTime;
    common
        .iter()
        .filter(|(extension, _)| is_written(*extension))
        .collect()
}

/// Returns what of `offered` an answer accepts: in every section what is read and what is written.
///
/// Chromium offers an extension in a new section only if its last sections of the kind were answered
/// with it. One that was rejected where the client only receives is missing where it publishes.
pub(super) fn answered(offered: &Media) -> ExtensionMap {
    let wanted = [received(offered.kind), sent(offered.kind)].concat();
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
