//! The virtual world: shards, clients and lossy links under one virtual clock.
