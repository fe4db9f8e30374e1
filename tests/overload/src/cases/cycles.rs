//! One session that does the same over and over, politely: what is left of each time adds up.

use std::time::Duration;

use livekit_protocol::{UpdateSubscription, signal_request};
use tokio::time::{Instant, sleep};

use crate::case::{Act, Case, PATIENCE, Stage};
use crate::client::{Client, Plan, Seen};
use crate::media::{Mark, TrackKind, track};
use crate::neighbours::NEAR;

/// How long one half of a cycle may take before the next begins all the same.
const HALF: Duration = Duration::from_secs(2);
/// How long the last time may take to come to something.
const LAST: Duration = Duration::from_secs(5);

pub(super) const SUBSCRIBE: Case = Case {
    name: "subscribe-cycles",
    about: "subscribes to a camera and unsubscribes 5,000 times (short: 300), each time when the answer is there",
    by_tcp: false,
    play: |stage| {
        Box::pin(async move {
            let plan = Plan::new(NEAR, "offender").without_tracks_of_others();
            let offender = stage.join(plan).await?;
            let camera = camera_of_neighbour(&stage).await?;
            let begun = Instant::now();
            let mut late = 0;
            for _ in 0..stage.scale.of(300, 5_000) {
                late += u64::from(!subscribe(&offender, &camera, true).await);
                late += u64::from(!subscribe(&offender, &camera, false).await);
            }
            let took = begun.elapsed();
            let view = offender.view();
            let [before, _] = view.seen().frames;
            subscribe(&offender, &camera, true).await;
            view.until(LAST, "for a picture", |seen| seen.frames[0] > before + 10)
                .await
                .map_err(|why| format!("after {took:.1?} and {late} late: {why}"))?;
            Ok(Act {
                fared: format!("{:.1} s, {late} late", took.as_secs_f64()),
                actors: vec![offender],
            })
        })
    },
};

/// Asks for a track or does without it, and waits until the descriptions say so; `false` when that is late.
async fn subscribe(client: &Client, sid: &str, subscribe: bool) -> bool {
    let view = client.view();
    client
        .send(signal_request::Message::Subscription(UpdateSubscription {
            track_sids: vec![sid.to_owned()],
            subscribe,
            ..UpdateSubscription::default()
        }))
        .await;
    let streams = usize::from(subscribe);
    let described = view.until(HALF, "for a description", |seen| seen.streams == streams);
    described.await.is_ok()
}

/// Returns a video track of one of the neighbours': the one of two that brings pictures.
async fn camera_of_neighbour(stage: &Stage) -> Result<String, String> {
    let looker = stage
        .join(Plan::new(NEAR, "looker").without_tracks_of_others())
        .await?;
    let view = looker.view();
    let there = view.until(PATIENCE, "for tracks", |seen| seen.others.len() >= 4);
    there.await?;
    let sids: Vec<String> = view.seen().others.keys().cloned().collect();
    for sid in sids {
        let [before, _] = view.seen().frames;
        subscribe(&looker, &sid, true).await;
        let pictures = view.until(HALF, "for a picture", |seen| seen.frames[0] > before);
        let found = pictures.await.is_ok();
        subscribe(&looker, &sid, false).await;
        if found {
            looker.leave().await;
            return Ok(sid);
        }
    }
    Err("no camera in the room".to_owned())
}

/// How long each publication lasts: a frame or two of its picture.
const LIFE: Duration = Duration::from_millis(40);
/// Cycles between two looks whether the picture comes.
const LOOK_EVERY: u64 = 50;

pub(super) const PUBLISH: Case = Case {
    name: "publish-cycles",
    about: "publishes a simulcast camera and unpublishes it 5,000 times (short: 100), each time when the answer is there",
    by_tcp: false,
    play: |stage| {
        Box::pin(async move {
            let plan = Plan::new(NEAR, "offender").without_tracks_of_others();
            let offender = stage.join(plan).await?;
            let begun = Instant::now();
            let cycles = stage.scale.of(100, 5_000);
            let mut late = 0;
            for number in 0..=cycles {
                let cid = format!("camera-{number}");
                let [_, before] = stage.witness.seen().frames;
                late += u64::from(!publish(&offender, &cid).await?);
                if number % LOOK_EVERY == 0 {
                    let comes = |seen: &Seen| seen.frames[1] > before;
                    let comes = stage.witness.until(LAST, "for a picture", comes);
                    comes
                        .await
                        .map_err(|why| format!("number {number}: {why}, {late} late before"))?;
                }
                if number < cycles {
                    offender.unpublish(&cid);
                }
            }
            Ok(Act {
                fared: format!("{:.1} s, {late} late", begun.elapsed().as_secs_f64()),
                actors: vec![offender],
            })
        })
    },
};

/// Publishes a camera for a moment; `false` when the server is late to say that it may.
async fn publish(client: &Client, cid: &str) -> Result<bool, String> {
    let track = track(cid.to_owned(), TrackKind::SimulcastCamera, Mark::Offender);
    let view = client.view();
    let answers = view.seen().answers;
    client.publish(track.map_err(|error| error.to_string())?);
    let published = |seen: &Seen| seen.own.contains_key(cid) && seen.answers > answers;
    let in_time = view.until(HALF, "to publish", published).await.is_ok();
    sleep(LIFE).await;
    match client.ended() {
        Some(why) => Err(format!("it lost its session: {why}")),
        None => Ok(in_time),
    }
}
