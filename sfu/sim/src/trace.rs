use std::fmt;
use std::time::{Duration, Instant};

use sfu_model::Event;

/// What happened in a world: when, to whom, what.
///
/// Two runs with one seed write the same trace. Keys, signatures and ids that cryptography and SCTP
/// draw by themselves differ from run to run, and with them the lengths of signatures: so neither
/// bytes nor lengths of DTLS datagrams are in it.
#[derive(Clone, Debug)]
pub struct Trace {
    start: Instant,
    lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    at: Duration,
    who: String,
    what: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>10.6} {}: {}",
            self.at.as_secs_f64(),
            self.who,
            self.what
        )
    }
}

impl Trace {
    /// How many lines are shown around what a reader looks for.
    const CONTEXT: usize = 12;

    /// Begins a trace at `start`.
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            lines: Vec::new(),
        }
    }

    /// Writes down that something happened.
    pub fn note(&mut self, now: Instant, who: &str, what: impl Into<String>) {
        self.lines.push(Line {
            at: now.saturating_duration_since(self.start),
            who: who.to_owned(),
            what: what.into(),
        });
    }

    /// Counts the lines about `who` that begin with `what`.
    pub fn count(&self, who: &str, what: &str) -> usize {
        let lines = self.lines.iter();
        lines
            .filter(|line| line.who == who && line.what.starts_with(what))
            .count()
    }

    /// Counts the lines about `who` that end with `what`.
    pub fn count_endings(&self, who: &str, what: &str) -> usize {
        let lines = self.lines.iter();
        lines
            .filter(|line| line.who == who && line.what.ends_with(what))
            .count()
    }

    /// Returns the last lines.
    pub fn tail(&self) -> String {
        let from = self.lines.len().saturating_sub(Self::CONTEXT);
        Self::text(self.lines.get(from..).unwrap_or_default())
    }

    /// Returns where `other` departs from this trace, with the lines before; `None` if it does not.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let longest = self.lines.len().max(other.lines.len());
        let place = (0..longest).find(|place| self.lines.get(*place) != other.lines.get(*place))?;
        let before = self.lines.get(place.saturating_sub(Self::CONTEXT)..place);
        let line = |trace: &Self| {
            let line = trace.lines.get(place);
            line.map_or_else(|| "nothing".to_owned(), Line::to_string)
        };
        Some(format!(
            "{}first run:  {}\nsecond run: {}",
            Self::text(before.unwrap_or_default()),
            line(self),
            line(other)
        ))
    }

    fn text(lines: &[Line]) -> String {
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// Says what an event is, with nothing that differs between runs.
pub(crate) fn describe(event: &Event) -> String {
    match event {
        Event::DataReceived {
            peer,
            channel,
            message,
        } => format!("got {} bytes by {channel:?} of {peer}", message.len()),
        Event::Statistics { streams, .. } => format!(
            "counted {} peers, {} encodings, {} subscriptions",
            streams.peers.len(),
            streams.encodings.len(),
            streams.subscriptions.len()
        ),
        Event::PeerConnected { .. }
        | Event::PeerSilent { .. }
        | Event::PeerResumed { .. }
        | Event::PeerClosed { .. }
        | Event::CodecChanged { .. }
        | Event::EncodingStarted { .. }
        | Event::PictureSized { .. }
        | Event::SubscriptionPaused { .. }
        | Event::SubscriptionResumed { .. }
        | Event::DataChannelOpened { .. }
        | Event::AudioLevels { .. } => format!("{event:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::beginning;

    #[test]
    fn the_first_difference_is_shown() {
        let start = beginning().mono;
        let mut one = Trace::new(start);
        one.note(start, "alice", "joins");
        let mut other = one.clone();
        assert_eq!(one.difference(&other), None);
        other.note(start, "bob", "joins");
        one.note(start, "bob", "leaves");
        let difference = one.difference(&other).unwrap();
        assert!(
            difference.contains("first run:    0.000000 bob: leaves"),
            "{difference}"
        );
        assert!(
            difference.contains("second run:   0.000000 bob: joins"),
            "{difference}"
        );
    }
}
