//! Access tokens, grants and API keys, as LiveKit's server SDKs write them.
//!
//! A token is a JWT, signed with HS256 by the secret of an API key. Its issuer names the key, its
//! subject the participant, and its other claims say what the holder may do. This crate checks and
//! signs tokens and answers "may the holder do this?". It never reads a clock, a file or the
//! environment: time, random bytes and keys are parameters.
//!
//! ```
//! use auth::{Claims, Keys, Secret, VideoGrant, sign, verify};
//! use sfu_model::UnixTime;
//! use std::time::Duration;
//!
//! let keys = Keys::new([("devkey".into(), Secret::from("secret"))]).unwrap();
//! let now = UnixTime(Duration::from_secs(1_700_000_000));
//! let mut claims = Claims::of("alice".into());
//! claims.video = Some(VideoGrant::to_join("lobby"));
//!
//! let token = sign(&claims, keys.first(), now, Duration::from_secs(3600));
//! let verified = verify(&token, &keys, now).unwrap();
//! assert_eq!(verified.claims.identity.as_str(), "alice");
//! assert_eq!(verified.claims.room_to_join().unwrap().as_str(), "lobby");
//! ```

mod bearer;
mod claims;
mod generate;
mod grant;
mod keys;
mod mark;
mod source;
mod token;

pub use bearer::token_of_request;
pub use claims::{Claims, ParticipantKind, SipGrant, SluiceGrant};
pub use generate::{KEY_RANDOM_BYTES, generate_key};
pub use grant::{PermissionDenied, VideoGrant};
pub use keys::{ApiSecret, InvalidKeys, Keys, Secret};
pub use mark::TokenMark;
pub use sfu_model::ApiKey;
pub use source::{SourceSet, TrackSource};
pub use token::{LEEWAY, MAX_TOKEN_BYTES, TokenError, Verified, sign, sign_again, sign_as, verify};
