//! A room's source of ids and credentials.

use std::fmt;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sfu_model::{IceCredentials, ShardIndex};

/// The room's source of ids and credentials: a generator that only its seed determines.
pub(crate) struct Entropy {
    rng: ChaCha20Rng,
}

impl fmt::Debug for Entropy {
    /// Shows nothing: the state foretells credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entropy").finish_non_exhaustive()
    }
}

impl Entropy {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self {
            rng: ChaCha20Rng::from_seed(seed),
        }
    }

    /// Returns credentials for a transport on `shard`.
    pub(crate) fn ice(&mut self, shard: ShardIndex) -> IceCredentials {
        IceCredentials::generate(shard, self.bytes())
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.rng.next_u64()
    }
}
