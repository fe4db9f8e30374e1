use sfu_model::{Bitrate, Mid, Ssrc, Token};

use super::*;
use crate::limits::{MAX_COMPOUND_PACKETS, MAX_READ_ARRIVALS};
use crate::{NtpTime, RtpTimestamp, SeqNo};

const US: Ssrc = Ssrc(0x0102_0304);
const MEDIA: Ssrc = Ssrc(0xdead_beef);

const SENDER: SenderReport = SenderReport {
    ssrc: US,
    ntp: NtpTime(0x1111_2222_3333_4444),
    timestamp: RtpTimestamp(5),
    packets: 6,
    octets: 7,
};

const BLOCK: ReportBlock = ReportBlock {
    ssrc: MEDIA,
    fraction_lost: 64,
    cumulative_lost: -2,
    highest_seq: 0x0001_0002,
    jitter: 3,
    last_sender_report: 4,
    delay: 5,
};

fn read(bytes: &[u8]) -> Vec<Packet<'_>> {
    Compound::new(bytes).map(Result::unwrap).collect()
}

#[test]
fn reports_read_back_from_a_compound() {
    let mut out = Vec::new();
    write_sender_report(&mut out, &SENDER, &[BLOCK]);
    write_sdes(&mut out, US, "cname", Some(Mid(Token::new(b"3").unwrap())));
    write_receiver_report(&mut out, MEDIA, &[BLOCK, BLOCK]);
    write_bye(&mut out, US);
    let [
        Packet::SenderReport { sender, blocks },
        Packet::SourceDescription(items),
        Packet::ReceiverReport {
            ssrc,
            blocks: more_blocks,
        },
        Packet::Goodbye(gone),
    ] = read(&out)[..]
    else {
        panic!("other packets in {out:?}");
    };
    assert_eq!(sender, SENDER);
    assert_eq!(blocks.collect::<Vec<_>>(), [BLOCK]);
    let items: Vec<_> = items
        .map(|item| (item.ssrc, item.kind, item.text))
        .collect();
    assert_eq!(items, [(US, 1, &b"cname"[..]), (US, 15, b"3")]);
    assert_eq!((ssrc, more_blocks.count()), (MEDIA, 2));
    assert_eq!(gone.collect::<Vec<_>>(), [US]);
}

#[test]
fn feedback_reads_back_from_a_compound() {
    let pair = NackPair {
        first: SeqNo(65_535),
        following: 0b101,
    };
    let mut out = Vec::new();
    write_nack(&mut out, US, MEDIA, &[pair]);
    write_pli(&mut out, US, MEDIA);
    write_fir(&mut out, US, MEDIA, 9);
    write_remb(&mut out, US, Bitrate(1_000_000), &[MEDIA, US]);
    let [
        Packet::Nack { media, pairs },
        Packet::PictureLossIndication { media: lost },
        Packet::FullIntraRequest(entries),
        Packet::Remb(remb),
    ] = read(&out)[..]
    else {
        panic!("other packets in {out:?}");
    };
    assert_eq!((media, lost), (MEDIA, MEDIA));
    let pairs: Vec<_> = pairs.collect();
    assert_eq!(pairs, [pair]);
    let numbers: Vec<_> = pairs[0].lost().map(|seq| seq.0).collect();
    assert_eq!(numbers, [65_535, 0, 2]);
    assert_eq!(entries.collect::<Vec<_>>(), [(MEDIA, 9)]);
    assert_eq!(remb.bitrate, Bitrate(1_000_000));
    assert_eq!(remb.ssrcs.collect::<Vec<_>>(), [MEDIA, US]);
}

#[test]
fn the_bytes_of_a_nack_are_those_of_the_standard() {
    let pair = NackPair {
        first: SeqNo(0x1234),
        following: 0x8001,
    };
    let mut out = Vec::new();
    write_nack(&mut out, US, MEDIA, &[pair]);
    let expected = [
        0x81, 205, 0, 3, 1, 2, 3, 4, 0xde, 0xad, 0xbe, 0xef, 0x12, 0x34, 0x80, 0x01,
    ];
    assert_eq!(out, expected);
}

#[test]
fn rates_of_every_size_keep_their_highest_bits() {
    for bits in 0..64 {
        let rate = u64::MAX >> bits;
        let mut out = Vec::new();
        write_remb(&mut out, US, Bitrate(rate), &[]);
        let [Packet::Remb(remb)] = read(&out)[..] else {
            panic!("no estimate in {out:?}");
        };
        assert!(remb.bitrate.0 <= rate && remb.bitrate.0 >= rate - (rate >> 17));
    }
    let largest_exponent = [
        0x8f, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 0, 0xff, 0xff, 0xff,
    ];
    let [Packet::Remb(remb)] = read(&largest_exponent)[..] else {
        panic!("no estimate");
    };
    assert_eq!(remb.bitrate, Bitrate(u64::MAX));
}

