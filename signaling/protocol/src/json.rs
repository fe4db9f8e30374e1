//! Messages in protobuf's JSON form, bounded in what they take in memory.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::limits::MAX_JSON_VALUES;

/// Says why text is no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidJson {
    /// It is no JSON, or a field has another type than the message says.
    #[error("{0}")]
    Malformed(String),
    /// The message would take far more memory than its text.
    #[error("more than {MAX_JSON_VALUES} values")]
    TooManyValues,
}

/// Decodes a message in protobuf's JSON form.
///
/// It takes what protobuf's own parsers take: both spellings of field names, enumerations as names
/// or numbers, 64-bit numbers as strings or numbers, `null` for "not given"; and it ignores fields
/// that it does not know, because a newer client may send them.
///
/// # Errors
///
/// See [`InvalidJson`].
pub fn decode_json<M: DeserializeOwned>(text: &[u8]) -> Result<M, InvalidJson> {
    let malformed = |error: serde_json::Error| InvalidJson::Malformed(error.to_string());
    if count_values(text) > MAX_JSON_VALUES {
        return Err(InvalidJson::TooManyValues);
    }
    let mut value: Value = serde_json::from_slice(text).map_err(malformed)?;
    remove_nulls(&mut value);
    if !value.is_object() {
        return Err(InvalidJson::Malformed("not an object".to_owned()));
    }
    serde_json::from_value(value).map_err(malformed)
}

/// Returns how many values a text can hold at most, before any is read: as many as there are openings of objects
/// and arrays, and commas, outside of strings.
fn count_values(text: &[u8]) -> usize {
    let mut values = 1;
    let mut in_string = false;
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            // What is escaped ends no string.
            b'\\' if in_string => {
                bytes.next();
            }
            b'{' | b'[' | b',' if !in_string => values += 1,
            _ => {}
        }
    }
    values
}

/// Drops members that are `null`. The parser bounds how deep this recurses.
fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(remove_nulls);
        }
        Value::Array(elements) => elements.iter_mut().for_each(remove_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::signal_request::Message;
    use crate::proto::{SignalRequest, TrackSource, VideoQuality};

    fn decode(text: &str) -> Message {
        let request: SignalRequest = decode_json(text.as_bytes()).unwrap();
        request.message.unwrap()
    }

    #[test]
    fn both_spellings_of_a_name_are_read() {
        for text in [
            r#"{"trackSetting":{"trackSids":["TR_1"],"quality":"HIGH"}}"#,
            r#"{"track_setting":{"track_sids":["TR_1"],"quality":2}}"#,
        ] {
            let Message::TrackSetting(setting) = decode(text) else {
                panic!("{text}");
            };
            assert_eq!(setting.track_sids, ["TR_1"]);
            assert_eq!(setting.quality(), VideoQuality::High);
        }
    }

    #[test]
    fn numbers_of_64_bits_come_as_text_or_as_number() {
        for text in [
            r#"{"pingReq":{"timestamp":"1700000000000","rtt":12}}"#,
            r#"{"pingReq":{"timestamp":1700000000000,"rtt":"12"}}"#,
        ] {
            let Message::PingReq(ping) = decode(text) else {
                panic!("{text}");
            };
            assert_eq!((ping.timestamp, ping.rtt), (1_700_000_000_000, 12));
        }
    }

    #[test]
    fn null_is_not_given() {
        let text = r#"{"addTrack":{"cid":"c","name":null,"source":"CAMERA","layers":
            [{"quality":"HIGH","width":null}]},"answer":null}"#;
        let Message::AddTrack(track) = decode(text) else {
            panic!("another message");
        };
        assert_eq!(track.source(), TrackSource::Camera);
        assert_eq!(track.layers[0].quality(), VideoQuality::High);
    }

    #[test]
    fn what_a_later_client_adds_is_ignored() {
        let text = r#"{"mute":{"sid":"TR_1","muted":true,"reason":{"a":[1]}},"hologram":{}}"#;
        let Message::Mute(mute) = decode(text) else {
            panic!("another message");
        };
        assert!(mute.muted);
        let unknown: SignalRequest = decode_json(br#"{"hologram":{"a":1}}"#).unwrap();
        assert_eq!(unknown.message, None);
    }

    #[test]
    fn two_messages_in_one_frame_are_refused() {
        let text = r#"{"offer":{"sdp":"a"},"answer":{"sdp":"b"}}"#;
        assert!(decode_json::<SignalRequest>(text.as_bytes()).is_err());
    }

    #[test]
    fn broken_text_is_refused() {
        for text in [
            "",
            "{",
            "[]",
            "7",
            r#"{"ping":{}}"#,
            r#"{"mute":[]}"#,
            "\u{feff}{}",
        ] {
            assert!(
                decode_json::<SignalRequest>(text.as_bytes()).is_err(),
                "{text}"
            );
        }
        assert!(decode_json::<SignalRequest>(b"{\"ping\":\"\xff\"}").is_err());
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let deep = format!(r#"{{"offer":{}"#, "[".repeat(1_000_000));
        assert!(decode_json::<SignalRequest>(deep.as_bytes()).is_err());
    }

    #[test]
    fn a_message_of_empty_elements_is_refused_before_it_takes_memory() {
        let text = format!(
            r#"{{"syncState":{{"publishTracks":[{}{{}}]}}}}"#,
            "{},".repeat(100_000)
        );
        assert_eq!(
            decode_json::<SignalRequest>(text.as_bytes()),
            Err(InvalidJson::TooManyValues)
        );
    }

    #[test]
    fn elements_without_number_are_refused_whatever_they_are() {
        for element in ["\"TR_1\"", "0", "[]", "null"] {
            let list = [element].repeat(100_000).join(",");
            let text = format!(r#"{{"trackSetting":{{"trackSids":[{list}]}}}}"#);
            assert_eq!(
                decode_json::<SignalRequest>(text.as_bytes()),
                Err(InvalidJson::TooManyValues),
                "{element}"
            );
        }
        let members: Vec<_> = (0..100_000).map(|i| format!(r#""{i}":"x""#)).collect();
        let members = members.join(",");
        let text = format!(r#"{{"updateMetadata":{{"attributes":{{{members}}}}}}}"#);
        assert_eq!(
            decode_json::<SignalRequest>(text.as_bytes()),
            Err(InvalidJson::TooManyValues)
        );
    }

    #[test]
    fn what_stands_in_a_string_is_no_value() {
        let sdp = r#"a=\"{[,\\"#.repeat(50_000);
        let text = format!(r#"{{"offer":{{"sdp":"{sdp}"}}}}"#);
        let Message::Offer(offer) = decode(&text) else {
            panic!("another message");
        };
        assert_eq!(offer.sdp.len(), 7 * 50_000);
    }
}
