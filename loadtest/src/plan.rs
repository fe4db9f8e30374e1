use std::time::Duration;

use loadtest_peer::{DataDelivery, DataSender, OutboundData};
use sfu_model::{Codec, LinkProtocol};

use crate::cli::{Layout, Signalling, TestFlags};

/// What one participant does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParticipantPlan {
    /// Its place among all, which chooses its media thread.
    pub(crate) number: usize,
    pub(crate) room: String,
    pub(crate) identity: String,
    pub(crate) signalling: Signalling,
    /// What its media goes by.
    pub(crate) protocol: LinkProtocol,
    /// The codec of its camera, if it has one on.
    pub(crate) video: Option<Video>,
    /// Whether its microphone is on.
    pub(crate) audio: bool,
    /// The data that it sends, if it does.
    pub(crate) data: Option<OutboundData>,
    pub(crate) subscribes: bool,
    /// Which pictures it shows.
    pub(crate) layout: Layout,
    /// When it speaks, if speakers are simulated.
    pub(crate) turn: Option<Turn>,
    /// How long it stays after its join; until the end of the run if it is not said.
    pub(crate) stay: Option<Duration>,
}

impl ParticipantPlan {
    /// Tells whether it sends anything.
    pub(crate) fn publishes(&self) -> bool {
        self.audio || self.video.is_some() || self.data.is_some()
    }
}

/// Whose turn it is to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Its own.
    pub(crate) number: usize,
    /// How many take turns.
    pub(crate) of: usize,
}

/// How a camera is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Video {
    pub(crate) codec: Codec,
    pub(crate) simulcast: bool,
    /// Whether layers that nobody receives are stopped.
    pub(crate) dynacast: bool,
}

/// Everybody, in the order of their joins: those who publish first.
pub(crate) fn participants(flags: &TestFlags, room: &str) -> Vec<ParticipantPlan> {
    let mut plans = Vec::new();
    for room in rooms(flags, room) {
        let publishers = flags
            .video_publishers
            .max(flags.audio_publishers)
            .max(flags.data_publishers);
        for at in 0..publishers {
            plans.push(ParticipantPlan {
                number: plans.len(),
                room: room.clone(),
                identity: format!("{}_pub_{at}", flags.identity_prefix),
                signalling: flags.signalling,
                protocol: flags.transport.protocol(),
                video: (at < flags.video_publishers).then_some(Video {
                    codec: flags.video_codec.codec(),
                    simulcast: !flags.no_simulcast,
                    dynacast: !flags.no_dynacast,
                }),
                audio: at < flags.audio_publishers,
                data: (at < flags.data_publishers).then(|| data(flags, plans.len())),
                subscribes: false,
                layout: flags.layout,
                turn: (flags.simulate_speakers && at < flags.audio_publishers).then_some(Turn {
                    number: at,
                    of: flags.audio_publishers,
                }),
                stay: None,
            });
        }
    }
    for room in rooms(flags, room) {
        for at in 0..flags.subscribers {
            let number = plans.len();
            plans.push(subscriber(flags, number, &room, &format!("sub_{at}")));
        }
    }
    plans
}

/// The data of the `number`th participant.
fn data(flags: &TestFlags, number: usize) -> OutboundData {
    let bits = 8.0 * f64::from(flags.data_packet_bytes);
    let seconds = bits / (1e3 * f64::from(flags.data_bitrate));
    OutboundData {
        sender: DataSender(u32::try_from(number).unwrap_or(u32::MAX)),
        delivery: match flags.data_lossy {
            true => DataDelivery::Lossy,
            false => DataDelivery::Reliable,
        },
        payload_len: usize::try_from(flags.data_packet_bytes).unwrap_or(usize::MAX),
        interval: Duration::from_secs_f64(seconds),
    }
}

fn subscriber(flags: &TestFlags, number: usize, room: &str, name: &str) -> ParticipantPlan {
    ParticipantPlan {
        number,
        room: room.to_owned(),
        identity: format!("{}_{name}", flags.identity_prefix),
        signalling: flags.signalling,
        protocol: flags.transport.protocol(),
        video: None,
        audio: false,
        data: None,
        subscribes: true,
        layout: flags.layout,
        turn: None,
        stay: None,
    }
}

