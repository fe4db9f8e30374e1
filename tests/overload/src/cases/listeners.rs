//! Those who do not take what comes.

use std::time::Duration;

use loadtest_peer::DataDelivery;
use tokio::time::{Instant, sleep};

use super::data::{message, send};
use super::signalling::{flood, toggles};
use crate::case::{Act, Case};
use crate::client::Plan;
use crate::neighbours::NEAR;
use crate::signal::Appetite;

/// How long it is looked whether who reads again is told to leave.
const SECOND_LOOK: Duration = Duration::from_secs(2);

pub(super) const UNREAD_WEBSOCKET: Case = Case {
    name: "unread-websocket",
    about: "does not read its signalling connection while another floods the room with mutes",
    by_tcp: false,
    play: |stage| {
        Box::pin(async move {
            let plan = Plan {
                appetite: Appetite::Small,
                ..Plan::new(NEAR, "listener").without_tracks_of_others()
            };
            let listener = stage.join(plan).await?;
            listener.read(false);
            let (offender, sid) = stage.join_speaking().await?;
            let mut act = flood(&stage, offender, toggles(sid)).await?;
            listener.read(true);
            let view = listener.view();
            let before = view.seen().bytes;
            // That nothing happens is what is hoped for.
            view.until(SECOND_LOOK, "for the end", |_| false).await.ok();
            if let Some(why) = listener.ended() {
                return Err(format!(
                    "who did not read for a while lost its session: {why}"
                ));
            }
            let waited = view.seen().bytes - before;
            act.fared
                .push_str(&format!("; {waited} bytes waited for who did not read"));
            act.actors.push(listener);
            Ok(act)
        })
    },
};

/// Bytes of each message, and between two of them: 1.5 MB/s.
const PAYLOAD: usize = 15_000;
const EVERY: Duration = Duration::from_millis(10);

pub(super) const CLOSED_WINDOW: Case = Case {
    name: "closed-window",
    about: "takes no data, so that its SCTP window closes, while another sends 1.5 MB/s of reliable data for 20 s (short: 12 s)",
    by_tcp: false,
    play: |stage| {
        Box::pin(async move {
            let offender = stage
                .join(Plan::new(NEAR, "offender").without_tracks_of_others())
                .await?;
            let sender = stage
                .join(Plan::new(NEAR, "sender").without_tracks_of_others())
                .await?;
            let others = stage.join_listeners(3).await?;
            offender.hold_data();
            let until = Instant::now()
                + stage
                    .scale
                    .of(Duration::from_secs(12), Duration::from_secs(20));
            let mut sent = 0;
            while Instant::now() < until {
                let message = message(DataDelivery::Reliable, sent, PAYLOAD);
                if !send(&sender, DataDelivery::Reliable, &message, until).await {
                    break;
                }
                sent += 1;
                sleep(EVERY).await;
            }
            let fared = match offender.ended() {
                Some(why) => format!("ended: {why}; {sent} sent meanwhile"),
                None => format!("still there; {sent} sent meanwhile"),
            };
            for honest in others.iter().chain([&sender]) {
                if let Some(why) = honest.ended() {
                    return Err(format!("somebody else lost its session: {why}; {fared}"));
                }
            }
            let mut actors = others;
            actors.extend([sender, offender]);
            Ok(Act { fared, actors })
        })
    },
};
