//! Why something went no further.

use sfu_transport::DropReason as TransportDrop;

/// Makes [`DropReason`] of the shard's own reasons, each with its label in metrics.
macro_rules! drop_reasons {
    ($($(#[$doc:meta])+ $reason:ident = $label:literal,)+) => {
        /// Why something that arrived, or was about to leave, went no further.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum DropReason {
            /// The peer's transport refused it.
            Refused(TransportDrop),
            $($(#[$doc])+ $reason,)+
        }

        /// The place of each of the shard's own reasons.
        enum Own {
            $($reason,)+
        }

        impl DropReason {
            const OWN: &[Self] = &[$(Self::$reason,)+];

            /// Returns the reason as a label of a metric: lower case with underscores.
            pub fn label(self) -> &'static str {
                match self {
                    Self::Refused(reason) => reason.label(),
                    $(Self::$reason => $label,)+
                }
            }

            /// Returns the reason's place in [`DropReason::all`].
            pub(crate) fn place(self) -> usize {
                match self {
                    Self::Refused(reason) => Self::OWN.len() + reason as usize,
                    $(Self::$reason => Own::$reason as usize,)+
                }
            }
        }
    };
}

drop_reasons! {
    /// Longer than any packet of a peer ([`sfu_model::MAX_DATAGRAM_BYTES`]).
    TooLong = "too_long",
    /// Neither STUN, DTLS, RTP nor RTCP (RFC 7983), or a STUN message without our user name.
    NotOurs = "not_ours",
    /// From a path that no ICE check has validated.
    UnknownPath = "path_without_peer",
    /// A STUN message with a user name that no peer has.
    UnknownUfrag = "ufrag_without_peer",
    /// An answer to a connectivity check that no peer's transport has sent.
    UnknownCheck = "check_without_peer",
    /// RTP or RTCP that authenticated but does not parse.
    Malformed = "malformed",
    /// RTP of an SSRC that belongs to no publication.
    UnknownSsrc = "unknown_ssrc",
    /// RTP with a payload type that the section did not negotiate.
    UnknownPayloadType = "unknown_payload_type",
    /// RTP of a second SSRC or clock of an encoding whose stream still sends.
    StreamTaken = "stream_taken",
    /// RTP that came before, or too late to be of use.
    Duplicate = "duplicate",
    /// RTP that carries nothing but padding.
    PaddingOnly = "padding_only",
    /// A retransmission of a stream of which nothing else came yet.
    EarlyRetransmission = "early_retransmission",
    /// The queue of outgoing datagrams was full.
    TransmitQueueFull = "transmit_queue_full",
    /// A packet that a subscriber asked for again who asks for more than it may.
    NackOverBudget = "nack_over_budget",
    /// Video that waited for a subscriber's link, and that a later key frame made superfluous.
    SkippedToKeyFrame = "skipped_to_key_frame",
    /// Video of a highest temporal layer that waited for a subscriber's link for too long.
    LayerThinned = "layer_thinned",
    /// Video that waited for a subscriber's link for so long that it asked for a key frame instead.
    GivenUp = "given_up",
    /// A packet for which too many others waited for the same link.
    HeldFull = "held_full",
    /// Video that waited for a subscriber's link until its bytes were gone.
    LeftRing = "left_ring",
    /// The receiver's transport is not up, or has no path.
    NotConnected = "not_connected",
    /// The receiver's transport may seal no more packets of the stream: its keys are exhausted, or it has more
    /// streams than are kept.
    NotSealed = "not_sealed",
    /// A data message that the receiver's transport did not take.
    DataRefused = "data_refused",
    /// A data message that nobody understands: text, an unknown protocol, a stream that was not opened.
    DataIgnored = "data_ignored",
    /// A lossy data message of a peer that had too much of it under way.
    LossyDataOverBudget = "lossy_data_over_budget",
    /// A lossy data message that gave way to a later one for the same receiver.
    LossyDataOvertaken = "lossy_data_overtaken",
    /// A video packet for another shard that does not keep up.
    VideoExportFull = "video_export_full",
    /// An audio packet for another shard that does not keep up at all.
    AudioExportFull = "audio_export_full",
    /// A datagram that came in for a peer of another shard that does not keep up.
    HandOverFull = "hand_over_full",
}

impl DropReason {
    pub(crate) const COUNT: usize = Self::OWN.len() + TransportDrop::ALL.len();

    /// Iterates over every reason.
    pub fn all() -> impl Iterator<Item = Self> {
        let refused = TransportDrop::ALL.into_iter().map(Self::Refused);
        Self::OWN.iter().copied().chain(refused)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reason_has_its_own_place_and_label() {
        let labels: BTreeSet<_> = DropReason::all().map(DropReason::label).collect();
        assert_eq!(labels.len(), DropReason::COUNT);
        for (place, reason) in DropReason::all().enumerate() {
            assert_eq!(reason.place(), place);
        }
    }
}