/// Those who come and go, one after the other and in all rooms in turn; the first has `first` as its number.
pub(crate) fn passers_by(
    flags: &TestFlags,
    room: &str,
    first: usize,
) -> impl Iterator<Item = ParticipantPlan> {
    let rooms = rooms(flags, room);
    let stay = Duration::try_from_secs_f64(flags.stay).unwrap_or_default();
    let flags = flags.clone();
    rooms
        .into_iter()
        .cycle()
        .zip(0_usize..)
        .map(move |(room, at)| ParticipantPlan {
            stay: Some(stay),
            ..subscriber(&flags, first + at, &room, &format!("churn_{at}"))
        })
}

fn rooms(flags: &TestFlags, room: &str) -> Vec<String> {
    match flags.rooms {
        0 | 1 => vec![room.to_owned()],
        rooms => (0..rooms).map(|at| format!("{room}-{at}")).collect(),
    }
}

/// Returns the time between two joins.
pub(crate) fn pace(per_second: f64) -> Duration {
    Duration::try_from_secs_f64(1.0 / per_second.max(0.01)).unwrap_or(Duration::from_secs(100))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn flags(line: &str) -> TestFlags {
        Cli::parse_from(std::iter::once("loadtest").chain(line.split(' '))).test
    }

    #[test]
    fn publishers_join_before_subscribers_and_share_audio_and_video() {
        let flags = flags("--video-publishers 1 --audio-publishers 2 --subscribers 1");
        let plans = participants(&flags, "r");
        let what: Vec<_> = plans
            .iter()
            .map(|plan| (plan.video.is_some(), plan.audio, plan.subscribes))
            .collect();
        assert_eq!(
            what,
            [
                (true, true, false),
                (false, true, false),
                (false, false, true)
            ]
        );
    }

    #[test]
    fn data_is_sent_in_packets_that_make_up_its_rate() {
        let flags = flags(
            "--audio-publishers 1 --data-publishers 2 --data-packet-bytes 1000 --data-bitrate 80",
        );
        let plans = participants(&flags, "r");
        assert_eq!(plans.len(), 2);
        assert!(plans[0].audio && !plans[1].audio);
        let data: Vec<_> = plans.iter().filter_map(|plan| plan.data).collect();
        assert_eq!(data[0].interval, Duration::from_millis(100));
        assert_eq!(data[0].delivery, DataDelivery::Reliable);
        assert_ne!(data[0].sender, data[1].sender);
    }

    #[test]
    fn every_room_has_as_many() {
        let plans = participants(
            &flags("--rooms 2 --audio-publishers 1 --subscribers 3"),
            "r",
        );
        let of = |room: &str| plans.iter().filter(|plan| plan.room == room).count();
        assert_eq!((of("r-0"), of("r-1"), plans.len()), (4, 4, 8));
    }

    #[test]
    fn those_who_come_and_go_have_numbers_and_names_of_their_own() {
        let flags = flags("--churn --stay 2 --rooms 2");
        let plans: Vec<_> = passers_by(&flags, "r", 5).take(3).collect();
        let rooms: Vec<_> = plans.iter().map(|plan| plan.room.as_str()).collect();
        assert_eq!(rooms, ["r-0", "r-1", "r-0"]);
        assert_eq!(
            (plans[2].number, plans[2].stay),
            (7, Some(Duration::from_secs(2)))
        );
        assert_ne!(plans[0].identity, plans[2].identity);
    }

    #[test]
    fn a_layout_has_places_of_its_sizes() {
        assert_eq!(Layout::Speaker.size(0), Some((1_280, 720)));
        assert_eq!(Layout::Speaker.size(5), Some((320, 180)));
        assert_eq!(Layout::Speaker.size(6), None);
        assert_eq!(Layout::Grid3.size(8), Some((640, 360)));
        assert_eq!(Layout::Grid3.size(9), None);
    }
}
