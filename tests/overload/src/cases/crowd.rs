//! Many at once.

use std::time::Duration;

use futures_util::future::join_all;
use livekit_protocol::{UpdateSubscription, signal_request};
use tokio::time::{Instant, sleep, timeout_at};

use crate::case::{Act, Case, PATIENCE};
use crate::client::{Client, Plan};
use crate::media::TrackKind;
use crate::neighbours::NEAR;

/// How long all of a crowd may take to join.
const CROWD_PATIENCE: Duration = Duration::from_secs(60);

pub(super) const JOIN_AND_LEAVE: Case = Case {
    name: "join-and-leave",
    about: "500 join the room at once (short: 100), and leave at once",
    by_tcp: false,
    play: |stage| {
        Box::pin(async move {
            let begun = Instant::now();
            let crowd = (0..stage.scale.of(100, 500)).map(|number| {
                let plan = Plan::new(NEAR, &format!("one-of-many-{number}"));
                stage.begin_join(plan.without_tracks_of_others())
            });
            let crowd: Vec<_> = crowd.collect();
            let joined = join_all(crowd.iter().map(|one| one.joined(CROWD_PATIENCE))).await;
            let took = begun.elapsed();
            let (count, joined) = (
                crowd.len(),
                joined.into_iter().collect::<Result<Vec<_>, _>>(),
            );
            let begun = Instant::now();
            join_all(crowd.into_iter().map(Client::leave)).await;
            joined.map_err(|why| format!("one of {count}: {why}"))?;
            Ok(Act {
                fared: format!(
                    "{count} joined in {:.1} s, left in {:.1} s",
                    took.as_secs_f64(),
                    begun.elapsed().as_secs_f64()
                ),
                actors: Vec::new(),
            })
        })
    },
};

pub(super) const COMMANDS: Case = Case {
    name: "shard-commands",
    about: "40 subscribe to everything and unsubscribe as fast as they are read (short: 10)",
    by_tcp: false,
    play: |stage| {
        Box::pin(async move {
            let crowd = stage.join_listeners(stage.scale.of(10, 40)).await?;
            for one in &crowd {
                let view = one.view();
                let there = view.until(PATIENCE, "for tracks", |seen| seen.others.len() >= 4);
                there.await?;
            }
            let end = stage.flood_end();
            let taken = join_all(crowd.iter().map(|one| toggle_all(one, end))).await;
            let taken: u64 = taken.into_iter().sum();
            let ended = crowd.iter().filter_map(Client::ended);
            let ended: Vec<String> = ended.collect();
            let mut fared = format!("{taken} taken");
            if let Some(why) = ended.first() {
                fared.push_str(&format!(", {} ended: {why}", ended.len()));
            }
            Ok(Act {
                fared,
                actors: crowd,
            })
        })
    },
};

/// Subscribes to all tracks and unsubscribes until then; returns how many messages were taken.
async fn toggle_all(client: &Client, end: Instant) -> u64 {
    let sids: Vec<String> = client.view().seen().others.keys().cloned().collect();
    let mut taken = 0;
    loop {
        let message = signal_request::Message::Subscription(UpdateSubscription {
            track_sids: sids.clone(),
            subscribe: taken % 2 == 0,
            ..UpdateSubscription::default()
        });
        match timeout_at(end, client.send(message)).await {
            Ok(true) => taken += 1,
            Ok(false) | Err(_) => return taken,
        }
    }
}

pub(super) const MEDIA: Case = Case {
    name: "shard-media",
    about: "30 join the room who all publish and all see and hear each other (short: 6)",
    by_tcp: false,
    play: |stage| {
        Box::pin(async move {
            let crowd = (0..stage.scale.of(6, 30)).map(|number| {
                let plan = Plan::new(NEAR, &format!("speaker-{number}"));
                stage.begin_join(plan.publishing(&[TrackKind::Microphone, TrackKind::Camera]))
            });
            let crowd: Vec<_> = crowd.collect();
            for one in &crowd {
                one.joined(CROWD_PATIENCE).await?;
            }
            sleep(stage.scale.flood()).await;
            Ok(Act {
                fared: format!("{} see and hear each other", crowd.len()),
                actors: crowd,
            })
        })
    },
};
