//! A track that a client publishes: how it is announced, offered, and sent once the server has answered.

use livekit_protocol::{
    AddTrackRequest, SimulcastCodec, TrackSource, TrackType, VideoLayer, VideoQuality,
};
use sfu_model::{Codec, MediaKind};

use crate::sdp::{
    Description, OfferSection, OfferedLayer, Role, Section, SectionKind, payload_types,
};
use crate::{Outbound, OutboundLayer};

/// Names of simulcast layers as LiveKit's clients give them, the lowest first.
pub const RIDS: [&str; 3] = ["q", "h", "f"];
/// Their qualities.
pub const QUALITIES: [VideoQuality; 3] =
    [VideoQuality::Low, VideoQuality::Medium, VideoQuality::High];

/// A microphone or a camera that a client publishes.
#[derive(Clone, Debug)]
pub struct Track {
    /// By which the server knows it until it has a sid.
    pub cid: String,
    /// How all of its layers are encoded.
    pub codec: Codec,
    /// Simulcast layers, the lowest first; or the only encoding.
    pub layers: Vec<OutboundLayer>,
    /// The pictures of each layer of video.
    pub pictures: &'static [Picture],
}

/// What the pictures of a layer are said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// In bits a second.
    pub bitrate: u32,
}

impl Track {
    /// Loudness of what is published: voice.
    const AUDIO_LEVEL: u8 = 20;

    /// Returns whether it is a microphone or a camera.
    pub fn kind(&self) -> MediaKind {
        self.codec.kind()
    }

    /// Returns the quality of the layer at `place`: a single encoding is the highest, whatever its size.
    pub fn quality(&self, place: usize) -> VideoQuality {
        let quality = QUALITIES.get(place).filter(|_| self.layers.len() > 1);
        quality.copied().unwrap_or(VideoQuality::High)
    }

    /// Returns how it is announced.
    pub fn request(&self) -> AddTrackRequest {
        let request = AddTrackRequest {
            cid: self.cid.clone(),
            name: self.cid.clone(),
            ..AddTrackRequest::default()
        };
        match self.kind() {
            MediaKind::Audio => AddTrackRequest {
                r#type: TrackType::Audio.into(),
                source: TrackSource::Microphone.into(),
                disable_red: true,
                ..request
            },
            MediaKind::Video => AddTrackRequest {
                r#type: TrackType::Video.into(),
                source: TrackSource::Camera.into(),
                width: self.pictures.last().map_or(0, |picture| picture.width),
                height: self.pictures.last().map_or(0, |picture| picture.height),
                layers: self.video_layers(),
                simulcast_codecs: vec![SimulcastCodec {
                    codec: self.codec.name().to_ascii_lowercase(),
                    cid: self.cid.clone(),
                    layers: self.video_layers(),
                    ..SimulcastCodec::default()
                }],
                ..request
            },
        }
    }

    fn video_layers(&self) -> Vec<VideoLayer> {
        let layers = self.layers.iter().zip(self.pictures).enumerate();
        let layers = layers.map(|(place, (layer, picture))| VideoLayer {
            quality: self.quality(place).into(),
            width: picture.width,
            height: picture.height,
            bitrate: picture.bitrate,
            spatial_layer: i32::try_from(place).unwrap_or_default(),
            rid: layer.rid.unwrap_or_default().to_owned(),
            ..VideoLayer::default()
        });
        layers.collect()
    }

    /// Returns the section that offers it.
    pub fn section(&self) -> OfferSection {
        let layers = self.layers.iter().map(|layer| OfferedLayer {
            rid: layer.rid,
            ssrc: layer.ssrc,
            rtx: layer.rtx,
        });
        OfferSection {
            kind: self.kind(),
            role: Role::Send {
                track: self.cid.clone(),
                codec: self.codec,
                layers: layers.collect(),
            },
        }
    }

    /// Returns how it is sent in the section at this place of the server's answer; `None` if the server did not agree.
    pub fn outbound(&self, answer: &Description, place: usize) -> Option<Outbound> {
        let mid = place.to_string();
        let section = answer.sections.iter().find(|section| section.mid == mid)?;
        let accepted = self.is_accepted(section);
        let (payload_type, rtx_type) = payload_types(self.codec).filter(|_| accepted)?;
        Some(Outbound {
            kind: self.kind(),
            mid,
            payload_type,
            rtx_type,
            extensions: section.extensions,
            layers: self.layers.clone(),
            audio_level: Self::AUDIO_LEVEL,
        })
    }

    fn is_accepted(&self, section: &Section) -> bool {
        let mut formats = section.formats.iter();
        section.kind == SectionKind::Media(self.kind())
            && !section.rejected
            && formats.any(|format| format.codec() == Some(self.codec))
    }
}
