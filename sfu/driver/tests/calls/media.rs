//! A camera's section and its pictures.

use sfu_model::{
    Codec, CodecBinding, ExtensionMap, Forwarding, Importance, MediaKind, Mid, Opening, Pausing,
    PayloadType, ReceiveEncoding, ReceiveMedia, RedundancyPolicy, SendMedia, SpatialLayer, Ssrc,
    TemporalLayer, Token,
};
use sfu_rtp::{Outgoing, OutgoingExtensions, OutgoingPayload, RtpTimestamp, SeqNo, write_rtp};

const CAMERA: Ssrc = Ssrc(1_000);

const VP8: CodecBinding = CodecBinding {
    codec: Codec::Vp8,
    payload_type: PayloadType(96),
    rtx: None,
};

pub(crate) fn received() -> ReceiveMedia {
    ReceiveMedia {
        codecs: vec![VP8],
        encodings: vec![ReceiveEncoding {
            ssrc: Some(CAMERA),
            ..ReceiveEncoding::default()
        }],
        ..ReceiveMedia::unknown(MediaKind::Video)
    }
}

pub(crate) fn sent() -> SendMedia {
    SendMedia {
        mid: Mid(Token::new(b"0").unwrap()),
        ssrc: Ssrc(5_000),
        rtx_ssrc: None,
        codecs: vec![VP8],
        extensions: ExtensionMap::default(),
        nack: false,
        cname: "somebody".to_owned(),
        forwarding: Forwarding::UpTo {
            spatial: SpatialLayer::MAX,
            temporal: TemporalLayer::MAX,
        },
        opening: Opening::Media,
        importance: Importance::default(),
        pausing: Pausing::default(),
        redundancy: RedundancyPolicy::default(),
    }
}

/// Writes a key frame.
pub(crate) fn picture(number: u16) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    let mut payload = vec![0x90, 0xe0, high | 0x80, low, 7, 0x20, 0];
    payload.extend_from_slice(&[0, 0, 0x9d, 0x01, 0x2a, 0, 1, 0, 1]);
    let header = Outgoing {
        ssrc: CAMERA,
        seq: SeqNo(number),
        timestamp: RtpTimestamp(u32::from(number) * 3_000),
        payload_type: VP8.payload_type,
        marker: true,
    };
    let mut packet = Vec::new();
    write_rtp(
        &mut packet,
        &header,
        &ExtensionMap::default(),
        &OutgoingExtensions::default(),
        &OutgoingPayload::plain(&payload),
    );
    packet
}
