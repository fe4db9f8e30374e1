use sfu_model::ApiKey;

use crate::{ApiSecret, Secret};

/// How many random bytes a key and its secret take: 16 for the key, 32 for the secret.
pub const KEY_RANDOM_BYTES: usize = 48;

/// LiveKit's alphabet for ids: letters and digits without those that look alike.
const BASE57: &[u8; 57] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Makes an API key (`API` and 12 characters) and a secret (44 letters and digits, 256 bits) from
/// random bytes.
pub fn generate_key(random: [u8; KEY_RANDOM_BYTES]) -> ApiSecret {
    let mut words = random.chunks_exact(16).map(|chunk| {
        let mut word = [0; 16];
        word.copy_from_slice(chunk);
        u128::from_be_bytes(word)
    });
    let mut next = || words.next().unwrap_or_default();
    let mut key = String::from("API");
    digits(next(), BASE57, 12, &mut key);
    let mut secret = String::new();
    digits(next(), BASE62, 22, &mut secret);
    digits(next(), BASE62, 22, &mut secret);
    ApiSecret {
        key: ApiKey::from(key),
        secret: Secret::from(secret),
    }
}

/// Appends `count` digits of `number`, the last first. A 128-bit number has many more values than
/// 12 digits of base 57, so each of them is as likely as the other for every purpose here; 22
/// digits of base 62 hold it whole.
fn digits(mut number: u128, alphabet: &[u8], count: usize, out: &mut String) {
    let base = alphabet.len() as u128;
    for _ in 0..count {
        let digit = usize::try_from(number % base).unwrap_or_default();
        out.extend(alphabet.get(digit).map(|&byte| char::from(byte)));
        number /= base;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_looks_like_livekits_and_a_secret_is_long_enough() {
        let made = generate_key([0xa7; KEY_RANDOM_BYTES]);
        assert_eq!(made.key.as_str().len(), 15);
        assert!(made.key.as_str().starts_with("API"));
        assert_eq!(made.secret.expose().len(), 44);
        assert!(
            made.secret
                .expose()
                .bytes()
                .all(|b| b.is_ascii_alphanumeric())
        );
    }

    #[test]
    fn every_random_byte_changes_the_outcome() {
        let plain = generate_key([0; KEY_RANDOM_BYTES]);
        for index in 4..KEY_RANDOM_BYTES {
            let mut random = [0; KEY_RANDOM_BYTES];
            random[index] = 1;
            assert_ne!(generate_key(random), plain, "byte {index}");
        }
    }
}
