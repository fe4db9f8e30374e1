use super::*;
use crate::limits::{MAX_FORMAT_PARAMETERS_BYTES, MAX_SDP_BYTES, MAX_SDP_SECTIONS};
use crate::negotiation::SdpError;
use crate::negotiation::numbers::Numbers;

const RECORDED: [&str; 7] = [
    SINGLE_FIRST,
    SINGLE_PUBLISHING,
    SIMULCAST,
    SVC,
    FIREFOX,
    SUBSCRIBER_ANSWER,
    PION,
];

/// Offers and answers; whatever was refused must have changed nothing.
fn try_offer(answerer: &mut Answerer, sdp: &str) -> bool {
    let before = format!("{answerer:?}");
    if answerer.handle_offer(sdp).is_ok() {
        let answer = answerer.answer(&BTreeMap::new());
        let nothing_served = Err(SdpError::Missing("media section that can be served"));
        let parsed = Description::parse(&answer.sdp);
        assert!(parsed.is_ok() || parsed == nothing_served, "{}", answer.sdp);
        return true;
    }
    assert_eq!(format!("{answerer:?}"), before);
    false
}

#[test]
fn a_cut_offer_is_answered_or_refused() {
    for offer in RECORDED {
        for end in (0..offer.len()).step_by(41) {
            let mut answerer = answerer(CodecPolicy::default());
            try_offer(&mut answerer, offer.get(..end).unwrap());
        }
    }
}

#[test]
fn a_garbled_offer_is_answered_or_refused() {
    let mut numbers = Numbers::new(42);
    let mut below = |limit: usize| usize::try_from(numbers.next() % limit as u64).unwrap();
    for round in 0..300 {
        let source = RECORDED[round % RECORDED.len()];
        let mut lines: Vec<String> = source.lines().map(str::to_owned).collect();
        for _ in 0..=below(6) {
            let at = below(lines.len());
            match below(6) {
                0 => drop(lines.remove(at)),
                1 => {
                    let copy = lines[below(lines.len())].clone();
                    lines.insert(at, copy);
                }
                2 => {
                    let other = below(lines.len());
                    lines.swap(at, other);
                }
                3 => lines[at] = lines[at].replace(|c: char| c.is_ascii_digit(), "4294967296"),
                4 => lines[at] = lines[at].replace([':', ' ', '='], ""),
                _ => {
                    let line = &mut lines[at];
                    let place = below(line.len() + 1);
                    line.insert(place, ['\u{0}', 'é', ';', '/', ' ', '9'][below(6)]);
                }
            }
        }
        let mut answerer = answerer(CodecPolicy::default());
        answerer.add_send(send(1, &[Codec::Vp8]));
        answerer.add_send(send(2, &[Codec::Red]));
        try_offer(&mut answerer, source);
        try_offer(&mut answerer, &lines.join("\n"));
        try_offer(&mut answerer, source);
    }
}

#[test]
fn recorded_offers_are_answered() {
    for offer in RECORDED {
        assert!(try_offer(&mut answerer(CodecPolicy::default()), offer));
    }
}

#[test]
fn bounds_are_told() {
    let too_large = |sdp: String| {
        let error = answerer(CodecPolicy::default()).handle_offer(&sdp);
        match error {
            Err(SdpError::TooLarge { what, limit }) => (what, limit),
            other => panic!("{other:?}"),
        }
    };
    let with = |line: String| format!("{PION}{line}");
    assert_eq!(
        too_large("a".repeat(MAX_SDP_BYTES + 1)),
        ("bytes", MAX_SDP_BYTES)
    );
    assert_eq!(
        too_large(with(format!("a=x:{}", "y".repeat(20_000)))).0,
        "bytes of a line"
    );
    let section = "m=audio 0 UDP/TLS/RTP/SAVPF 0\n";
    assert_eq!(
        too_large(with(section.repeat(MAX_SDP_SECTIONS))).0,
        "media sections"
    );
    let ssrcs: String = (0..100).map(|i| format!("a=ssrc:{i} cname:x\n")).collect();
    let many = PION.replace("a=sendrecv\n", &format!("{ssrcs}a=sendrecv\n"));
    assert_eq!(too_large(many).0, "SSRCs of a section");
    let rids: String = (0..100).map(|i| format!("a=rid:{i} send\n")).collect();
    let many = PION.replace("a=sendrecv\n", &format!("{rids}a=sendrecv\n"));
    assert_eq!(too_large(many).0, "rids");
}

