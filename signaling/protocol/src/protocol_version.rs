//! The version of the signalling protocol.

use std::fmt;

/// The signalling protocol that a client speaks: each number adds behaviour to the ones before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtocolVersion(pub i32);

impl ProtocolVersion {
    /// The newest that this server speaks.
    pub const CURRENT: Self = Self(17);

    /// The subscriber's transport connects first, and the server offers it at once.
    pub fn subscriber_is_primary(self) -> bool {
        self.0 >= 3
    }

    /// Speakers are told as changes, not as a full list.
    pub fn takes_speakers_changed(self) -> bool {
        self.0 >= 3
    }

    /// The m-sections of ended subscriptions may carry others.
    pub fn takes_reused_sections(self) -> bool {
        self.0 >= 4
    }

    /// Tracks are known by more than the stream that they are of, so that several may be of one.
    pub fn knows_shared_streams(self) -> bool {
        self.0 >= 10
    }

    /// `ConnectionQuality` may be sent.
    pub fn takes_connection_quality(self) -> bool {
        self.0 >= 5
    }

    /// An ICE-lite server is understood.
    pub fn takes_ice_lite(self) -> bool {
        self.0 >= 6
    }

    /// `TrackUnpublished` is understood; others get a mute.
    pub fn takes_track_unpublished(self) -> bool {
        self.0 >= 7
    }

    /// The first offer to the subscriber may carry the tracks that exist already.
    pub fn takes_fast_start(self) -> bool {
        self.0 >= 8
    }

    /// After a resume the disconnections that were missed are sent again.
    pub fn takes_missed_disconnections(self) -> bool {
        self.0 >= 9
    }

    /// Stream ids may be shared by the tracks that play in step.
    pub fn takes_sync_stream_ids(self) -> bool {
        self.0 >= 10
    }

    /// A lost connection may be reported as such; others get "poor".
    pub fn takes_quality_lost(self) -> bool {
        self.0 >= 11
    }

    /// Participants are known by identity: who rejoins replaces the earlier session without a
    /// disconnection in between.
    pub fn reconnects_by_identity(self) -> bool {
        self.0 >= 12
    }

    /// `LeaveRequest` carries an action; for others it only says whether to reconnect.
    pub fn takes_leave_action(self) -> bool {
        self.0 >= 13
    }

    /// `RequestResponse` is sent for success too.
    pub fn takes_successful_request_response(self) -> bool {
        self.0 >= 15
    }

    /// The participant may be moved to another room.
    pub fn takes_room_moved(self) -> bool {
        self.0 >= 16
    }

    /// Frame metadata may trail a packet.
    pub fn takes_packet_trailer(self) -> bool {
        self.0 >= 17
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
