//! A packet of a publisher: decrypted and parsed, and then accepted, as all who get it see it.

use sfu_model::{Codec, Extension};
use sfu_rtp::payload::Vp8Descriptor;
use sfu_rtp::{
    AbsSendTime, ExtendedSeqNo, ExtensionRanges, OutgoingExtensions, RtpHeader, StreamNumber,
};

use crate::frame::Frame;

/// A decrypted packet on its way to its stream. `P` are its bytes.
pub(crate) struct Received<P> {
    pub(crate) packet: P,
    pub(crate) header: RtpHeader,
    pub(crate) extensions: ExtensionRanges,
}

impl<'a> Received<&'a mut [u8]> {
    /// Returns the same for those who only read it.
    pub(crate) fn read_only(self) -> Received<&'a [u8]> {
        Received {
            packet: self.packet,
            header: self.header,
            extensions: self.extensions,
        }
    }
}

/// A packet that was accepted from a publisher, parsed once for all who get it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'a> {
    /// Plaintext, from the RTP header on.
    pub(crate) packet: &'a [u8],
    pub(crate) header: RtpHeader,
    pub(crate) extensions: ExtensionRanges,
    pub(crate) encoding: u8,
    /// The stream that it is of.
    pub(crate) stream: StreamNumber,
    pub(crate) seq: ExtendedSeqNo,
    pub(crate) codec: Codec,
    /// What the payload is; nothing for padding.
    pub(crate) frame: Option<Frame>,
    /// Which of its extensions are passed on.
    pub(crate) passage: Passage,
    /// When copies of it leave.
    pub(crate) departure: AbsSendTime,
    /// Bytes that copies of it are padded with, to be as long as others of the frame.
    pub(crate) padding: u8,
}

/// Whether a received packet's dependency descriptor is passed on.
///
/// Its frame numbers go on only within one stream. Where streams are switched between, or frames left
/// out without the descriptor's knowledge, receivers are better off without it: they then go by the
/// payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// All that is passed on at all.
    WithDescriptor,
    /// The same without the dependency descriptor.
    WithoutDescriptor,
}

impl<'a> Arrival<'a> {
    pub(crate) fn payload(&self) -> &'a [u8] {
        self.header.payload(self.packet)
    }

    /// Returns the extensions that are passed on as they came.
    #[inline]
    pub(crate) fn passed_on(&self) -> OutgoingExtensions<'a> {
        self.passage.of(&self.extensions, self.packet)
    }

    /// Returns its dependency descriptor, if that is passed on.
    #[inline]
    pub(crate) fn descriptor(&self) -> Option<&'a [u8]> {
        match self.passage {
            Passage::WithDescriptor => self.extensions.dependency_descriptor(self.packet),
            Passage::WithoutDescriptor => None,
        }
    }

    /// Returns the same without its bytes, which the stream's cache has too.
    pub(crate) fn detached(&self) -> Arrival<'static> {
        Arrival {
            packet: &[],
            header: self.header,
            extensions: self.extensions,
            encoding: self.encoding,
            stream: self.stream,
            seq: self.seq,
            codec: self.codec,
            frame: self.frame,
            passage: self.passage,
            departure: self.departure,
            padding: self.padding,
        }
    }

    pub(crate) fn vp8(&self) -> Option<&Vp8Descriptor> {
        self.frame.as_ref()?.vp8.as_ref()
    }
}

impl Passage {
    /// Returns the extensions of a received packet that are passed on as they came.
    #[inline]
    pub(crate) fn of<'a>(
        self,
        ranges: &ExtensionRanges,
        packet: &'a [u8],
    ) -> OutgoingExtensions<'a> {
        let mut extensions = OutgoingExtensions {
            audio_level: ranges.get(packet, Extension::AudioLevel),
            abs_capture_time: ranges.get(packet, Extension::AbsCaptureTime),
            video_orientation: ranges.get(packet, Extension::VideoOrientation),
            ..OutgoingExtensions::default()
        };
        if self == Self::WithDescriptor {
            extensions.dependency_descriptor = ranges.get(packet, Extension::DependencyDescriptor);
        }
        extensions
    }
}
