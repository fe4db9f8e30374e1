//! Descriptions as a browser with one peer connection writes and reads them, by the shortest way.

use std::fmt::Write as _;

use sfu_model::{
    Codec, CodecBinding, Extension, ExtensionId, ExtensionMap, Fingerprint, Forwarding,
    IceCredentials, Importance, LayerOrder, MediaKind, Mid, Opening, Pausing, PayloadType,
    ReceiveEncoding, ReceiveMedia, RedundancyPolicy, SendMedia, SpatialLayer, Ssrc, TemporalLayer,
    Token,
};

/// An audio or video section of the client's.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) kind: MediaKind,
    pub(crate) role: Role,
}

/// What a section is for.
#[derive(Clone, Debug)]
pub(crate) enum Role {
    Receive,
    /// Sends the track of this id, by this SSRC.
    Send(String, Ssrc),
}

const OPUS: CodecBinding = CodecBinding {
    codec: Codec::Opus,
    payload_type: PayloadType(111),
    rtx: None,
};
const VP8: CodecBinding = CodecBinding {
    codec: Codec::Vp8,
    payload_type: PayloadType(96),
    rtx: Some(PayloadType(97)),
};

const OPUS_LINES: &str = "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n\
    a=rtcp-fb:111 transport-cc\r\na=rtcp-fb:111 nack\r\n";
const VP8_LINES: &str = "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 transport-cc\r\n\
    a=rtcp-fb:96 ccm fir\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n\
    a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n";

const EXTENSIONS: [(u8, Extension); 4] = [
    (1, Extension::AudioLevel),
    (2, Extension::AbsSendTime),
    (3, Extension::TransportCc),
    (4, Extension::Mid),
];

/// Returns the SSRC of a stream's retransmissions.
pub(crate) fn rtx_of(kind: MediaKind, ssrc: Ssrc) -> Option<Ssrc> {
    (kind == MediaKind::Video).then_some(Ssrc(ssrc.0 + 1))
}

/// Writes an offer of the data channels and of these sections, whose mids are their places.
pub(crate) fn offer(
    ice: &IceCredentials,
    fingerprint: Fingerprint,
    sections: &[Section],
) -> String {
    let mids: String = (0..sections.len()).map(|mid| format!(" {mid}")).collect();
    let mut sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE data{mids}\r\n\
         a=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=fingerprint:sha-256 {fingerprint}\r\n\
         a=setup:actpass\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n\
         c=IN IP4 0.0.0.0\r\na=mid:data\r\na=sctp-port:5000\r\n",
        ice.ufrag, ice.pwd,
    );
    for (mid, section) in sections.iter().enumerate() {
        section.write(mid, &mut sdp);
    }
    sdp
}

impl Section {
    fn write(&self, mid: usize, sdp: &mut String) {
        let (media, codec) = match self.kind {
            MediaKind::Audio => ("audio 9 UDP/TLS/RTP/SAVPF 111", OPUS_LINES),
            MediaKind::Video => ("video 9 UDP/TLS/RTP/SAVPF 96 97", VP8_LINES),
        };
        write!(
            sdp,
            "m={media}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=rtcp-mux\r\n{codec}"
        )
        .expect("a String takes any text");
        for (id, extension) in EXTENSIONS {
            write!(sdp, "a=extmap:{id} {}\r\n", extension.uri()).expect("a String takes any text");
        }
        let rest = match &self.role {
            Role::Receive => "a=recvonly\r\n".to_owned(),
            Role::Send(track, Ssrc(ssrc)) => {
                let group = match rtx_of(self.kind, Ssrc(*ssrc)) {
                    Some(Ssrc(rtx)) => {
                        format!("a=ssrc-group:FID {ssrc} {rtx}\r\na=ssrc:{rtx} cname:c\r\n")
                    }
                    None => String::new(),
                };
                format!("a=sendonly\r\na=msid:stream {track}\r\na=ssrc:{ssrc} cname:c\r\n{group}")
            }
        };
        sdp.push_str(&rest);
    }
}

/// A description of the server's.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) ice: IceCredentials,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) sections: Vec<Answered>,
}

