use loadtest_peer::sdp::{
    Candidate, Description, Direction, LocalTransport, OfferSection, OfferedLayer, Role, SdpError,
    SectionKind, parse_candidate, write_answer, write_offer,
};
use sfu_model::{
    Codec, Fingerprint, IceCredentials, LinkProtocol, MediaKind, PayloadType, ShardIndex, Ssrc,
};

const SERVER_OFFER: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-lite\r\n\
a=group:BUNDLE 0 1 2\r\n\
m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=ice-ufrag:abcd\r\n\
a=ice-pwd:0123456789012345678901\r\n\
a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n\
a=setup:actpass\r\na=candidate:1 1 udp 2130706431 192.0.2.1 7882 typ host\r\n\
a=candidate:2 1 tcp 1 192.0.2.1 7881 typ host tcptype passive\r\na=sctp-port:5000\r\n\
m=video 9 UDP/TLS/RTP/SAVPF 96 97 98\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=sendonly\r\na=rtpmap:96 VP8/90000\r\n\
a=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:98 AV1/90000\r\n\
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
a=ssrc-group:FID 100 101\r\na=ssrc:100 cname:c\r\na=ssrc:101 cname:c\r\n\
m=audio 0 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=inactive\r\na=rtpmap:111 opus/48000/2\r\n";

fn credentials() -> IceCredentials {
    IceCredentials::generate(ShardIndex(0), [5; 34])
}

fn local(ice: &IceCredentials) -> LocalTransport<'_> {
    LocalTransport {
        ice,
        fingerprint: Fingerprint([7; 32]),
        candidate: None,
    }
}

#[test]
fn an_offer_of_a_server_is_read() {
    let offer = Description::read(SERVER_OFFER).unwrap();
    assert!(offer.lite);
    assert_eq!(offer.ice.ufrag, "abcd");
    let candidate = |protocol, address: &str| Candidate {
        protocol,
        address: address.parse().unwrap(),
    };
    let expected = [
        candidate(LinkProtocol::Udp, "192.0.2.1:7882"),
        candidate(LinkProtocol::Tcp, "192.0.2.1:7881"),
    ];
    assert_eq!(offer.candidates, expected);
    let inbound = offer.inbound();
    assert_eq!(inbound.len(), 1);
    assert_eq!(
        (inbound[0].ssrc, inbound[0].rtx, inbound[0].nack),
        (Ssrc(100), Some(Ssrc(101)), true)
    );
    assert_eq!(
        inbound[0].codecs,
        [(PayloadType(96), Codec::Vp8), (PayloadType(98), Codec::Av1)]
    );
    assert_eq!(offer.transport_cc().map(|id| id.0), Some(3));
}

#[test]
fn an_answer_takes_the_codecs_that_we_know_and_rejects_nothing_else() {
    let offer = Description::read(SERVER_OFFER).unwrap();
    let ice = credentials();
    let answer = Description::read(&write_answer(&local(&ice), 1, &offer)).unwrap();
    let mids: Vec<_> = answer
        .sections
        .iter()
        .map(|section| section.mid.as_str())
        .collect();
    assert_eq!(mids, ["0", "1", "2"]);
    let video = &answer.sections[1];
    let numbers: Vec<_> = video
        .formats
        .iter()
        .map(|format| format.payload_type.0)
        .collect();
    assert_eq!(
        (numbers, video.direction),
        (vec![96, 97], Direction::RecvOnly)
    );
    assert!(answer.sections[2].rejected);
    assert_eq!(answer.ice, ice);
}

#[test]
fn an_offer_of_ours_says_what_we_send() {
    let ice = credentials();
    let layer = |rid, ssrc| OfferedLayer {
        rid,
        ssrc: Ssrc(ssrc),
        rtx: Some(Ssrc(ssrc + 1)),
    };
    let section = |layers| OfferSection {
        kind: MediaKind::Video,
        role: Role::Send {
            track: "camera".to_owned(),
            codec: Codec::H264,
            layers,
        },
    };
    let single = write_offer(&local(&ice), 1, &[section(vec![layer(None, 10)])]);
    let read = Description::read(&single).unwrap();
    assert_eq!(read.sections[0].kind, SectionKind::Data);
    assert_eq!(read.sections[1].streams, [(Ssrc(10), Some(Ssrc(11)))]);
    let layers = vec![layer(Some("q"), 20), layer(Some("f"), 30)];
    let simulcast = write_offer(&local(&ice), 2, &[section(layers)]);
    assert!(simulcast.contains("a=simulcast:send q;f\r\n") && !simulcast.contains("a=ssrc:"));
}

#[test]
fn a_description_without_a_transport_is_refused() {
    let without = |line: &str| {
        let lines = SERVER_OFFER
            .lines()
            .filter(|known| !known.starts_with(line));
        Description::read(&lines.collect::<Vec<_>>().join("\r\n")).unwrap_err()
    };
    assert_eq!(without("a=ice-pwd"), SdpError::NoCredentials);
    assert_eq!(without("a=fingerprint"), SdpError::NoFingerprint);
    assert_eq!(without("a=mid:1"), SdpError::MalformedSection);
}

#[test]
fn only_candidates_that_we_can_reach_count() {
    let candidate = |text| {
        let candidate = parse_candidate(text)?;
        Some((candidate.protocol, candidate.address.to_string()))
    };
    let found = |protocol, address: &str| Some((protocol, address.to_owned()));
    let udp = "candidate:1 1 UDP 1 192.0.2.1 7882 typ host";
    assert_eq!(candidate(udp), found(LinkProtocol::Udp, "192.0.2.1:7882"));
    let tcp = "candidate:1 1 tcp 1 2001:db8::1 7881 typ host tcptype passive generation 0";
    let expected = found(LinkProtocol::Tcp, "[2001:db8::1]:7881");
    assert_eq!(candidate(tcp), expected);
    for other in [
        "candidate:1 1 tcp 1 192.0.2.1 7881 typ host",
        "candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype active",
        "candidate:1 1 tls 1 192.0.2.1 443 typ host tcptype passive",
        "candidate:1 2 udp 1 192.0.2.1 7882 typ host",
        "candidate:1 1 udp 1 abc.local 7882 typ host",
        "candidate:1",
        "",
    ] {
        assert_eq!(candidate(other), None, "{other}");
    }
}
