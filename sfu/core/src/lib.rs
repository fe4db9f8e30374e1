//! One shard of the media plane as a state machine.
