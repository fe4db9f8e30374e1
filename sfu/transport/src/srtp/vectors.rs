//! The vectors of RFC 7714 sections 16 and 17, which begin with session keys.

use super::cipher::{Cipher, GcmCipher};
use super::receive::SrtpReceiver;

const SALT: &[u8; 12] = b"Quid pro quo";
const RTP: &str = "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e697320646976\
                   69736120696e207061727465732074726573";
const RTCP: &str = "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61\
                    deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";
const SSRC: u32 = 0x5501_A0B2;
const RTCP_SSRC: u32 = 0x4D61_7273;
const RTP_INDEX: u64 = 0xF17B;
const RTCP_WORD: u32 = 0x8000_05D4;

struct Vector {
    key_len: u8,
    srtp: &'static str,
    srtcp: &'static str,
}

const VECTORS: [Vector; 2] = [
    Vector {
        key_len: 16,
        srtp: "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd5\
               0d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee439\
               0cce",
        srtcp: "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32d\
                c676a5f1730d6fda4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf872\
                45d9eade800005d4",
    },
    Vector {
        key_len: 32,
        srtp: "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab1801238\
               9a58e2f3b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a7\
               6c13",
        srtcp: "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50\
                a2eaa5c1110555be8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6c\
                b26ac3be800005d4",
    },
];

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn cipher(vector: &Vector) -> GcmCipher {
    let key: Vec<u8> = (0..vector.key_len).collect();
    GcmCipher::with_session_key(&key, *SALT)
}

#[test]
fn rtp_is_sealed_as_in_rfc_7714_section_16() {
    for vector in VECTORS {
        let mut packet = hex(RTP);
        let tag = cipher(&vector).seal_rtp(&mut packet, 12, SSRC, RTP_INDEX);
        packet.extend_from_slice(&tag.unwrap());
        assert_eq!(packet, hex(vector.srtp));
    }
}

#[test]
fn rtcp_is_sealed_as_in_rfc_7714_section_17() {
    for vector in VECTORS {
        let mut packet = hex(RTCP);
        let tag = cipher(&vector).seal_rtcp(&mut packet, RTCP_SSRC, RTCP_WORD);
        packet.extend_from_slice(&tag.unwrap());
        packet.extend_from_slice(&RTCP_WORD.to_be_bytes());
        assert_eq!(packet, hex(vector.srtcp));
    }
}

#[test]
fn the_sealed_packets_of_rfc_7714_are_opened() {
    for vector in VECTORS {
        let cipher = Cipher::Gcm(cipher(&vector));
        let mut receiver = SrtpReceiver::with_cipher(cipher);
        let mut packet = hex(vector.srtp);
        let len = receiver.open_rtp(&mut packet).unwrap();
        assert_eq!(packet[..len], hex(RTP));
        let mut packet = hex(vector.srtcp);
        let len = receiver.open_rtcp(&mut packet).unwrap();
        assert_eq!(packet[..len], hex(RTCP));
    }
}
