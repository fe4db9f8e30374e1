//! Messages in protobuf's binary form, bounded in what they take in memory.

use prost::Message;

use crate::limits::{MAX_COUNTED_DEPTH, MAX_FIELDS};

/// Says why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProtobuf {
    /// The bytes do not follow the encoding, or a field has another type than its number says.
    #[error("{0}")]
    Malformed(String),
    /// The message would take far more memory than its bytes.
    #[error("more than {MAX_FIELDS} fields")]
    TooManyFields,
}

/// Decodes a protobuf message of LiveKit's. Unknown fields are ignored; the number of fields is
/// bounded, and so is what it takes in memory.
///
/// # Errors
///
/// See [`InvalidProtobuf`].
pub fn decode_protobuf<M: Message + Default>(bytes: &[u8]) -> Result<M, InvalidProtobuf> {
    let mut fields = 0;
    count_fields(bytes, MAX_COUNTED_DEPTH, &mut fields)?;
    M::decode(bytes).map_err(|error| InvalidProtobuf::Malformed(error.to_string()))
}

/// Adds the length-delimited fields in `bytes` to `fields`. What is not a message ends the walk:
/// text and other bytes are looked into like messages, because the wire does not tell them apart.
fn count_fields(mut bytes: &[u8], depth: usize, fields: &mut usize) -> Result<(), InvalidProtobuf> {
    while !bytes.is_empty() {
        let Some(inner) = next_field(&mut bytes) else {
            return Ok(());
        };
        let Some(inner) = inner.length_delimited else {
            continue;
        };
        *fields += 1;
        if *fields > MAX_FIELDS {
            return Err(InvalidProtobuf::TooManyFields);
        }
        if depth > 1 {
            count_fields(inner, depth - 1, fields)?;
        }
    }
    Ok(())
}

struct Field<'a> {
    length_delimited: Option<&'a [u8]>,
}

/// Takes one field off the front, or says that there is none.
fn next_field<'a>(bytes: &mut &'a [u8]) -> Option<Field<'a>> {
    const VARINT: u64 = 0;
    const I64: u64 = 1;
    const LEN: u64 = 2;
    const I32: u64 = 5;

    let key = take_varint(bytes)?;
    if key >> 3 == 0 {
        return None;
    }
    let plain = Field {
        length_delimited: None,
    };
    match key & 7 {
        VARINT => take_varint(bytes).map(|_| plain),
        I64 => take(bytes, 8).map(|_| plain),
        I32 => take(bytes, 4).map(|_| plain),
        LEN => {
            let length = usize::try_from(take_varint(bytes)?).ok()?;
            let inner = take(bytes, length)?;
            Some(Field {
                length_delimited: Some(inner),
            })
        }
        _ => None,
    }
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (front, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(front)
}

/// Takes a number of seven bits a byte, least first; the high bit says that more follow.
fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    const MAX_BYTES: usize = 10;

    let mut number = 0;
    for index in 0..MAX_BYTES {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto;

    #[test]
    fn a_message_of_empty_elements_is_refused_before_it_takes_memory() {
        // SyncState.publish_tracks (3), empty, a hundred thousand times, in SignalRequest.sync_state.
        let body = [0x1a, 0x00].repeat(100_000);
        let mut bytes = vec![0x62];
        prost::encode_length_delimiter(body.len(), &mut bytes).unwrap();
        bytes.extend(body);
        assert_eq!(
            decode_protobuf::<proto::SignalRequest>(&bytes),
            Err(InvalidProtobuf::TooManyFields)
        );
    }

    #[test]
    fn elements_are_counted_as_deep_as_messages_repeat() {
        // SimulcastCodecInfo.layers (4), in TrackInfo.codecs (13), in TrackPublishedResponse.track (2), in
        // SyncState.publish_tracks (3), in SignalRequest.sync_state (12).
        let mut bytes = [0x22, 0x00].repeat(100_000);
        for key in [0x6a, 0x12, 0x1a, 0x62] {
            let mut outer = vec![key];
            prost::encode_length_delimiter(bytes.len(), &mut outer).unwrap();
            outer.extend(bytes);
            bytes = outer;
        }
        assert_eq!(
            decode_protobuf::<proto::SignalRequest>(&bytes),
            Err(InvalidProtobuf::TooManyFields)
        );
    }

    #[test]
    fn a_thousand_subscriptions_are_no_attack() {
        let update = proto::UpdateSubscription {
            track_sids: (0..1000).map(|i| format!("TR_VC{i:010}")).collect(),
            subscribe: true,
            ..proto::UpdateSubscription::default()
        };
        let bytes = update.encode_to_vec();
        assert_eq!(decode_protobuf(&bytes), Ok(update));
    }

    #[test]
    fn long_text_is_no_attack() {
        for text in ["{\"a\":[1,2]}", "\r\na=x", "    ", "\0\0", "zz", "BB"] {
            let message = proto::SessionDescription {
                sdp: text.repeat(100_000 / text.len()),
                ..proto::SessionDescription::default()
            };
            let bytes = message.encode_to_vec();
            assert_eq!(decode_protobuf(&bytes), Ok(message), "{text:?}");
        }
    }

    #[test]
    fn what_a_later_client_adds_is_ignored() {
        // Field 1000, a string, beside SignalRequest.ping (14).
        let bytes = [0xc2, 0x3e, 0x02, b'h', b'i', 0x70, 0x05];
        let request: proto::SignalRequest = decode_protobuf(&bytes).unwrap();
        assert_eq!(
            request.message,
            Some(proto::signal_request::Message::Ping(5))
        );
    }

    #[test]
    fn broken_bytes_are_refused() {
        for bytes in [&[0x0a, 0xff][..], &[0xff; 20], &[0x0b], &[0x62, 0x7f, 0x1a]] {
            assert!(decode_protobuf::<proto::SignalRequest>(bytes).is_err());
        }
    }
}
