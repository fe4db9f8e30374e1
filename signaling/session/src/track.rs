//! A track: what is said of it, and how it arrives.

use std::collections::{BTreeMap, BTreeSet};

use sfu_model::{
    Codec, Forwarding, LayerOrder, MediaKind, Mid, PictureSize, PublicationId, ReceiveEncoding,
    ReceiveMedia, RedundancyPolicy, Rid, Ssrc, TrackSid,
};

use crate::demand::{Demand, ToldDemand};
use crate::negotiation::{OfferedCodec, PublishDecision};
use crate::participant_key::ParticipantKey;
use crate::proto;
use crate::proto::{AudioTrackFeature, encryption};

/// A track in the room.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) sid: TrackSid,
    pub(crate) publisher: ParticipantKey,
    /// What others are told.
    pub(crate) info: proto::TrackInfo,
    /// The client's id of it.
    pub(crate) cid: String,
    /// What arrives: the main codec first, then a backup codec if the client publishes one.
    pub(crate) streams: Vec<PublishedStream>,
    /// Whether others know of it.
    pub(crate) announced: bool,
    /// Whether whoever keeps records was told of it: not before of its publisher.
    pub(crate) reported: bool,
    /// Whether the publisher was told that somebody receives it.
    pub(crate) ever_subscribed: bool,
    /// Who has a subscription.
    pub(crate) subscribers: BTreeSet<ParticipantKey>,
    /// What the publisher was told of the demand for it.
    pub(crate) told_demand: ToldDemand,
}

/// One codec of a track, as it arrives.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PublishedStream {
    pub(crate) publication: PublicationId,
    pub(crate) mid: Mid,
    /// Which of the track's codecs.
    pub(crate) codec: usize,
    /// How the shard receives it.
    pub(crate) media: ReceiveMedia,
    /// What its packets were said to be, each once, in that order. Before anything was said they are taken to be what
    /// `media` lists first.
    pub(crate) heard: Vec<Codec>,
    /// What they were said to be last.
    pub(crate) latest: Option<Codec>,
    /// How large the pictures of its encodings are, where only that says which layer each is.
    pub(crate) sizes: BTreeMap<Rid, PictureSize>,
    /// What a subscriber has to accept, preferred first.
    pub(crate) codecs: Vec<OfferedCodec>,
    /// What its subscriptions forward.
    pub(crate) demand: Demand,
}

impl Track {
    /// Has it published by a participant of another room, in which nobody receives it yet and its publications are
    /// called otherwise. Returns what each was and is called.
    pub(crate) fn enter(
        &mut self,
        publisher: ParticipantKey,
        mut next: impl FnMut() -> PublicationId,
    ) -> Vec<(PublicationId, PublicationId)> {
        self.publisher = publisher;
        self.reported = false;
        self.subscribers.clear();
        let rename = |stream: &mut PublishedStream| {
            stream.demand = Demand::default();
            let before = std::mem::replace(&mut stream.publication, next());
            (before, stream.publication)
        };
        self.streams.iter_mut().map(rename).collect()
    }

    pub(crate) fn kind(&self) -> MediaKind {
        kind_of(&self.info)
    }

    /// Returns how the section is answered that carries the track's codec number `codec`.
    pub(crate) fn decision(&self, codec: usize) -> PublishDecision {
        let wanted = self.info.codecs.get(codec);
        PublishDecision {
            track: self.sid.clone(),
            preferred: wanted.and_then(|wanted| codec_of(&wanted.mime_type)),
            dtx: !self.has_feature(AudioTrackFeature::TfNoDtx),
            stereo: self.has_feature(AudioTrackFeature::TfStereo),
            red: !self.info.disable_red,
        }
    }

    /// Returns whether sound may be sent with more redundancy than it comes with.
    pub(crate) fn redundancy(&self) -> RedundancyPolicy {
        let is_plain = self.info.encryption() == encryption::Type::None;
        match is_plain && !self.info.disable_red {
            true => RedundancyPolicy::ByLoss,
            false => RedundancyPolicy::AsItComes,
        }
    }

    pub(crate) fn has_feature(&self, feature: AudioTrackFeature) -> bool {
        self.info.audio_features.contains(&i32::from(feature))
    }

    /// Notes that a subscription of a publication forwards something else; `None` is before it began
    /// or after it ended.
    pub(crate) fn shift_demand(
        &mut self,
        publication: PublicationId,
        before: Option<Forwarding>,
        after: Option<Forwarding>,
    ) {
        if let Some(stream) = self.stream_of_mut(publication) {
            before.into_iter().for_each(|it| stream.demand.remove(it));
            after.into_iter().for_each(|it| stream.demand.add(it));
        }
    }

