//! What a command comes to.

/// A result, or why there is none; that is shown to the user as it is.
pub(crate) type Outcome<T> = Result<T, String>;
