//! How a command ends.

/// What a command comes to; a failure is in words for the operator.
pub(crate) type Outcome = Result<(), String>;
