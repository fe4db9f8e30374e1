//! Scripts: how both directions of a link change with time, in lines that a user writes.
//!
//! ```text
//! # time  direction  what changes then
//! 0s      both       delay=20ms
//! 0s      down       rate=2Mbit queue=200ms loss=1%
//! 10s     down       rate=300kbit
//! 20s     loop
//! ```

mod error;
mod value;

use std::str::SplitWhitespace;
use std::time::Duration;

pub use error::{Fault, ScriptError};

use crate::limits::{MAX_LINES, MAX_SCRIPT_BYTES, MAX_TIME};
use crate::{LinkProfile, Schedule};

/// A schedule for each direction of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// From the far end, where clients are, to the near one.
    pub up: Schedule,
    /// From the near end to the far one.
    pub down: Schedule,
}

/// What a line is about, behind its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Up,
    Down,
    Both,
    Loop,
}

impl Script {
    /// Makes that of a link that delivers everything at once.
    pub fn ideal() -> Self {
        let ideal = Schedule::constant(LinkProfile::IDEAL);
        Self {
            up: ideal.clone(),
            down: ideal,
        }
    }

    /// Reads a script. What no line names stays as it was before; before the first line the link is ideal.
    ///
    /// # Errors
    ///
    /// Returns the first fault, with its line and what to write instead.
    pub fn read(text: &str) -> Result<Self, ScriptError> {
        if text.len() > MAX_SCRIPT_BYTES {
            return Err(Fault::TooLong.at(1));
        }
        let mut script = Self::ideal();
        let mut last = Line::first();
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            if number > MAX_LINES {
                return Err(Fault::TooLong.at(number));
            }
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let Some(time) = words.next() else {
                continue;
            };
            last = script
                .take_line(last, time, words)
                .map_err(|fault| fault.at(number))?;
        }
        Ok(script)
    }

    fn take_line(
        &mut self,
        last: Line,
        time: &str,
        mut words: SplitWhitespace<'_>,
    ) -> Result<Line, Fault> {
        let line = Line {
            at: value::time(time)
                .filter(|at| *at <= MAX_TIME)
                .ok_or_else(|| Fault::time(time))?,
            subject: Subject::read(words.next().unwrap_or_default())?,
        };
        line.follows(last)?;
        match line.subject {
            Subject::Up => take_change(&mut self.up, line.at, words)?,
            Subject::Down => take_change(&mut self.down, line.at, words)?,
            Subject::Both => {
                take_change(&mut self.up, line.at, words.clone())?;
                take_change(&mut self.down, line.at, words)?;
            }
            Subject::Loop => {
                if let Some(more) = words.next() {
                    return Err(Fault::unknown(more));
                }
                self.up.repeat(line.at);
                self.down.repeat(line.at);
            }
        }
        Ok(line)
    }
}

fn take_change(
    schedule: &mut Schedule,
    at: Duration,
    words: SplitWhitespace<'_>,
) -> Result<(), Fault> {
    let mut profile = schedule.last();
    for word in words {
        let (key, value) = word.split_once('=').ok_or_else(|| Fault::unknown(word))?;
        value::set(&mut profile, key, value)?;
    }
    schedule.change(at, profile);
    Ok(())
}

/// What the order of lines depends on.
#[derive(Clone, Copy, Debug)]
struct Line {
    at: Duration,
    subject: Subject,
}

impl Line {
    /// What stands before the first.
    fn first() -> Self {
        Self {
            at: Duration::ZERO,
            subject: Subject::Both,
        }
    }

    fn follows(self, last: Self) -> Result<(), Fault> {
        let is_loop = self.subject == Subject::Loop;
        match self {
            _ if last.subject == Subject::Loop => Err(Fault::AfterLoop),
            Self { at, .. } if at < last.at => Err(Fault::Earlier),
            Self { at, .. } if is_loop && at == last.at => Err(Fault::EmptyLoop),
            Self { .. } => Ok(()),
        }
    }
}

