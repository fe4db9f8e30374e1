//! Fields that came from outside.

/// Most bytes of a field whose limit the operator has taken away.
const MOST: usize = 512 << 10;

/// Which field is wrong, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The field, as the caller wrote it.
    pub field: String,
    /// What is wrong with it, and what to write instead.
    pub message: String,
}

impl FieldError {
    pub(crate) fn new(field: &str, message: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            message: message.into(),
        }
    }
}

/// Checks a name, which is not empty and has at most `max` bytes (0: no limit of the operator's).
pub(crate) fn name<'a>(field: &str, written: &'a str, max: usize) -> Result<&'a str, FieldError> {
    match written.is_empty() {
        true => Err(FieldError::new(field, "it is missing or empty")),
        false => within(field, written, max).map(|()| written),
    }
}

/// Checks a text of at most `max` bytes (0: no limit of the operator's).
pub(crate) fn text_of(field: &str, written: String, max: usize) -> Result<String, FieldError> {
    within(field, &written, max)?;
    Ok(written)
}

fn within(field: &str, written: &str, max: usize) -> Result<(), FieldError> {
    let max = if max == 0 { MOST } else { max.min(MOST) };
    if written.len() > max {
        return Err(FieldError::new(
            field,
            format!("it is longer than {max} bytes"),
        ));
    }
    match written.contains('\0') {
        true => Err(FieldError::new(field, "it has a NUL character")),
        false => Ok(()),
    }
}
