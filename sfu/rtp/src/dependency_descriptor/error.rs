//! Why bytes are not a dependency descriptor.

use std::fmt;

/// Why bytes are not a dependency descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DescriptorError {
    /// It ends early.
    TooShort,
    /// More templates than there can be.
    TooMany,
    /// There is no structure, or none attached.
    NoStructure,
    /// The structure has no such template.
    NoTemplate,
    /// With what is to be said it would be longer than a header extension may be.
    TooLong,
}

impl fmt::Display for DescriptorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooShort => "dependency descriptor ends early",
            Self::TooMany => "dependency descriptor exceeds its bounds",
            Self::NoStructure => "dependency descriptor has no template structure",
            Self::NoTemplate => "dependency descriptor names an unknown template",
            Self::TooLong => "dependency descriptor has no room for active decode targets",
        })
    }
}

impl std::error::Error for DescriptorError {}
