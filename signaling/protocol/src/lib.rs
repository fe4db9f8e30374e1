//! LiveKit's messages to and from the model.
