//! Plays a case.

use std::time::{Duration, Instant};

use sfu_model::{Bitrate, Codec, Forwarding, MediaKind, SpatialLayer, TemporalLayer};
use sfu_sim::{Call, ClientId, Encoder, Heard, LinkProfile, Seed, SharedLinkId, Tcp, Track, World};

use crate::case::{Case, Media, Viewer};
use crate::record::{INTERVAL, Record, Sample, Seen};

/// How long a client may take to connect.
const PATIENCE: Duration = Duration::from_secs(10);

/// Time from one camera's picture to the next one's.
const APART: Duration = Duration::from_millis(13);

/// Cameras that everybody is shown.
const CAMERAS: usize = 3;

/// Kilobits per second of a camera's encodings.
const ENCODINGS: [u64; 3] = [110, 350, 1_000];

/// The same of its spatial layers, each by itself: together they take as much.
const LAYERS: [u64; 3] = [110, 240, 650];

/// Plays a case in the virtual world.
///
/// # Panics
///
/// Panics if somebody cannot connect, or the server does what no honest one does.
pub fn run(case: &Case, media: Media, seed: Seed) -> Record {
    let mut stage = Stage::new(case, media, seed);
    let mut samples = Vec::new();
    let mut waits = Vec::new();
    let count = case.duration.as_millis() / INTERVAL.as_millis();
    for _ in 0..count {
        stage.act(case);
        stage.call.world.run_for(INTERVAL);
        samples.push(stage.sample(case, &mut waits));
    }
    for client in stage.audience.iter().flatten() {
        let faults = stage.call.world.client(client.id).faults();
        assert!(faults.is_empty(), "{}: {faults:?}", case.name);
    }
    Record {
        samples,
        waits,
        trace: stage.call.world.into_trace(),
    }
}

/// A call that is under way.
struct Stage {
    call: Call,
    link: SharedLinkId,
    /// When the link began to follow its script.
    begin: Instant,
    cameras: Vec<Track>,
    microphone: Track,
    audience: Vec<Option<Present>>,
}

/// A viewer who has joined.
struct Present {
    id: ClientId,
    cameras: Vec<Heard>,
    microphone: Option<Heard>,
    looks: bool,
}

impl Stage {
    fn new(case: &Case, media: Media, seed: Seed) -> Self {
        let mut call = Call::new(seed);
        let publisher = call.join("publisher", LinkProfile::CLEAN);
        let is_connected = |world: &World| world.client(publisher).is_connected();
        call.world.run_until(PATIENCE, is_connected);
        let cameras = (0..CAMERAS).map(|_| {
            call.world.run_for(APART);
            publish(&mut call, publisher, media)
        });
        let cameras = cameras.collect();
        let link = call.world.add_shared_link(&case.script);
        let microphone = call.publish(publisher, MediaKind::Audio);
        let now = call.world.now().mono;
        for transfers in &case.transfers {
            let begins = now + transfers.begins;
            let tcp = match transfers.each {
                None => Tcp::endless(begins),
                Some((segments, pause)) => Tcp::in_transfers(begins, segments, pause),
            };
            call.world.share_with(link, begins, tcp);
        }
        Self {
            call,
            link,
            begin: now,
            cameras,
            microphone,
            audience: case.viewers.iter().map(|_| None).collect(),
        }
    }

