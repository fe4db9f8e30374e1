//! Floods of data.

use std::time::Duration;

use livekit_protocol::data_packet::Value;
use livekit_protocol::{DataPacket, UserPacket};
use loadtest_peer::DataDelivery;
use prost::Message as _;
use tokio::time::{Instant, sleep, timeout_at};

use crate::case::{Act, Case, PATIENCE, Stage};
use crate::client::{Client, Plan};
use crate::neighbours::NEAR;

/// Between two attempts to send where there is no room.
const RETRY: Duration = Duration::from_millis(2);
/// How long what was sent may take to arrive everywhere.
const DELIVERY: Duration = Duration::from_secs(30);

/// A flood of data from one sender; of what there are two, the first is of the short trial.
#[derive(Clone, Copy)]
struct Flood {
    delivery: DataDelivery,
    payload: usize,
    listeners: [usize; 2],
    messages: [u64; 2],
    /// Messages between two pauses of [`PACE`].
    burst: u64,
}

/// Between two bursts of a flood.
const PACE: Duration = Duration::from_millis(10);

pub(super) const RELIABLE_TO_MANY: Case = Case {
    name: "data-reliable-many",
    about: "sends 8,250 reliable messages of 1,000 bytes within 3 s to 40 listeners (short: 2,000 to 10)",
    by_tcp: false,
    play: |stage| {
        let flood = Flood {
            delivery: DataDelivery::Reliable,
            payload: 1_000,
            listeners: [10, 40],
            messages: [2_000, 8_250],
            burst: 28,
        };
        Box::pin(flood.play(stage))
    },
};

pub(super) const RELIABLE_TO_ONE: Case = Case {
    name: "data-reliable-one",
    about: "sends 24 MB of reliable data as fast as it is taken to one listener (short: 6 MB)",
    by_tcp: false,
    play: |stage| {
        let flood = Flood {
            delivery: DataDelivery::Reliable,
            payload: 15_000,
            listeners: [1, 1],
            messages: [400, 1_600],
            burst: u64::MAX,
        };
        Box::pin(flood.play(stage))
    },
};

pub(super) const LOSSY_TO_MANY: Case = Case {
    name: "data-lossy-many",
    about: "sends 10,000 lossy messages of 1,000 bytes within 3 s to 40 listeners (short: 3,000 to 10)",
    by_tcp: false,
    play: |stage| {
        let flood = Flood {
            delivery: DataDelivery::Lossy,
            payload: 1_000,
            listeners: [10, 40],
            messages: [3_000, 10_000],
            burst: 34,
        };
        Box::pin(flood.play(stage))
    },
};

/// Writes a message as LiveKit's clients do.
pub(super) fn message(delivery: DataDelivery, number: u64, payload: usize) -> Vec<u8> {
    let packet = DataPacket {
        sequence: match delivery {
            DataDelivery::Lossy => 0,
            DataDelivery::Reliable => u32::try_from(number + 1).unwrap_or_default(),
        },
        value: Some(Value::User(UserPacket {
            payload: vec![0x2a; payload],
            ..UserPacket::default()
        })),
        ..DataPacket::default()
    };
    packet.encode_to_vec()
}

/// Sends a message as soon as there is room for it; `false` when there is none by then.
pub(super) async fn send(
    sender: &Client,
    delivery: DataDelivery,
    message: &[u8],
    until: Instant,
) -> bool {
    while !sender.send_data(delivery, message.to_vec()).await {
        if Instant::now() >= until || sender.ended().is_some() {
            return false;
        }
        sleep(RETRY).await;
    }
    true
}

impl Flood {
    /// Floods those who listen, and holds that all of them are still there and, of reliable data, have all.
    async fn play(self, stage: Stage) -> Result<Act, String> {
        let [short, whole] = self.listeners;
        let listeners = stage.join_listeners(stage.scale.of(short, whole)).await?;
        let plan = Plan::new(NEAR, "offender").without_tracks_of_others();
        let offender = stage.join(plan).await?;
        let [short, whole] = self.messages;
        let begun = Instant::now();
        let sent = self.send_all(&offender, stage.scale.of(short, whole)).await;
        let took = begun.elapsed();
        let least = self.least_received(&listeners, sent).await;
        let ended = offender.ended().map(|why| format!(", then {why}"));
        let mut fared = format!(
            "{sent} sent in {:.1} s, {least} came{}",
            took.as_secs_f64(),
            ended.unwrap_or_default()
        );
        if let Some(why) = listeners.iter().find_map(Client::ended) {
            return Err(format!("a listener lost its session: {why}; {fared}"));
        }
        if self.delivery == DataDelivery::Reliable && least < sent {
            return Err(format!("reliable data was lost: {fared}"));
        }
        fared.push_str(&format!(" after {:.1} s", begun.elapsed().as_secs_f64()));
        let mut actors = listeners;
        actors.push(offender);
        Ok(Act { fared, actors })
    }

    /// Sends the messages, as many as are taken, and returns how many were.
    async fn send_all(self, offender: &Client, messages: u64) -> u64 {
        let until = Instant::now() + PATIENCE;
        for sent in 0..messages {
            let message = message(self.delivery, sent, self.payload);
            if !send(offender, self.delivery, &message, until).await {
                return sent;
            }
            if (sent + 1) % self.burst == 0 {
                sleep(PACE).await;
            }
        }
        messages
    }

    /// Returns how many messages came at least; of reliable data, after those that were sent had their time to.
    async fn least_received(self, listeners: &[Client], sent: u64) -> u64 {
        let until = Instant::now() + DELIVERY;
        let mut least = u64::MAX;
        for listener in listeners {
            let view = listener.view();
            if self.delivery == DataDelivery::Reliable {
                let all = view.until(DELIVERY, "for all data", |seen| seen.data >= sent);
                timeout_at(until, all).await.ok();
            }
            least = least.min(view.seen().data);
        }
        least
    }
}
