//! The version of a client's SDK.

use std::fmt;

/// The version of a client's SDK, read as leniently as LiveKit reads it: up to three numbers with
/// dots between them; what is missing or no number is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SdkVersion {
    /// Changes when it breaks.
    pub major: u32,
    /// Changes when it gains.
    pub minor: u32,
    /// Changes when it is fixed.
    pub patch: u32,
}

impl SdkVersion {
    /// Names a version.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// Reads `major.minor.patch`. A suffix such as `-rc1` or `+build` is left out.
    pub fn read(text: &str) -> Self {
        let core = text.split(['-', '+']).next().unwrap_or_default();
        let mut numbers = core.split('.').map(|part| part.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        Self::new(next(), next(), next())
    }
}

impl fmt::Display for SdkVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number_not_by_letter() {
        assert!(SdkVersion::read("1.10.0") > SdkVersion::read("1.6.3"));
        assert!(SdkVersion::read("2.0") > SdkVersion::read("1.99.99"));
    }

    #[test]
    fn what_is_no_number_counts_as_zero() {
        assert_eq!(SdkVersion::read(""), SdkVersion::new(0, 0, 0));
        assert_eq!(SdkVersion::read("v1.2"), SdkVersion::new(0, 2, 0));
        assert_eq!(SdkVersion::read("1.2.3-rc.4"), SdkVersion::new(1, 2, 3));
        assert_eq!(SdkVersion::read("99999999999.1"), SdkVersion::new(0, 1, 0));
    }
}
