//! The join request in the URL of `/rtc/v1`.

use std::io::Read;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::bufread::GzDecoder;

use crate::decode_protobuf;
use crate::limits::MAX_JOIN_REQUEST_BYTES;
use crate::lists::{ListTooLong, Lists};
use crate::proto::wrapped_join_request::Compression;
use crate::proto::{JoinRequest, WrappedJoinRequest};

/// The longest text that is looked at: a join request of the largest size in base64, and its wrap.
const MAX_TEXT_BYTES: usize = MAX_JOIN_REQUEST_BYTES / 3 * 4 + 1024;

/// How much smaller compression makes a join request with an offer.
const USUAL_RATIO: usize = 8;

/// Says why the `join_request` of a URL was refused. The answer is 400 with this text, which is
/// LiveKit's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinRequestError {
    /// It is not base64.
    #[error("cannot base64 decode wrapped join request")]
    Base64,
    /// What came out of base64 is no `WrappedJoinRequest`.
    #[error("cannot unmarshal wrapped join request")]
    Wrapped,
    /// It says that it is gzip, and it is not, or it is cut short.
    #[error("cannot read decompressed join request")]
    Gzip,
    /// It is longer than [`MAX_JOIN_REQUEST_BYTES`].
    #[error("join request too large")]
    TooLarge,
    /// The innermost bytes are no `JoinRequest`.
    #[error("cannot unmarshal join request")]
    Inner,
    /// A list in it is too long.
    #[error("join request has {0}")]
    List(#[from] ListTooLong),
}

/// Takes base64 with and without padding: clients differ.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);

/// Decodes base64 in either alphabet. A `+` that a URL turned into a space is one again.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    if text.bytes().any(|byte| matches!(byte, b'+' | b'/' | b' ')) {
        BASE64.decode(text.replace(' ', "+")).ok()
    } else {
        BASE64_URL.decode(text).ok()
    }
}

/// Decodes the `join_request` value of a URL: base64 of a `WrappedJoinRequest`, which holds a
/// `JoinRequest` as it is or in gzip.
///
/// # Errors
///
/// See [`JoinRequestError`].
pub fn decode_join_request(text: &str) -> Result<JoinRequest, JoinRequestError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(JoinRequestError::TooLarge);
    }
    let wrapped = decode_base64(text).ok_or(JoinRequestError::Base64)?;
    let wrapped: WrappedJoinRequest =
        decode_protobuf(&wrapped).map_err(|_| JoinRequestError::Wrapped)?;
    let inner = match wrapped.compression() {
        Compression::None => wrapped.join_request,
        Compression::Gzip => decompress(&wrapped.join_request)?,
    };
    if inner.len() > MAX_JOIN_REQUEST_BYTES {
        return Err(JoinRequestError::TooLarge);
    }
    let request: JoinRequest = decode_protobuf(&inner).map_err(|_| JoinRequestError::Inner)?;
    request.check_lists()?;
    Ok(request)
}

fn decompress(gzip: &[u8]) -> Result<Vec<u8>, JoinRequestError> {
    let mut inner = Vec::with_capacity(gzip.len() * USUAL_RATIO);
    GzDecoder::new(gzip)
        .take(MAX_JOIN_REQUEST_BYTES as u64 + 1)
        .read_to_end(&mut inner)
        .map_err(|_| JoinRequestError::Gzip)?;
    Ok(inner)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression as Level;
    use flate2::write::GzEncoder;
    use prost::Message;

    use super::*;
    use crate::proto::ConnectionSettings;

    fn request() -> JoinRequest {
        JoinRequest {
            metadata: "hello".to_owned(),
            connection_settings: Some(ConnectionSettings {
                auto_subscribe: true,
                ..ConnectionSettings::default()
            }),
            ..JoinRequest::default()
        }
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Level::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn wrap(compression: Compression, inner: Vec<u8>) -> Vec<u8> {
        WrappedJoinRequest {
            compression: compression.into(),
            join_request: inner,
        }
        .encode_to_vec()
    }

    #[test]
    fn a_plain_request_is_read_with_and_without_padding() {
        let wrapped = wrap(Compression::None, request().encode_to_vec());
        let padded = base64::prelude::BASE64_URL_SAFE.encode(&wrapped);
        let unpadded = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(&wrapped);
        assert_eq!(decode_join_request(&padded), Ok(request()));
        assert_eq!(decode_join_request(&unpadded), Ok(request()));
    }

    #[test]
    fn a_compressed_request_is_read() {
        let wrapped = wrap(Compression::Gzip, gzip(&request().encode_to_vec()));
        let text = base64::prelude::BASE64_URL_SAFE.encode(wrapped);
        assert_eq!(decode_join_request(&text), Ok(request()));
    }

    #[test]
    fn the_other_base64_alphabet_is_read_too() {
        let mut request = request();
        request.metadata = "\u{fbef}>>>???".repeat(3);
        let wrapped = wrap(Compression::None, request.encode_to_vec());
        let text = base64::prelude::BASE64_STANDARD.encode(wrapped);
        assert!(text.contains(['+', '/']));
        assert_eq!(decode_join_request(&text), Ok(request.clone()));
        assert_eq!(decode_join_request(&text.replace('+', " ")), Ok(request));
    }

    #[test]
    fn a_bomb_is_stopped_at_the_limit() {
        // Its end is cut off: who reads that far says so, instead of "too large".
        let mut bomb = gzip(&vec![0; 16 << 20]);
        bomb.truncate(bomb.len() - 100);
        let wrapped = wrap(Compression::Gzip, bomb);
        let text = base64::prelude::BASE64_URL_SAFE.encode(wrapped);
        assert_eq!(decode_join_request(&text), Err(JoinRequestError::TooLarge));
    }

    #[test]
    fn each_fault_has_livekits_words() {
        let encode = |bytes: Vec<u8>| base64::prelude::BASE64_URL_SAFE.encode(bytes);
        let mut cut = gzip(&request().encode_to_vec());
        cut.truncate(12);
        let faults = [
            (
                "%%%".to_owned(),
                "cannot base64 decode wrapped join request",
            ),
            (encode(vec![0xff]), "cannot unmarshal wrapped join request"),
            (
                encode(wrap(Compression::None, vec![0xff])),
                "cannot unmarshal join request",
            ),
            (
                encode(wrap(Compression::Gzip, vec![1, 2, 3])),
                "cannot read decompressed join request",
            ),
            (
                encode(wrap(Compression::Gzip, cut)),
                "cannot read decompressed join request",
            ),
            ("A".repeat(MAX_TEXT_BYTES + 1), "join request too large"),
        ];
        for (text, words) in faults {
            let refused = decode_join_request(&text).unwrap_err();
            assert_eq!(refused.to_string(), words);
        }
    }
}