    pub(crate) fn stream_of(&self, publication: PublicationId) -> Option<&PublishedStream> {
        let mut streams = self.streams.iter();
        streams.find(|stream| stream.publication == publication)
    }

    fn stream_of_mut(&mut self, publication: PublicationId) -> Option<&mut PublishedStream> {
        let mut streams = self.streams.iter_mut();
        streams.find(|stream| stream.publication == publication)
    }

    pub(crate) fn stream(&self, index: usize) -> Option<&PublishedStream> {
        self.streams.get(index)
    }

    /// Returns the first codec that was announced and that does not arrive (yet).
    pub(crate) fn missing_codec(&self) -> Option<usize> {
        (0..self.info.codecs.len())
            .find(|index| self.streams.iter().all(|stream| stream.codec != *index))
    }

    /// Puts the encodings of the track's codec number `codec` in the order of its layers: as the request says, if it says
    /// which is which; else as the description does; else by the size of their pictures.
    pub(crate) fn arrange(&self, codec: usize, media: &mut ReceiveMedia) {
        let stream = self.streams.iter().find(|stream| stream.codec == codec);
        match stream.filter(|stream| stream.media.layer_order == LayerOrder::Unknown) {
            Some(stream) => stream.arrange_by_size(media),
            None => self.arrange_by_layers(codec, media),
        }
    }

    fn arrange_by_layers(&self, codec: usize, media: &mut ReceiveMedia) {
        let info = self.info.codecs.get(codec);
        let layers = info.map_or(&[][..], |info| &info.layers);
        let place = |encoding: &ReceiveEncoding| {
            layers.iter().position(|layer| match encoding.rid {
                Some(rid) => layer.rid == rid.0.as_str(),
                None => encoding.ssrc.is_some_and(|ssrc| layer.ssrc == ssrc.0),
            })
        };
        if media.encodings.iter().all(|it| place(it).is_some()) {
            media.encodings.sort_by_key(place);
            media.layer_order = LayerOrder::Known;
        }
    }

    /// Takes what the packets of a publication are.
    pub(crate) fn hear_codec(&mut self, publication: PublicationId, codec: Codec) {
        if let Some(stream) = self.stream_of_mut(publication) {
            stream.latest = Some(codec);
            if !stream.heard.contains(&codec) {
                stream.heard.push(codec);
            }
            self.describe(publication);
        }
    }

    /// Takes as what an encoding of a publication comes.
    pub(crate) fn hear_ssrc(&mut self, publication: PublicationId, rid: Option<Rid>, ssrc: Ssrc) {
        let Some(stream) = self.stream_of_mut(publication) else {
            return;
        };
        let mut encodings = stream.media.encodings.iter_mut();
        if let Some(encoding) = encodings.find(|encoding| encoding.rid == rid) {
            encoding.ssrc = Some(ssrc);
            self.describe(publication);
        }
    }

    /// Takes how large the pictures of an encoding are. Returns how the publication is to be received if that puts its
    /// encodings in another order.
    pub(crate) fn hear_size(
        &mut self,
        publication: PublicationId,
        rid: Rid,
        size: PictureSize,
    ) -> Option<ReceiveMedia> {
        let stream = self.stream_of_mut(publication)?;
        if !stream.media.encodings.iter().any(|it| it.rid == Some(rid)) {
            return None;
        }
        stream.sizes.insert(rid, size);
        let mut media = stream.media.clone();
        stream.arrange_by_size(&mut media);
        if media == stream.media {
            return None;
        }
        stream.media.clone_from(&media);
        self.describe(publication);
        Some(media)
    }

    /// Has subscribers accept the codecs in which a publication comes, of those that its section offers, and Opus with
    /// redundancy if that may be added. Returns whether
    /// these are others than before; a publisher that alternates does not change them each time.
    pub(crate) fn follow_codec(
        &mut self,
        publication: PublicationId,
        offered: &[OfferedCodec],
    ) -> bool {
        let redundancy = self.redundancy();
        let Some(stream) = self.stream_of_mut(publication) else {
            return false;
        };
        let unheard = stream.heard.is_empty().then(|| stream.arriving()).flatten();
        let codecs = stream.heard.iter().copied().chain(unheard);
        let mut codecs: Vec<_> = codecs
            .flat_map(|it| subscribable_codecs(it, offered))
            .collect();
        let has = |codec| codecs.iter().any(|it: &OfferedCodec| it.codec == codec);
        if redundancy == RedundancyPolicy::ByLoss && has(Codec::Opus) && !has(Codec::Red) {
            codecs.push(OfferedCodec {
                codec: Codec::Red,
                fmtp: None,
            });
        }
        let changed = codecs != stream.codecs;
        stream.codecs = codecs;
        changed
    }

