//! One connection over a pipe in memory, with a room that is only a mailbox. Time is virtual.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use signaling_protocol::{MAX_FRAME_BYTES, decode_response, encode_request};
use tokio::io::DuplexStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::*;
use crate::limits::{REQUESTS_IN_FLIGHT, SIGNAL_PATIENCE, SIGNAL_RATE, UNREAD_ANSWERS};
use crate::mailbox::{Letters, mailbox};
use crate::responses::{ResponseSender, responses};

const ID: ConnectionId = ConnectionId(7);
const MAX: usize = 4096;

/// Bytes in flight in each direction.
const PIPE: usize = 1024;

struct Wire {
    client: WebSocketStream<DuplexStream>,
    room: Letters<Letter>,
    desk: Desk<Letter>,
    sender: ResponseSender,
    hits: Arc<LimitHits>,
}

async fn wire() -> Wire {
    let (room, letters) = mailbox();
    let (sender, responses) = responses();
    let desk = Desk::new(room);
    let presence = Presence {
        connection: ID,
        desk: desk.clone(),
        open: watch::channel(()).1,
    };
    let hits = Arc::<LimitHits>::default();
    let parts = Arc::new(Mutex::new(Some((presence, responses, Arc::clone(&hits)))));
    let upgrade = get(async move |upgrade: WebSocketUpgrade| {
        let (presence, responses, hits) = parts.lock().unwrap().take().unwrap();
        upgrade
            .max_message_size(MAX)
            .max_frame_size(MAX)
            .on_upgrade(move |socket| {
                let allowance = SharedAllowance::new(Instant::now().into_std());
                Connection::new(presence, responses, allowance, MAX, hits).run(socket)
            })
    });
    let (ours, theirs) = tokio::io::duplex(PIPE);
    let app = TowerToHyperService::new(Router::new().route("/", upgrade));
    tokio::spawn(
        http1::Builder::new()
            .serve_connection(TokioIo::new(theirs), app)
            .with_upgrades(),
    );
    let (client, _) = client_async("ws://node/", ours).await.unwrap();
    Wire {
        client,
        room: letters,
        desk,
        sender,
        hits,
    }
}

fn request(encoding: Encoding, message: signal_request::Message) -> Frame {
    let message = Some(message);
    let bytes = encode_request(encoding, &proto::SignalRequest { message });
    match encoding {
        Encoding::Binary => Frame::Binary(bytes.into()),
        Encoding::Text => Frame::Text(String::from_utf8(bytes).unwrap().into()),
    }
}

fn response(number: i64) -> Arc<SharedResponse> {
    SharedResponse::of(signal_response::Message::TrackPublished(
        proto::TrackPublishedResponse {
            cid: number.to_string(),
            track: None,
        },
    ))
}

fn ping_req() -> signal_request::Message {
    signal_request::Message::PingReq(proto::Ping {
        timestamp: 42,
        rtt: 0,
    })
}

impl Wire {
    async fn send(&mut self, frame: Frame) {
        self.client.send(frame).await.unwrap();
    }

    /// The next frame that is no ping.
    async fn frame(&mut self) -> Frame {
        loop {
            let frame = self.client.next().await.unwrap().unwrap();
            if !frame.is_ping() {
                return frame;
            }
        }
    }

    async fn message(&mut self, encoding: Encoding) -> signal_response::Message {
        let frame = self.frame().await;
        assert_eq!(frame.is_text(), encoding == Encoding::Text, "{frame}");
        let bytes = frame.into_data();
        let response = decode_response(encoding, &bytes, MAX_FRAME_BYTES).unwrap();
        response.message.unwrap()
    }

    async fn close_code(&mut self) -> u16 {
        self.close().await.0
    }

    /// Reads to the end, and returns the code and the words of the close frame.
    async fn close(&mut self) -> (u16, String) {
        loop {
            if let Frame::Close(close) = self.frame().await {
                let close = close.unwrap();
                return (close.code.into(), close.reason.to_string());
            }
        }
    }

    /// The next letter to the room.
    async fn letter(&mut self) -> Option<Letter> {
        let posted = self.room.recv().await?;
        Some(posted.letter)
    }

    /// Waits until the room hears that the connection is gone.
    async fn room_hears_of_the_end(&mut self) {
        while let Some(letter) = self.letter().await {
            if let Letter::SignalClosed { connection } = letter {
                assert_eq!(connection, ID);
                return;
            }
        }
        panic!("the room was not told");
    }
}

