use std::fmt;

/// Synchronisation source of an RTP stream (RFC 3550 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ssrc(pub u32);

/// RTP payload type, `0..=127` (RFC 3550 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayloadType(pub u8);

/// A short identifier held inline: at most [`Token::MAX`] bytes, so that packets can be matched
/// without allocation. Both header extension forms carry at most 16 bytes in the one-byte form
/// (RFC 8285 section 4.2).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token {
    bytes: [u8; Self::MAX],
    len: u8,
}

impl Token {
    /// Longest identifier in bytes.
    pub const MAX: usize = 16;

    /// Copies `text`.
    ///
    /// # Errors
    ///
    /// Fails when `text` is longer than [`Token::MAX`] bytes.
    pub fn new(text: &[u8]) -> Result<Self, TokenTooLong> {
        let len = u8::try_from(text.len()).map_err(|_| TokenTooLong)?;
        let mut bytes = [0; Self::MAX];
        bytes
            .get_mut(..text.len())
            .ok_or(TokenTooLong)?
            .copy_from_slice(text);
        Ok(Self { bytes, len })
    }

    /// Returns the bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Returns the text; identifiers that are not UTF-8 read as empty.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An identifier that exceeds [`Token::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenTooLong;

impl fmt::Display for TokenTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "identifier longer than {} bytes", Token::MAX)
    }
}

impl std::error::Error for TokenTooLong {}

/// Media section identification tag (RFC 9143).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mid(pub Token);

/// RTP stream identifier of one simulcast encoding (RFC 8852).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rid(pub Token);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bytes_fit_and_seventeen_do_not() {
        assert_eq!(Token::new(&[b'a'; 16]).unwrap().as_str(), "a".repeat(16));
        assert_eq!(Token::new(&[b'a'; 17]), Err(TokenTooLong));
    }
}
