//! What it costs to write and read the messages of a large room: `cargo bench -p signaling-protocol`.
//!
//! Prints microseconds of the best of many batches: what the code costs when nothing disturbs it.

#![expect(clippy::print_stdout, reason = "a bench reports to who runs it")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use signaling_protocol::proto::{
    ParticipantInfo, ParticipantUpdate, SessionDescription, SignalResponse, TrackInfo,
    signal_response::Message,
};
use signaling_protocol::{Encoding, decode_response, encode_response};

fn main() {
    for (name, response) in [
        ("update of one participant", update(1)),
        ("update of 100 participants", update(100)),
        ("offer of 40 kB", offer()),
    ] {
        for encoding in [Encoding::Binary, Encoding::Text] {
            let frame = encode_response(encoding, &response);
            println!("{name}, {encoding:?}, {} bytes", frame.len());
            measure("write", || {
                black_box(encode_response(encoding, black_box(&response)));
            });
            measure("read", || {
                black_box(decode_response(encoding, black_box(&frame), frame.len()).is_ok());
            });
        }
    }
}

fn update(count: usize) -> SignalResponse {
    let track = |number: usize| TrackInfo {
        sid: format!("TR_VC{number:010}"),
        name: "camera".to_owned(),
        mime_type: "video/VP8".to_owned(),
        width: 1_280,
        height: 720,
        ..TrackInfo::default()
    };
    let participant = |number: usize| ParticipantInfo {
        sid: format!("PA_{number:012}"),
        identity: format!("participant-{number}"),
        name: format!("Participant {number}"),
        metadata: "{\"seat\":4}".to_owned(),
        tracks: vec![track(number), track(number + 1)],
        ..ParticipantInfo::default()
    };
    response(Message::Update(ParticipantUpdate {
        participants: (0..count).map(participant).collect(),
    }))
}

fn offer() -> SignalResponse {
    let line = "a=rtpmap:96 VP8/90000\r\n";
    response(Message::Offer(SessionDescription {
        r#type: "offer".to_owned(),
        sdp: line.repeat(40_000 / line.len()),
        id: 7,
        ..SessionDescription::default()
    }))
}

fn response(message: Message) -> SignalResponse {
    SignalResponse {
        message: Some(message),
    }
}

/// Runs `step` many times and prints what one takes in the best batch.
fn measure(name: &str, mut step: impl FnMut()) {
    const BATCHES: u32 = 40;
    const BATCH: u32 = 50;
    let mut best = Duration::MAX;
    for _ in 0..BATCHES {
        let start = Instant::now();
        (0..BATCH).for_each(|_| step());
        best = best.min(start.elapsed());
    }
    let micros = best.as_secs_f64() * 1e6 / f64::from(BATCH);
    println!("  {name}: {micros:.1} us");
}
