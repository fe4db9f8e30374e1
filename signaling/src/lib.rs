//! The WebSocket and HTTP shell around sessions and rooms.
