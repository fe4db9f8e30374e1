//! Twirp services.