    fn since_begin(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.begin)
    }

    fn passed(&self) -> Duration {
        self.since_begin(self.call.world.now().mono)
    }

    /// Has viewers do what they are to do by now.
    fn act(&mut self, case: &Case) {
        let passed = self.passed();
        for (place, viewer) in case.viewers.iter().enumerate() {
            let present = self.audience.get(place).is_some_and(Option::is_some);
            if !present && viewer.joins <= passed {
                self.join(place, viewer);
            }
            let away = viewer.looks_away;
            let away = away.is_some_and(|[from, until]| (from..until).contains(&passed));
            if let Some(Some(present)) = self.audience.get_mut(place) {
                present.connect(&mut self.call, self.link, (&self.cameras, self.microphone));
                present.look(&mut self.call, !away);
            }
        }
    }

    fn join(&mut self, place: usize, viewer: &Viewer) {
        let own = LinkProfile {
            delay: viewer.delay,
            ..LinkProfile::IDEAL
        };
        let id = self.call.join(&format!("viewer {place}"), own);
        if let Some(slot) = self.audience.get_mut(place) {
            *slot = Some(Present {
                id,
                cameras: Vec::new(),
                microphone: None,
                looks: true,
            });
        }
    }

    fn sample(&mut self, case: &Case, waits: &mut Vec<(Duration, f64)>) -> Sample {
        let now = self.call.world.now().mono;
        let carried = self.call.world.take_carried(self.link);
        let at = self.since_begin(now);
        let rate = case
            .script
            .down
            .span(at.saturating_sub(INTERVAL))
            .profile
            .rate;
        let of_call = carried.iter().filter(|one| one.client.is_some());
        let milliseconds = |wait: Duration| wait.as_secs_f64() * 1e3;
        let all_waits = carried.iter().filter_map(|one| one.waited);
        waits.extend(of_call.clone().filter_map(|one| {
            let waited = one.waited?;
            Some((self.since_begin(one.at), milliseconds(waited)))
        }));
        let viewers = self.audience.iter();
        let viewers = viewers.map(|present| match present {
            None => Seen::default(),
            Some(present) => {
                let mine = carried.iter().filter(|one| one.client == Some(present.id));
                let bits = |len: usize| len as f64 * 8.0 / INTERVAL.as_secs_f64();
                let passed = mine.clone().filter(|one| one.waited.is_some());
                Seen {
                    sent: mine.map(|one| bits(one.len)).sum(),
                    passed: passed.map(|one| bits(one.len)).sum(),
                    ..present.seen(&self.call, now)
                }
            }
        });
        Sample {
            at,
            capacity: rate.map_or(f64::INFINITY, |rate| rate.0 as f64),
            queue: all_waits.map(milliseconds).fold(0.0, f64::max),
            datagrams: of_call.clone().count() as u64,
            no_room: of_call.filter(|one| one.waited.is_none()).count() as u64,
            viewers: viewers.collect(),
        }
    }
}

impl Present {
    /// Subscribes to everything, once it is connected. It is behind the link from then on: handshakes are of other lengths
    /// in each run.
    fn connect(
        &mut self,
        call: &mut Call,
        link: SharedLinkId,
        (cameras, microphone): (&[Track], Track),
    ) {
        if self.microphone.is_none() && call.world.client(self.id).is_connected() {
            call.world.put_behind(self.id, link);
            self.microphone = Some(call.subscribe(self.id, microphone));
            let heard = cameras
                .iter()
                .map(|camera| call.subscribe(self.id, *camera));
            self.cameras = heard.collect();
        }
    }

    fn look(&mut self, call: &mut Call, looks: bool) {
        if std::mem::replace(&mut self.looks, looks) == looks {
            return;
        }
        let forwarding = match looks {
            false => Forwarding::Paused,
            true => Forwarding::UpTo {
                spatial: SpatialLayer::MAX,
                temporal: TemporalLayer::MAX,
            },
        };
        for camera in &self.cameras {
            call.set_forwarding(*camera, forwarding);
        }
    }

    fn seen(&self, call: &Call, now: Instant) -> Seen {
        let estimate = call.world.shard().estimate(call.peer(self.id));
        let sound = self.microphone.map(|heard| call.reception(heard));
        let mut seen = Seen {
            looks: self.looks && !self.cameras.is_empty(),
            estimate: estimate.map_or(0.0, |estimate| estimate.0 as f64),
            sound: sound.map_or((0, 0), |reception| reception.playout.counts()),
            ..Seen::default()
        };
        for camera in &self.cameras {
            let reception = call.reception(*camera);
            seen.add_camera(reception, reception.shown.frozen_by(now));
        }
        seen
    }
}

fn publish(call: &mut Call, publisher: ClientId, media: Media) -> Track {
    let kbit = |rates: [u64; 3]| rates.map(|rate| Bitrate(rate * 1_000));
    match media {
        Media::Simulcast => {
            let encoders = kbit(ENCODINGS).map(Encoder::of_rate);
            call.publish_encodings(publisher, Codec::Vp8, &encoders)
        }
        Media::Scalable => {
            let encoder = Encoder::scalable(&kbit(LAYERS));
            call.publish_encodings(publisher, Codec::Vp9, &[encoder])
        }
    }
}
