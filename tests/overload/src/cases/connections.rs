//! Connections that are opened and left.

use std::time::Duration;

use loadtest_peer::{DataChannelOpener, IceRole, Peer, PeerConfig, frame};
use sfu_model::Fingerprint;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::case::{Act, Case, Stage};
use crate::client::Plan;
use crate::clock;
use crate::neighbours::NEAR;

/// How long an answer to a check may take.
const ANSWER: Duration = Duration::from_secs(2);

pub(super) const IDLE: Case = Case {
    name: "connections-idle",
    about: "opens 3,000 connections (short: 300), and says nothing or half a request on each",
    by_tcp: false,
    play: |stage| {
        Box::pin(async move {
            let mut open = Vec::new();
            for number in 0..stage.scale.of(300, 3_000) {
                let connected = TcpStream::connect(stage.server.address).await;
                let mut stream = connected.map_err(|error| format!("{number}: {error}"))?;
                if number % 2 == 0 {
                    // A server may have closed it already.
                    stream.write_all(b"GET / HTTP/1.1\r\nHost: a").await.ok();
                }
                open.push(stream);
            }
            sleep(stage.scale.flood()).await;
            Ok(Act {
                fared: format!("{} opened", open.len()),
                actors: Vec::new(),
            })
        })
    },
};

pub(super) const MEDIA_BY_TCP: Case = Case {
    name: "connections-media",
    about: "opens 1,500 connections for its media by TCP (short: 200), sends a valid check on each, and leaves",
    by_tcp: true,
    play: |stage| {
        Box::pin(async move {
            let plan = Plan::new(NEAR, "offender").without_tracks_of_others();
            let offender = stage.join(plan).await?;
            let seen = offender.view().seen().transport.clone();
            let described = seen.ok_or("no description")?;
            let to = described.by_tcp.first().copied();
            let to = to.ok_or("the server takes no media by TCP")?;
            // A check that has come by one connection may do nothing by another: each has its own.
            let config = |number: u64| PeerConfig {
                local: described.ours.clone(),
                remote: described.theirs.clone(),
                role: IceRole::Controlling,
                fingerprint: Fingerprint([0; 32]),
                candidates: vec![to],
                data_channels: DataChannelOpener::Us,
                random: random(number),
            };
            let mut open = Vec::new();
            let mut answered = 0;
            for number in 0..stage.scale.of(200, 1_500) {
                let connected = TcpStream::connect(to).await;
                let mut stream = connected.map_err(|error| format!("{number}: {error}"))?;
                let mut framed = Vec::new();
                frame(&check(&stage, config(number))?, &mut framed);
                stream.write_all(&framed).await.ok();
                let mut answer = [0; 4];
                let came = timeout(ANSWER, stream.read_exact(&mut answer)).await;
                answered += u64::from(matches!(came, Ok(Ok(_))));
                open.push(stream);
                if answered + MOST_UNANSWERED < number {
                    break;
                }
            }
            offender.leave().await;
            // They are held open by us: the server is to let go of them.
            let mut closed = 0;
            sleep(CLOSING).await;
            for stream in &mut open {
                let end = timeout(Duration::from_millis(1), read_to_end(stream)).await;
                closed += u32::from(end.is_ok());
            }
            let (opened, fared) = (open.len(), format!("{answered} answered, {closed} closed"));
            match closed as usize == opened {
                true => Ok(Act {
                    fared: format!("{fared} of {opened}"),
                    actors: Vec::new(),
                }),
                false => Err(format!("of {opened} connections {fared} after it left")),
            }
        })
    },
};

/// Connections whose checks a server may leave unanswered before no more are opened.
const MOST_UNANSWERED: u64 = 4;

/// Makes a number as long as a peer's random bytes.
fn random(number: u64) -> [u8; 12] {
    let mut random = [7; 12];
    let (first, _) = random.split_at_mut(8);
    first.copy_from_slice(&number.to_be_bytes());
    random
}

/// How long a server may hold the connections of somebody who has left.
const CLOSING: Duration = Duration::from_secs(5);

async fn read_to_end(stream: &mut TcpStream) {
    let mut buf = [0; 256];
    while matches!(stream.read(&mut buf).await, Ok(len) if len > 0) {}
}

/// Makes a connectivity check as a peer would send it.
fn check(stage: &Stage, config: PeerConfig) -> Result<Vec<u8>, String> {
    let now = clock::now();
    let mut peer = Peer::new(now, clock::epoch(), &stage.identity, config);
    let mut check = Vec::new();
    let mut tally = loadtest_peer::Tally::default();
    peer.handle_timeout(now, &mut tally);
    peer.poll_transmit(&mut check).ok_or("no check")?;
    Ok(check)
}
