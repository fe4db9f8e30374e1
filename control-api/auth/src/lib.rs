//! Access tokens, grants and API keys.