#[test]
fn what_a_transport_needs_is_missed_by_name() {
    for (line, name) in [
        ("a=ice-ufrag:abcd\n", "a=ice-ufrag"),
        ("a=ice-pwd:abcdefghijklmnopqrstuvwx\n", "a=ice-pwd"),
        ("a=setup:actpass\n", "a=setup"),
        ("a=mid:0\n", "a=mid in a media section"),
    ] {
        let offer = PION.replace(line, "");
        let offer = offer.replace("a=group:BUNDLE 0 1\n", "");
        let result = answerer(CodecPolicy::default()).handle_offer(&offer);
        assert_eq!(result.unwrap_err(), SdpError::Missing(name));
    }
}

#[test]
fn a_client_that_must_be_dtls_server_is_refused() {
    let offer = PION.replace("setup:actpass", "setup:passive");
    let result = answerer(CodecPolicy::default()).handle_offer(&offer);
    assert_eq!(result.unwrap_err(), SdpError::DtlsRole);
}

#[test]
fn a_mid_that_two_sections_share_is_refused() {
    let offer = PION.replace("a=mid:1\n", "a=mid:0\n");
    let result = answerer(CodecPolicy::default()).handle_offer(&offer);
    assert!(matches!(result, Err(SdpError::SectionsChanged(_))));
}

#[test]
fn sections_outside_the_bundle_are_rejected() {
    let offer = PION.replace("BUNDLE 0 1", "BUNDLE 0");
    let answer = negotiate(&mut answerer(CodecPolicy::default()), &offer, &[]);
    assert!(answer.sdp.contains("m=application 0 "));
    assert!(answer.sdp.contains("a=group:BUNDLE 0\r\n"));
}

#[test]
fn a_format_with_endless_parameters_is_not_understood() {
    let with = |parameters: usize| {
        let fmtp = format!("a=fmtp:96 x={}\na=sendrecv\n", "y".repeat(parameters - 2));
        let offer = PION.replace("a=sendrecv\n", &fmtp);
        negotiate(&mut answerer(CodecPolicy::default()), &offer, &[])
    };
    let (most, more) = (
        with(MAX_FORMAT_PARAMETERS_BYTES),
        with(MAX_FORMAT_PARAMETERS_BYTES + 1),
    );
    assert!(most.sdp.contains("m=video 9 "));
    assert!(more.sdp.contains("m=video 0 "));
}

#[test]
fn few_idle_sections_are_tried_for_a_subscription() {
    let section = |index: usize, codec: &str| {
        format!(
            "m=video 9 UDP/TLS/RTP/SAVPF 96\nc=IN IP4 0.0.0.0\na=mid:v{index}\na=rtcp-mux\n\
             a=recvonly\na=rtpmap:96 {codec}/90000\n"
        )
    };
    let offer = |others: usize| {
        let mids = (0..=others).map(|index| format!(" v{index}"));
        let head = PION.replace(
            "BUNDLE 0 1",
            &format!("BUNDLE 0 1{}", mids.collect::<String>()),
        );
        let sections = (0..others).map(|index| section(index, "H264"));
        head + &sections.collect::<String>() + &section(others, "VP9")
    };
    let seated = |others| {
        let mut answerer = answerer(CodecPolicy::default());
        answerer.add_send(send(1, &[Codec::Vp9]));
        let answer = negotiate(&mut answerer, &offer(others), &[]);
        (answer.sends.len(), answer.unsupported.len())
    };
    // The section of the recorded offer is tried first.
    assert_eq!(seated(2), (1, 0));
    assert_eq!(seated(3), (0, 1));
}