    /// Writes down what is known of how a publication of the track comes.
    pub(crate) fn describe(&mut self, publication: PublicationId) {
        let mut streams = self.streams.iter();
        let Some(stream) = streams.find(|stream| stream.publication == publication) else {
            return;
        };
        let Some(arriving) = stream.arriving() else {
            return;
        };
        let mime_type = arriving.mime_type().to_owned();
        let mid = stream.mid.0.as_str().to_owned();
        if stream.codec == 0 {
            self.info.mime_type.clone_from(&mime_type);
            self.info.mid.clone_from(&mid);
            describe_layers(&mut self.info.layers, arriving, &stream.media);
        }
        if let Some(info) = self.info.codecs.get_mut(stream.codec) {
            info.mime_type = mime_type;
            info.mid = mid;
            describe_layers(&mut info.layers, arriving, &stream.media);
        }
    }
}

impl PublishedStream {
    /// Takes another description of how it comes. SSRCs that it does not declare are those that were heard.
    pub(crate) fn describe_anew(&mut self, media: ReceiveMedia) {
        let before = std::mem::replace(&mut self.media, media);
        for encoding in &mut self.media.encodings {
            let mut known = before.encodings.iter();
            let known = known.find(|known| known.rid.is_some() && known.rid == encoding.rid);
            encoding.ssrc = encoding.ssrc.or_else(|| known?.ssrc);
        }
        let encodings = &self.media.encodings;
        self.sizes
            .retain(|rid, _| encodings.iter().any(|it| it.rid == Some(*rid)));
    }

    /// Sorts those encodings of a description whose size is known, the smallest first, if it does not say which is
    /// which; the others keep their places.
    fn arrange_by_size(&self, media: &mut ReceiveMedia) {
        if media.layer_order == LayerOrder::Known {
            return;
        }
        let pixels = |encoding: &ReceiveEncoding| Some(self.sizes.get(&encoding.rid?)?.pixels());
        let is_measured = |encoding: &&ReceiveEncoding| pixels(encoding).is_some();
        let mut measured: Vec<_> = media
            .encodings
            .iter()
            .filter(is_measured)
            .copied()
            .collect();
        measured.sort_by_key(pixels);
        let places = media.encodings.iter_mut();
        let places = places.filter(|it| pixels(it).is_some());
        for (place, encoding) in places.zip(measured) {
            *place = encoding;
        }
    }

    /// Returns the codec in which it comes, as far as is known.
    fn arriving(&self) -> Option<Codec> {
        let first = self.media.codecs.first().map(|binding| binding.codec);
        self.latest.or(first)
    }
}

/// Returns audio or video of a track that was accepted.
pub(crate) fn kind_of(info: &proto::TrackInfo) -> MediaKind {
    match info.r#type() {
        proto::TrackType::Audio | proto::TrackType::Data => MediaKind::Audio,
        proto::TrackType::Video => MediaKind::Video,
    }
}

/// Reads `video/vp8`, or `vp8` alone, in any case.
pub(crate) fn codec_of(mime_type: &str) -> Option<Codec> {
    let name = mime_type
        .split_once('/')
        .map_or(mime_type, |(_, name)| name);
    Codec::from_name(name)
}

/// Returns what a subscriber has to accept of `offered` to receive `arriving`. Redundant audio
/// carries Opus, which a subscriber without it is sent instead.
fn subscribable_codecs(arriving: Codec, offered: &[OfferedCodec]) -> Vec<OfferedCodec> {
    let also = (arriving == Codec::Red).then_some(Codec::Opus);
    let of = |codec: Codec| {
        let same = offered.iter().filter(|offer| offer.codec == codec).cloned();
        let mut same: Vec<_> = same.collect();
        if same.is_empty() {
            same.push(OfferedCodec { codec, fmtp: None });
        }
        same
    };
    let codecs = std::iter::once(arriving).chain(also);
    codecs.flat_map(of).collect()
}

/// Fills in where each layer is found, lowest first. Layers of one stream share its SSRC.
fn describe_layers(layers: &mut [proto::VideoLayer], codec: Codec, media: &ReceiveMedia) {
    if codec.kind() == MediaKind::Audio {
        return;
    }
    layers.sort_by_key(|layer| layer.quality);
    for (index, layer) in layers.iter_mut().enumerate() {
        layer.spatial_layer = i32::try_from(index).unwrap_or(i32::MAX);
        let encoding = match media.encodings.as_slice() {
            [only] => Some(only),
            several => several.get(index),
        };
        let Some(encoding) = encoding else { continue };
        let rid = encoding.rid.map(|rid| rid.0.as_str().to_owned());
        layer.rid = rid.unwrap_or_default();
        layer.ssrc = encoding.ssrc.map_or(0, |ssrc| ssrc.0);
        layer.repair_ssrc = encoding.rtx_ssrc.map_or(0, |ssrc| ssrc.0);
    }
}
