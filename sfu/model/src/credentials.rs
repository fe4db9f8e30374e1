use std::fmt;
use std::str::FromStr;

use crate::ShardIndex;

/// One side's ICE user name fragment and password (RFC 8839 section 5.4).
#[derive(Clone, PartialEq, Eq)]
pub struct IceCredentials {
    /// `a=ice-ufrag`.
    pub ufrag: String,
    /// `a=ice-pwd`.
    pub pwd: String,
}

impl IceCredentials {
    /// The 64 characters of ICE credentials (`ice-char`, RFC 8839 section 5.4): six random bits pick
    /// one without bias.
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    /// Makes credentials for a peer on `shard` from random bytes: a ufrag of 12 characters (60 random
    /// bits, behind two that name the shard) and a password of 24 (144 bits).
    pub fn generate(shard: ShardIndex, random: [u8; 34]) -> Self {
        let mut characters = random.iter().map(|byte| Self::character(u16::from(*byte)));
        let prefix = [shard.0 >> 6, shard.0].map(Self::character);
        Self {
            ufrag: prefix
                .into_iter()
                .chain(characters.by_ref().take(10))
                .collect(),
            pwd: characters.collect(),
        }
    }

    /// Returns the shard that a ufrag of [`IceCredentials::generate`] names: what reaches a port
    /// that shards share is handed to it.
    pub fn shard_of(ufrag: &str) -> Option<ShardIndex> {
        let mut digits = ufrag.bytes().take(2).map(|byte| {
            let digit = Self::ALPHABET.iter().position(|c| *c == byte)?;
            u16::try_from(digit).ok()
        });
        let (high, low) = (digits.next()??, digits.next()??);
        Some(ShardIndex(high << 6 | low))
    }

    fn character(value: u16) -> char {
        let index = usize::from(value & 63);
        Self::ALPHABET
            .get(index)
            .map_or('A', |byte| char::from(*byte))
    }
}

impl fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceCredentials")
            .field("ufrag", &self.ufrag)
            .finish_non_exhaustive()
    }
}

/// SHA-256 fingerprint of a DTLS certificate (RFC 8122 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    /// Writes `AB:CD:…`, the value of `a=fingerprint:sha-256`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            let colon = if i == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    /// Parses `AB:CD:…` in any case.
    fn from_str(text: &str) -> Result<Self, InvalidFingerprint> {
        let mut bytes = [0; 32];
        let mut pairs = text.split(':');
        for byte in &mut bytes {
            let pair = pairs.next().ok_or(InvalidFingerprint)?;
            if pair.len() != 2 {
                return Err(InvalidFingerprint);
            }
            *byte = u8::from_str_radix(pair, 16).map_err(|_| InvalidFingerprint)?;
        }
        match pairs.next() {
            None => Ok(Self(bytes)),
            Some(_) => Err(InvalidFingerprint),
        }
    }
}

/// A fingerprint that is not 32 pairs of hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidFingerprint;

impl fmt::Display for InvalidFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a SHA-256 fingerprint is 32 pairs of hexadecimal digits with colons between")
    }
}

impl std::error::Error for InvalidFingerprint {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ufrag_names_its_shard() {
        let credentials = IceCredentials::generate(ShardIndex(130), [7; 34]);
        assert_eq!((credentials.ufrag.len(), credentials.pwd.len()), (12, 24));
        let shard = IceCredentials::shard_of(&credentials.ufrag);
        assert_eq!(shard, Some(ShardIndex(130)));
    }

    #[test]
    fn a_foreign_ufrag_names_no_shard() {
        assert_eq!(IceCredentials::shard_of("-x"), None);
        assert_eq!(IceCredentials::shard_of("A"), None);
    }

    #[test]
    fn a_fingerprint_reads_back_what_it_writes() {
        let fingerprint = Fingerprint(std::array::from_fn(|i| u8::try_from(i * 7).unwrap_or(0)));
        assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
    }

    #[test]
    fn a_fingerprint_of_another_length_is_refused() {
        assert_eq!("AB:CD".parse::<Fingerprint>(), Err(InvalidFingerprint));
        assert_eq!(
            "00:".repeat(33).parse::<Fingerprint>(),
            Err(InvalidFingerprint)
        );
    }
}
