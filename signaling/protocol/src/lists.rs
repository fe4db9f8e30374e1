//! Bounds the lists inside messages that are read: those that the server keeps, copies or multiplies.
//!
//! Lists of sids and participants are bounded by the elements of the whole message.

use crate::limits::{MAX_ADD_TRACKS, MAX_CODECS, MAX_FEATURES, MAX_LAYERS};
use crate::proto::signal_request::Message;
use crate::proto::{AddTrackRequest, JoinRequest, SignalRequest, SignalResponse};

/// A list in a message has more elements than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {max} {list}")]
pub struct ListTooLong {
    /// What the list is of.
    pub list: &'static str,
    /// How many there may be.
    pub max: usize,
}

/// A message whose lists are bounded.
pub(crate) trait Lists {
    /// Checks every list that has a bound of its own.
    fn check_lists(&self) -> Result<(), ListTooLong>;
}

impl Lists for SignalRequest {
    fn check_lists(&self) -> Result<(), ListTooLong> {
        match &self.message {
            Some(Message::AddTrack(request)) => request.check_lists(),
            Some(Message::UpdateAudioTrack(update)) => {
                bound("features", &update.features, MAX_FEATURES)
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Clients in tests and tools trust their server.
impl Lists for SignalResponse {
    fn check_lists(&self) -> Result<(), ListTooLong> {
        Ok(())
    }
}

impl Lists for JoinRequest {
    fn check_lists(&self) -> Result<(), ListTooLong> {
        let requests = &self.add_track_requests;
        bound("tracks to add", requests, MAX_ADD_TRACKS)?;
        requests.iter().try_for_each(Lists::check_lists)
    }
}

impl Lists for AddTrackRequest {
    fn check_lists(&self) -> Result<(), ListTooLong> {
        bound("layers", &self.layers, MAX_LAYERS)?;
        bound("codecs", &self.simulcast_codecs, MAX_CODECS)?;
        for codec in &self.simulcast_codecs {
            bound("layers", &codec.layers, MAX_LAYERS)?;
        }
        bound("features", &self.audio_features, MAX_FEATURES)?;
        bound("features", &self.packet_trailer_features, MAX_FEATURES)
    }
}

fn bound<T>(list: &'static str, elements: &[T], max: usize) -> Result<(), ListTooLong> {
    match elements.len() <= max {
        true => Ok(()),
        false => Err(ListTooLong { list, max }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{SimulcastCodec, UpdateLocalAudioTrack, VideoLayer};
    use crate::{Encoding, FrameError, MAX_FRAME_BYTES, decode_request, encode_request};

    fn refused(message: Message) -> Vec<ListTooLong> {
        let request = SignalRequest {
            message: Some(message),
        };
        let decode = |encoding| {
            let frame = encode_request(encoding, &request);
            match decode_request(encoding, &frame, MAX_FRAME_BYTES) {
                Err(FrameError::List(list)) => list,
                other => panic!("{other:?}"),
            }
        };
        [Encoding::Binary, Encoding::Text].map(decode).into()
    }

    #[test]
    fn features_without_number_are_refused_in_both_encodings() {
        let update = UpdateLocalAudioTrack {
            features: vec![0; MAX_FEATURES + 1],
            ..UpdateLocalAudioTrack::default()
        };
        for list in refused(Message::UpdateAudioTrack(update)) {
            assert_eq!(list.to_string(), "more than 64 features");
        }
    }

    #[test]
    fn the_layers_of_each_codec_are_bounded() {
        let request = AddTrackRequest {
            simulcast_codecs: vec![SimulcastCodec {
                layers: vec![VideoLayer::default(); MAX_LAYERS + 1],
                ..SimulcastCodec::default()
            }],
            ..AddTrackRequest::default()
        };
        for list in refused(Message::AddTrack(request)) {
            assert_eq!((list.list, list.max), ("layers", MAX_LAYERS));
        }
    }

    #[test]
    fn a_join_may_ask_for_a_bounded_number_of_tracks() {
        let mut join = JoinRequest {
            add_track_requests: vec![AddTrackRequest::default(); MAX_ADD_TRACKS],
            ..JoinRequest::default()
        };
        assert_eq!(join.check_lists(), Ok(()));
        join.add_track_requests.push(AddTrackRequest::default());
        assert!(join.check_lists().is_err());
    }
}
