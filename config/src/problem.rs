//! Why a single value cannot be read.

/// Why a value is not of its kind: what is wrong, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub(crate) problem: String,
    pub(crate) remedy: String,
}

impl Problem {
    /// Says what is wrong, to be read after key and value, and what to write instead.
    pub fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }
}

pub(crate) type Read<T> = Result<T, Problem>;