#[test]
fn items_of_several_chunks_are_read() {
    let body = [
        &[0x82, 202, 0, 5][..],
        &[0, 0, 0, 1, 1, 1, b'a', 0],
        &[0, 0, 0, 2, 1, 4, b'b', b'c', b'd', b'e', 0, 0],
    ]
    .concat();
    let [Packet::SourceDescription(items)] = read(&body)[..] else {
        panic!("no description");
    };
    let items: Vec<_> = items.map(|item| (item.ssrc.0, item.text)).collect();
    assert_eq!(items, [(1, &b"a"[..]), (2, b"bcde")]);
}

#[test]
fn a_name_of_any_length_ends_at_a_word() {
    for len in 0..300 {
        let name = "n".repeat(len);
        let mut out = Vec::new();
        write_sdes(&mut out, US, &name, None);
        write_bye(&mut out, US);
        let [Packet::SourceDescription(mut items), Packet::Goodbye(_)] = read(&out)[..] else {
            panic!("other packets in {out:?}");
        };
        assert_eq!(items.next().unwrap().text.len(), len.min(255));
        assert!(items.next().is_none());
    }
}

#[test]
fn padding_is_no_body() {
    let padded = [0xa1, 203, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4];
    let [Packet::Goodbye(gone)] = read(&padded)[..] else {
        panic!("no goodbye");
    };
    assert_eq!(gone.count(), 1);
    for count in [0, 9, 255] {
        let mut impossible = padded;
        impossible[11] = count;
        let first = Compound::new(&impossible).next();
        assert!(matches!(first, Some(Err(RtcpError::Padding))));
    }
}

#[test]
fn what_is_not_known_is_passed_over() {
    let bytes = [
        &[0x80, 207, 0, 1, 0, 0, 0, 1][..],
        &[0x8f, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2],
        &[0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2],
    ]
    .concat();
    assert!(matches!(
        read(&bytes)[..],
        [
            Packet::Other {
                packet_type: 207,
                format: 0
            },
            Packet::Other {
                packet_type: 206,
                format: 15
            },
            Packet::PictureLossIndication { media: Ssrc(2) }
        ]
    ));
}

#[test]
fn reading_ends_at_the_first_error() {
    let mut out = Vec::new();
    write_pli(&mut out, US, MEDIA);
    write_pli(&mut out, US, MEDIA);
    let whole = out.len() / 2;
    for len in whole + 1..2 * whole {
        let mut packets = Compound::new(&out[..len]);
        assert!(matches!(packets.next(), Some(Ok(_))));
        assert!(matches!(packets.next(), Some(Err(RtcpError::TooShort))));
        assert!(packets.next().is_none());
    }
    out[whole] = 0x41;
    let second = Compound::new(&out).nth(1);
    assert!(matches!(second, Some(Err(RtcpError::Version))));
}

#[test]
fn counts_that_reach_behind_the_packet_are_refused() {
    for mut bytes in [
        vec![0x81, 200, 0, 6],
        vec![0x81, 201, 0, 1],
        vec![0x82, 203, 0, 1],
        vec![0x80, 200, 0, 1],
        vec![0x81, 205, 0, 1],
        vec![0x8f, 205, 0, 3],
    ] {
        bytes.resize(4 + usize::from(bytes[3]) * 4, 0);
        let first = Compound::new(&bytes).next();
        assert!(matches!(first, Some(Err(RtcpError::TooShort))), "{bytes:?}");
    }
}

#[test]
fn a_compound_is_read_to_its_limit() {
    let empty = [0x80, 204, 0, 0].repeat(1_000);
    assert_eq!(read(&empty).len(), MAX_COMPOUND_PACKETS);
}

#[test]
fn more_than_31_blocks_are_cut() {
    let mut out = Vec::new();
    write_receiver_report(&mut out, US, &[BLOCK; 40]);
    write_sender_report(&mut out, &SENDER, &[BLOCK; 40]);
    let [
        Packet::ReceiverReport { blocks, .. },
        Packet::SenderReport {
            blocks: more_blocks,
            ..
        },
    ] = read(&out)[..]
    else {
        panic!("other packets");
    };
    assert_eq!((blocks.count(), more_blocks.count()), (31, 31));
}

#[test]
fn a_feedback_that_tells_of_too_much_is_cut() {
    let head = [
        0x8f, 205, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0xff, 0xff, 0, 0, 0, 0,
    ];
    let runs = [0x1f, 0xff].repeat(10);
    let bytes = [&head[..], &runs].concat();
    let [Packet::TransportFeedback(feedback)] = read(&bytes)[..] else {
        panic!("no feedback");
    };
    let mut statuses = 0;
    feedback.statuses().for_each(|_| statuses += 1);
    assert_eq!(statuses, MAX_READ_ARRIVALS);
}
