//! Tokens for an app's users: the endpoint that LiveKit's `TokenSource` asks, and the full form for the app's backend.

mod counts;
mod endpoint;
mod issue;
mod jwks;
mod rates;
mod request;
mod session;

pub use counts::TokenCounts;
pub use endpoint::{TokenEndpoint, TokenEndpointParts, token_routes};
pub(crate) use issue::LONGEST;
pub use issue::{TokenFields, claims_of};
pub use jwks::KeySet;
pub use rates::TokenRates;
pub use session::{Session, SignedBy};