/// Does as a room does that disconnects a client: says something to it, and closes.
async fn disconnect(room: &mut Letters<Letter>, sender: &ResponseSender) {
    let letter = room.recv().await.unwrap().letter;
    let expected = DisconnectCause::SentUnreadable;
    assert!(
        matches!(letter, Letter::Offence { connection: ID, cause } if cause == expected),
        "{letter:?}"
    );
    sender.send(response(1));
    sender.close();
}

#[tokio::test(start_paused = true)]
async fn who_sends_what_is_no_message_is_told_so_by_the_room_and_by_the_close_frame() {
    let junk = [
        Frame::Binary(vec![0xff, 0xff, 0xff].into()),
        Frame::Text("{\"ping\":".into()),
        Frame::Text("{\"ping\": {}}".into()),
    ];
    for frame in junk {
        let mut wire = wire().await;
        let encoding = match frame.is_text() {
            true => Encoding::Text,
            false => Encoding::Binary,
        };
        wire.send(frame).await;
        disconnect(&mut wire.room, &wire.sender).await;
        wire.message(encoding).await;
        let (code, words) = wire.close().await;
        assert_eq!((code, words.as_str()), (1000, "a message was unreadable"));
        wire.room_hears_of_the_end().await;
        assert_eq!(wire.count(Limit::UnreadableMessages), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn who_sends_what_is_no_message_is_let_go_though_the_room_stands_still() {
    let mut wire = wire().await;
    wire.send(Frame::Binary(vec![0xff; 3].into())).await;
    let begun = Instant::now();
    assert_eq!(wire.close().await.1, "a message was unreadable");
    assert!(begun.elapsed() >= EXPULSION);
    wire.room_hears_of_the_end().await;
}

#[tokio::test(start_paused = true)]
async fn both_pings_are_answered_in_both_encodings() {
    for encoding in [Encoding::Binary, Encoding::Text] {
        let mut wire = wire().await;
        let ping = signal_request::Message::Ping(1);
        wire.send(request(encoding, ping)).await;
        let pong = wire.message(encoding).await;
        assert!(matches!(pong, signal_response::Message::Pong(ms) if ms > 1_600_000_000_000));
        wire.send(request(encoding, ping_req())).await;
        let signal_response::Message::PongResp(pong) = wire.message(encoding).await else {
            panic!("no pong_resp");
        };
        assert_eq!(pong.last_ping_timestamp, 42);
        assert!(pong.timestamp > 1_600_000_000_000);
    }
}

#[tokio::test(start_paused = true)]
async fn the_client_is_answered_as_it_last_wrote_and_in_binary_at_first() {
    let mut wire = wire().await;
    wire.sender.send(response(1));
    wire.message(Encoding::Binary).await;
    for encoding in [Encoding::Text, Encoding::Binary] {
        wire.send(request(encoding, ping_req())).await;
        wire.message(encoding).await;
        wire.sender.send(response(2));
        wire.message(encoding).await;
    }
}

#[tokio::test(start_paused = true)]
async fn requests_reach_the_room_in_order() {
    let mut wire = wire().await;
    for number in 1..=3 {
        let mute = proto::MuteTrackRequest {
            sid: number.to_string(),
            muted: true,
        };
        let mute = signal_request::Message::Mute(mute);
        wire.send(request(Encoding::Binary, mute)).await;
    }
    for number in 1..=3 {
        let Some(Letter::Signal {
            connection,
            request,
            ..
        }) = wire.letter().await
        else {
            panic!("no request");
        };
        assert_eq!(connection, ID);
        let Some(signal_request::Message::Mute(mute)) = request.message else {
            panic!("another request");
        };
        assert_eq!(mute.sid, number.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_without_content_is_harmless() {
    let mut wire = wire().await;
    wire.send(Frame::Binary(Vec::new().into())).await;
    wire.send(request(Encoding::Binary, ping_req())).await;
    wire.message(Encoding::Binary).await;
}

#[tokio::test(start_paused = true)]
async fn who_sends_more_than_a_message_may_have_is_told_so_by_the_room_and_by_the_close_frame() {
    let mut wire = wire().await;
    let client = &mut wire.client;
    // The pipe is shorter than the frame, and nobody takes the whole of it.
    let sending = client.send(Frame::Binary(vec![0; MAX + 1].into()));
    let (sent, ()) = tokio::join!(sending, disconnect(&mut wire.room, &wire.sender));
    drop(sent);
    wire.message(Encoding::Binary).await;
    let (code, words) = wire.close().await;
    assert_eq!((code, words.as_str()), (1009, "a message was too large"));
    wire.room_hears_of_the_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_pings_is_kept() {
    let mut wire = wire().await;
    let hour = Duration::from_secs(3600);
    let mut pings = 0;
    let reading = async {
        while let Some(Ok(frame)) = wire.client.next().await {
            pings += u32::from(frame.is_ping());
        }
    };
    assert!(timeout(hour, reading).await.is_err(), "the end came");
    assert!((359..=361).contains(&pings), "{pings}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_silent_is_let_go() {
    let mut wire = wire().await;
    let begun = Instant::now();
    wire.room_hears_of_the_end().await;
    let after = begun.elapsed();
    assert!(after >= SILENCE && after < 2 * SILENCE, "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_let_go() {
    let mut wire = wire().await;
    let begun = Instant::now();
    for number in 0..2000 {
        wire.sender.send(response(number));
    }
    wire.room_hears_of_the_end().await;
    assert!(begun.elapsed() < 3 * WRITE_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn what_is_queued_is_written_before_the_room_closes() {
    let mut wire = wire().await;
    wire.sender.send(response(1));
    wire.sender.clone().close();
    wire.message(Encoding::Binary).await;
    assert_eq!(wire.close_code().await, 1000);
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_not_closed_in_the_moment_in_which_it_opens() {
    let mut wire = wire().await;
    let begun = Instant::now();
    wire.sender.send(response(1));
    wire.sender.clone().close();
    wire.message(Encoding::Binary).await;
    assert_eq!(
        begun.elapsed(),
        Duration::ZERO,
        "what there is to say is said"
    );
    wire.room_hears_of_the_end().await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(wire.close_code().await, 1000);
    assert!(begun.elapsed() >= SHORTEST_CONNECTION);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_closes_at_once_is_not_waited_for() {
    let mut wire = wire().await;
    let begun = Instant::now();
    wire.sender.clone().close();
    wire.client.close(None).await.unwrap();
    while let Some(Ok(_)) = wire.client.next().await {}
    assert!(begun.elapsed() < SHORTEST_CONNECTION);
}

#[tokio::test(start_paused = true)]
async fn a_room_that_ends_closes_its_connections() {
    let mut wire = wire().await;
    wire.room.close();
    wire.send(Frame::Binary(Vec::new().into())).await;
    assert_eq!(wire.close_code().await, 1000);
}

#[tokio::test(start_paused = true)]
async fn the_room_hears_of_a_client_that_vanishes() {
    let Wire {
        client, mut room, ..
    } = wire().await;
    drop(client);
    let heard = room.recv().await;
    assert!(matches!(
        heard.map(|posted| posted.letter),
        Some(Letter::SignalClosed { connection: ID })
    ));
}

/// A request that costs little to send and much to carry out.
fn metadata() -> Frame {
    let update = proto::UpdateParticipantMetadata::default();
    let message = signal_request::Message::UpdateMetadata(update);
    request(Encoding::Binary, message)
}

/// What [`metadata`] costs.
fn units() -> u32 {
    cost(
        &proto::SignalRequest {
            message: Some(signal_request::Message::UpdateMetadata(
                proto::UpdateParticipantMetadata::default(),
            )),
        },
        0,
    )
}

impl Wire {
    fn count(&self, limit: Limit) -> u64 {
        let counts = self.hits.counts();
        let of = counts.iter().find(|(it, _)| *it == limit);
        of.map(|(_, count)| *count).unwrap()
    }

    /// Has the client send the same request again and again, while the room takes what comes until
    /// `enough`.
    async fn flood(&mut self, enough: impl Fn(&Letter) -> bool) {
        let client = &mut self.client;
        let sending = async { while client.send(metadata()).await.is_ok() {} };
        let room = &mut self.room;
        let taking = async {
            while let Some(posted) = room.recv().await {
                if enough(&posted.letter) {
                    return;
                }
            }
        };
        tokio::select! {
            () = sending => panic!("the connection ended"),
            () = taking => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_more_than_it_may_is_read_as_fast_as_that_comes_back() {
    let mut wire = wire().await;
    let begun = Instant::now();
    let seconds = 10;
    let allowed = (SIGNAL_RATE.burst + seconds * SIGNAL_RATE.per_second) / units();
    let taken = std::cell::Cell::new(0);
    wire.flood(|_| {
        taken.set(taken.get() + 1);
        taken.get() > allowed
    })
    .await;
    let took = begun.elapsed();
    let expected = Duration::from_secs(seconds.into());
    assert!(took >= expected && took < 2 * expected, "{took:?}");
    assert!(wire.count(Limit::SignalRate) > 0);
    assert_eq!(wire.count(Limit::SignalPatience), 0);
}

#[tokio::test(start_paused = true)]
async fn the_room_is_told_of_who_goes_on_asking_for_too_much() {
    let mut wire = wire().await;
    let begun = Instant::now();
    wire.flood(|letter| matches!(letter, Letter::Offence { connection: ID, .. }))
        .await;
    assert!(begun.elapsed() >= SIGNAL_PATIENCE);
    assert_eq!(wire.count(Limit::SignalPatience), 1);
}

#[tokio::test(start_paused = true)]
async fn a_busy_client_meets_no_limit() {
    let mut wire = wire().await;
    let sent = std::cell::Cell::new(0);
    wire.flood(|_| {
        sent.set(sent.get() + 1);
        sent.get() == 1000
    })
    .await;
    assert!(wire.hits.counts().iter().all(|(_, count)| *count == 0));
}

#[tokio::test(start_paused = true)]
async fn a_client_has_few_places_in_the_mailbox_of_its_room() {
    let mut wire = wire().await;
    let client = &mut wire.client;
    let flooding = async { while client.send(metadata()).await.is_ok() {} };
    let late = timeout(Duration::from_secs(1), flooding).await;
    assert!(late.is_err(), "the connection ended");
    assert_eq!(wire.room.len(), REQUESTS_IN_FLIGHT as usize);
}

#[test]
fn a_long_request_takes_the_places_of_several() {
    assert_eq!(places(0), 1);
    assert_eq!(places(REQUEST_BYTES - 1), 1);
    assert_eq!(places(3 * REQUEST_BYTES), 4);
    assert_eq!(places(usize::MAX), REQUESTS_IN_FLIGHT);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_told_more_than_it_reads_is_heard() {
    let mut wire = wire().await;
    for number in 0..100 {
        wire.sender.send(response(number));
    }
    wire.send(metadata()).await;
    assert!(matches!(
        wire.letter().await,
        Some(Letter::Signal { connection: ID, .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_its_answers_unread_is_not_read() {
    let mut wire = wire().await;
    for number in 0..2 * UNREAD_ANSWERS as i64 {
        wire.sender.send(response(number));
    }
    // The first may have been read before there were as many.
    wire.send(metadata()).await;
    wire.send(metadata()).await;
    let heard = async {
        wire.letter().await;
        wire.letter().await;
    };
    assert!(timeout(WRITE_TIMEOUT / 2, heard).await.is_err());
    assert_eq!(wire.count(Limit::UnreadAnswers), 1);
    for _ in 0..2 * UNREAD_ANSWERS {
        wire.message(Encoding::Binary).await;
    }
    assert!(wire.letter().await.is_some());
}

#[tokio::test(start_paused = true)]
async fn who_was_moved_asks_the_other_room_when_what_it_asked_before_is_done() {
    let mut wire = wire().await;
    let mute = || signal_request::Message::Mute(proto::MuteTrackRequest::default());
    wire.send(request(Encoding::Binary, mute())).await;
    let first = wire.letter().await.unwrap();
    let (there, mut letters) = mailbox();
    wire.desk.move_to(there);
    wire.send(request(Encoding::Binary, mute())).await;
    sleep(Duration::from_secs(1)).await;
    assert!(letters.try_recv().is_err(), "the first is not handled yet");
    drop(first);
    let second = letters.recv().await.unwrap().letter;
    assert!(matches!(second, Letter::Signal { .. }), "{second:?}");
    assert!(wire.room.try_recv().is_err());
    drop(second);
    wire.send(request(Encoding::Binary, mute())).await;
    assert!(letters.recv().await.is_some());
}