impl Subject {
    fn read(word: &str) -> Result<Self, Fault> {
        match word {
            "up" => Ok(Self::Up),
            "down" => Ok(Self::Down),
            "both" => Ok(Self::Both),
            "loop" => Ok(Self::Loop),
            other => Err(Fault::subject(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use sfu_model::Bitrate;

    use super::*;
    use crate::{Bursts, PerMille, QueueLimit};

    fn fault_of(text: &str) -> String {
        Script::read(text).unwrap_err().to_string()
    }

    #[test]
    fn every_key_is_read() {
        let script = Script::read(
            "0s down rate=1.5Mbit queue=64kB delay=20ms jitter=500us loss=0.5% burst=1%:20%:80% duplicate=2% reorder=3%",
        );
        let script = script.unwrap();
        let expected = LinkProfile {
            rate: Some(Bitrate(1_500_000)),
            queue: QueueLimit::Bytes(64_000),
            delay: Duration::from_millis(20),
            jitter: Duration::from_micros(500),
            loss: PerMille(5),
            bursts: Some(Bursts {
                begin: PerMille(10),
                end: PerMille(200),
                loss: PerMille(800),
            }),
            duplication: PerMille(20),
            reordering: PerMille(30),
        };
        assert_eq!(script.down, Schedule::constant(expected));
        assert_eq!(script.up, Schedule::constant(LinkProfile::IDEAL));
    }

    #[test]
    fn a_line_changes_what_it_names_and_nothing_else() {
        let text = "0s both delay=20ms\n5s down loss=10% # worse\n\n6s up rate=64kbit\n8s down delay=1s loss=0%\n";
        let script = Script::read(text).unwrap();
        let down = |seconds| script.down.span(Duration::from_secs(seconds)).profile;
        assert_eq!(down(0), LinkProfile::CLEAN);
        assert_eq!(down(5), LinkProfile::losing(PerMille(100)));
        let last = LinkProfile {
            delay: Duration::from_secs(1),
            ..LinkProfile::IDEAL
        };
        assert_eq!(down(8), last);
        assert_eq!(
            script.up.span(Duration::from_secs(5)).profile,
            LinkProfile::CLEAN
        );
    }

    #[test]
    fn none_takes_a_bottleneck_or_bursts_away() {
        let text = "0s up rate=64kbit burst=1%:10%\n1s up rate=none burst=none";
        let up = Script::read(text).unwrap().up;
        assert_eq!(up.span(Duration::from_secs(1)).profile, LinkProfile::IDEAL);
    }

    #[test]
    fn a_loop_begins_again_in_both_directions() {
        let script = Script::read("0s both loss=1%\n10s up loss=2%\n20s loop").unwrap();
        for schedule in [&script.up, &script.down] {
            let again = schedule.span(Duration::from_secs(20)).profile;
            assert_eq!(again.loss, PerMille(10));
        }
    }

    #[test]
    fn a_fault_names_its_line_and_what_to_write_instead() {
        for (text, expected) in [
            (
                "0 up",
                "line 1: `0`: write a time such as 500ms, 1.5s or 2m, up to a day",
            ),
            (
                "\n0s left",
                "line 2: `left`: write up, down, both or loop behind the time",
            ),
            (
                "0s up rate",
                "line 1: `rate`: write rate, queue, delay, jitter, loss, burst, duplicate or reorder with = and a value",
            ),
            (
                "0s up rate=2Mbps",
                "line 1: `2Mbps`: write a rate from 1kbit to 10Gbit, such as 300kbit or 2Mbit, or none",
            ),
            (
                "0s up loss=1",
                "line 1: `1`: write a share from 0% to 100% in steps of 0.1%",
            ),
            (
                "0s up loss=0.05%",
                "line 1: `0.05%`: write a share from 0% to 100% in steps of 0.1%",
            ),
            (
                "0s up loss=101%",
                "line 1: `101%`: write a share from 0% to 100% in steps of 0.1%",
            ),
            (
                "0s up queue=9",
                "line 1: `9`: write a time up to 10s, or bytes up to 125MB, such as 200ms or 64kB",
            ),
            (
                "0s up delay=11s",
                "line 1: `11s`: write a time up to 10s, such as 20ms",
            ),
            (
                "0s up burst=1%",
                "line 1: `1%`: write how often a burst begins, ends and loses, such as 0.5%:10% or 0.5%:10%:80%, or none",
            ),
            (
                "2s up\n1s up",
                "line 2: its time is before that of the line above",
            ),
            ("1s loop\n1s up", "line 2: nothing may follow a loop"),
            ("0s loop", "line 1: a loop comes later than the line above"),
        ] {
            assert_eq!(fault_of(text), expected);
        }
    }

    #[test]
    fn a_script_has_a_most_length_and_a_most_number_of_lines() {
        let too_long = "is longer than a script may be: 1000 lines, 65536 bytes";
        assert!(fault_of(&"#".repeat(MAX_SCRIPT_BYTES + 1)).ends_with(too_long));
        assert!(fault_of(&"0s up\n".repeat(MAX_LINES + 1)).ends_with(too_long));
        assert!(Script::read(&"0s up\n".repeat(MAX_LINES)).is_ok());
    }

    #[test]
    fn a_long_word_is_cut_where_it_is_told() {
        let fault = fault_of(&"ä".repeat(1_000));
        assert!(fault.len() < 200, "{fault}");
    }
}
