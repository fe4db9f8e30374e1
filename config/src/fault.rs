use std::fmt;
use std::sync::Arc;

/// Where something was written: a file and line, or the name of a flag or variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, flag or variable.
    pub origin: Arc<str>,
    /// The line in it, from 1.
    pub line: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{} line {line}", self.origin),
            None => f.write_str(&self.origin),
        }
    }
}

/// Something that keeps the node from starting, in words for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// Where it was written, unless it is about something that is missing.
    pub place: Option<Place>,
    /// The key with its path, such as `rtc.tcp_port`. Empty: the text as a whole.
    pub key: String,
    /// The value as written, unless it is a secret or not a single value.
    pub value: Option<String>,
    /// What is wrong, to be read after key and value: "is no port number".
    pub problem: String,
    /// What to write instead, to be read after "; ".
    pub remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        match (self.key.as_str(), &self.value) {
            ("", _) => {}
            (key, None) => write!(f, "`{key}` ")?,
            (key, Some(value)) => write!(f, "`{key}: {value}` ")?,
        }
        write!(f, "{}; {}", self.problem, self.remedy)
    }
}

/// Something that the operator may not expect, though the node starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Where it was written, unless it is about something that is missing.
    pub place: Option<Place>,
    /// The key with its path.
    pub key: String,
    /// What follows from it, to be read after the key.
    pub consequence: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "`{}` {}", self.key, self.consequence)
    }
}

/// What was found while reading.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) faults: Vec<Fault>,
    pub(crate) warnings: Vec<Warning>,
    /// Every key that somebody asked for, with its path, present or not.
    pub(crate) known: Vec<String>,
    /// Keys that nobody asked for.
    pub(crate) unknown: Vec<Unknown>,
}

/// A key that nobody asked for.
#[derive(Debug)]
pub(crate) struct Unknown {
    pub(crate) place: Place,
    pub(crate) key: String,
    pub(crate) value: Option<String>,
}

impl Report {
    /// Turns unknown keys into faults. It comes last, because only then all known keys are known.
    pub(crate) fn name_unknown_keys(&mut self) {
        for Unknown { place, key, value } in std::mem::take(&mut self.unknown) {
            let remedy = match crate::suggestion::nearest(&key, &self.known) {
                Some(meant) => format!("write `{meant}`, or remove it"),
                None => "remove it".to_owned(),
            };
            self.faults.push(Fault {
                place: Some(place),
                key,
                value,
                problem: "is no key of this configuration".to_owned(),
                remedy,
            });
        }
        self.faults
            .sort_by_key(|fault| fault.place.as_ref().and_then(|place| place.line));
    }
}