/// What an answer says of an audio or video section, in the offer's order.
#[derive(Clone, Debug)]
pub(crate) enum Answered {
    Inactive,
    /// The server receives.
    Receives(Box<ReceiveMedia>),
    /// The server sends the track with this sid.
    Sends(String, Box<SendMedia>),
}

impl Answer {
    /// Reads an answer.
    pub(crate) fn read(sdp: &str) -> Self {
        let mut sections = sdp
            .split("m=")
            .skip(1)
            .map(|text| Lines(text.lines().collect()));
        let data = sections.next().expect("the data channels come first");
        let whole = Lines(sdp.lines().collect());
        let fingerprint = whole.value("a=fingerprint:sha-256 ");
        Self {
            ice: IceCredentials {
                ufrag: data.value("a=ice-ufrag:").expect("a ufrag").to_owned(),
                pwd: data.value("a=ice-pwd:").expect("a password").to_owned(),
            },
            fingerprint: fingerprint
                .and_then(|text| text.parse().ok())
                .expect("a fingerprint"),
            sections: sections.map(|lines| lines.section()).collect(),
        }
    }
}

struct Lines<'a>(Vec<&'a str>);

impl<'a> Lines<'a> {
    fn value(&self, prefix: &str) -> Option<&'a str> {
        self.0.iter().find_map(|line| line.strip_prefix(prefix))
    }

    fn has(&self, line: &str) -> bool {
        self.0.contains(&line)
    }

    fn section(&self) -> Answered {
        let audio = self.0.first().is_some_and(|line| line.starts_with("audio"));
        let (kind, codec) = match audio {
            true => (MediaKind::Audio, OPUS),
            false => (MediaKind::Video, VP8),
        };
        let payload_type = codec.payload_type.0;
        let nack = self.has(&format!("a=rtcp-fb:{payload_type} nack"));
        if self.has("a=recvonly") {
            return Answered::Receives(Box::new(ReceiveMedia {
                kind,
                mid: self.mid(),
                codecs: vec![codec],
                flexfec: None,
                extensions: self.extensions(),
                encodings: vec![ReceiveEncoding::default()],
                layer_order: LayerOrder::Known,
                nack,
                transport_cc: self.has(&format!("a=rtcp-fb:{payload_type} transport-cc")),
            }));
        }
        let track = self
            .value("a=msid:")
            .and_then(|msid| msid.split(' ').nth(1));
        let Some(track) = track.filter(|_| self.has("a=sendonly")) else {
            return Answered::Inactive;
        };
        let rtx = self.value("a=ssrc-group:FID ");
        let rtx = rtx.and_then(|pair| pair.split(' ').nth(1)?.parse().ok());
        let media = SendMedia {
            mid: self.mid(),
            ssrc: self.ssrc().expect("an SSRC of what is sent"),
            rtx_ssrc: rtx.map(Ssrc),
            codecs: vec![codec],
            extensions: self.extensions(),
            nack,
            cname: String::new(),
            forwarding: Forwarding::UpTo {
                spatial: SpatialLayer::MAX,
                temporal: TemporalLayer::MAX,
            },
            opening: Opening::Media,
            importance: Importance::default(),
            pausing: Pausing::default(),
            redundancy: RedundancyPolicy::default(),
        };
        Answered::Sends(track.to_owned(), Box::new(media))
    }

    fn ssrc(&self) -> Option<Ssrc> {
        let text = self.value("a=ssrc:")?.split(' ').next()?;
        text.parse().ok().map(Ssrc)
    }

    fn mid(&self) -> Mid {
        let mid = self.value("a=mid:").expect("a mid");
        Mid(Token::new(mid.as_bytes()).expect("a mid of ours"))
    }

    fn extensions(&self) -> ExtensionMap {
        let lines = self
            .0
            .iter()
            .filter_map(|line| line.strip_prefix("a=extmap:"));
        let pairs = lines.filter_map(|line| {
            let (id, uri) = line.split_once(' ')?;
            Some((Extension::from_uri(uri)?, ExtensionId(id.parse().ok()?)))
        });
        pairs.collect()
    }
}
