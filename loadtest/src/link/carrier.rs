use std::io;
use std::pin::pin;
use std::time::Instant;

use sfu_link::{Link, Random, Script, Seed};
use tokio::select;
use tokio_tun::Tun;

use super::command::Until;
use super::direction::Direction;
use super::end::End;
use super::report::Report;
use super::timer::Timer;
use crate::limits::READS_PER_TURN;
use crate::outcome::Outcome;

/// Carries packets between the two ends of a link.
pub(super) struct Carrier<'a> {
    begin: Instant,
    near: End<'a>,
    far: End<'a>,
    down: Direction,
    up: Direction,
    timer: Timer,
}

/// The longest packet of IP.
const LONGEST_PACKET: usize = 65_535;

impl<'a> Carrier<'a> {
    /// Makes one that has carried nothing, whose script begins at `begin`.
    pub(super) fn new(
        near: End<'a>,
        far: End<'a>,
        script: Script,
        begin: Instant,
        seed: Seed,
    ) -> Outcome<Self> {
        let direction = |schedule, stream| {
            let link = Link::scripted(schedule, begin, Random::new(seed, stream));
            Direction::new(begin, link)
        };
        Ok(Self {
            begin,
            near,
            far,
            down: direction(script.down, 0),
            up: direction(script.up, 1),
            timer: Timer::new().map_err(|error| format!("no timer: {error}"))?,
        })
    }

    /// Carries packets until it is time to end; returns the exit status.
    pub(super) async fn carry(&mut self, until: Until) -> Outcome<u8> {
        let (mut from_near, mut from_far) = ([0; LONGEST_PACKET], [0; LONGEST_PACKET]);
        let mut ended = pin!(until.ended());
        loop {
            let now = Instant::now();
            self.deliver(now);
            let due = [self.down.next_due(), self.up.next_due()];
            let due = due.into_iter().flatten().min();
            self.timer
                .set(now, due)
                .map_err(|error| error.to_string())?;
            select! {
                len = self.near.tun.recv(&mut from_near) => {
                    take(&mut self.down, &self.near.tun, &mut from_near, len)?;
                }
                len = self.far.tun.recv(&mut from_far) => {
                    take(&mut self.up, &self.far.tun, &mut from_far, len)?;
                }
                fired = self.timer.fired() => fired.map_err(|error| error.to_string())?,
                status = &mut ended => return status,
            }
        }
    }

    /// Hands on what has arrived.
    fn deliver(&mut self, now: Instant) {
        let Self { near, far, .. } = self;
        self.down
            .deliver_due(now, |packet| far.tun.try_send(packet).is_ok());
        self.up
            .deliver_due(now, |packet| near.tun.try_send(packet).is_ok());
    }

    /// Ends the link and returns what was counted.
    pub(super) fn into_report(self, now: Instant) -> Report {
        Report {
            length: now.saturating_duration_since(self.begin),
            down: self.down.tally,
            up: self.up.tally,
        }
    }
}

/// Takes a packet that was read, and some that wait behind it.
fn take(
    direction: &mut Direction,
    tun: &Tun,
    buf: &mut [u8],
    first: io::Result<usize>,
) -> Outcome<()> {
    let mut len = first.map_err(|error| format!("{}: {error}", tun.name()))?;
    for _ in 0..READS_PER_TURN {
        direction.take(Instant::now(), buf.get(..len).unwrap_or_default());
        match tun.try_recv(buf) {
            Ok(next) => len = next,
            // None waits, or what is wrong is told when it is waited for.
            Err(_) => return Ok(()),
        }
    }
    direction.take(Instant::now(), buf.get(..len).unwrap_or_default());
    Ok(())
}
