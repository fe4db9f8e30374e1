use thiserror::Error;

use crate::limits::{MAX_LINES, MAX_SCRIPT_BYTES};

/// A script that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {fault}")]
pub struct ScriptError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a line of a script.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// A word that is none of those that can stand there.
    #[error("`{word}`: write {instead}")]
    Word {
        /// The word, cut where it is long.
        word: String,
        /// What can stand there.
        instead: &'static str,
    },
    /// The times of lines do not increase.
    #[error("its time is before that of the line above")]
    Earlier,
    /// A loop of no time.
    #[error("a loop comes later than the line above")]
    EmptyLoop,
    /// A line that would never be reached.
    #[error("nothing may follow a loop")]
    AfterLoop,
    /// The script has too many lines or bytes.
    #[error("is longer than a script may be: {MAX_LINES} lines, {MAX_SCRIPT_BYTES} bytes")]
    TooLong,
}

impl Fault {
    /// Characters of a word that are told.
    const MOST_CHARACTERS: usize = 40;

    pub(super) fn at(self, line: usize) -> ScriptError {
        ScriptError { line, fault: self }
    }

    pub(super) fn word(word: &str, instead: &'static str) -> Self {
        let word = word.chars().take(Self::MOST_CHARACTERS).collect();
        Self::Word { word, instead }
    }

    pub(super) fn time(word: &str) -> Self {
        Self::word(word, "a time such as 500ms, 1.5s or 2m, up to a day")
    }

    pub(super) fn subject(word: &str) -> Self {
        Self::word(word, "up, down, both or loop behind the time")
    }

    pub(super) fn unknown(word: &str) -> Self {
        Self::word(
            word,
            "rate, queue, delay, jitter, loss, burst, duplicate or reorder with = and a value",
        )
    }
}
