use sfu_model::{Codec, Extension};
use sfu_rtp::payload::{Descriptor, Peek, Vp8Descriptor};
use sfu_rtp::{AbsSendTime, ExtendedSeqNo, ExtensionRanges, OutgoingExtensions, RtpHeader};

/// A packet that was accepted from a publisher, parsed once for all who get it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'a> {
    /// Plaintext, from the RTP header on.
    pub(crate) packet: &'a [u8],
    pub(crate) header: RtpHeader,
    pub(crate) extensions: ExtensionRanges,
    pub(crate) encoding: u8,
    pub(crate) seq: ExtendedSeqNo,
    pub(crate) codec: Codec,
    /// What the payload is; nothing for padding.
    pub(crate) peek: Option<Peek>,
    /// When copies of it leave.
    pub(crate) departure: AbsSendTime,
}

impl<'a> Arrival<'a> {
    pub(crate) fn payload(&self) -> &'a [u8] {
        self.header.payload(self.packet)
    }

    pub(crate) fn vp8(&self) -> Option<&Vp8Descriptor> {
        match &self.peek.as_ref()?.descriptor {
            Descriptor::Vp8(descriptor) => Some(descriptor),
            Descriptor::None | Descriptor::Vp9(_) => None,
        }
    }
}

/// Returns the extensions of a received packet that are passed on as they came.
#[inline]
pub(crate) fn passed_on<'a>(ranges: &ExtensionRanges, packet: &'a [u8]) -> OutgoingExtensions<'a> {
    OutgoingExtensions {
        audio_level: ranges.get(packet, Extension::AudioLevel),
        abs_capture_time: ranges.get(packet, Extension::AbsCaptureTime),
        dependency_descriptor: ranges.get(packet, Extension::DependencyDescriptor),
        video_orientation: ranges.get(packet, Extension::VideoOrientation),
        ..OutgoingExtensions::default()
    }
}
