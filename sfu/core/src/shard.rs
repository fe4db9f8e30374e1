use std::time::Duration;

use sfu_model::{Command, Event, Now, Path};

use crate::{Counters, Deadline, Transmit};

/// What all peers of a shard share. Values are LiveKit's defaults unless said otherwise.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    /// Least time between two requests for a key frame, per spatial layer.
    pub key_frame_interval: [Duration; 3],
}

/// Peers, publications and subscriptions of one thread.
#[derive(Debug)]
pub struct Shard {
    counters: Counters,
}

impl Shard {
    /// Makes an empty shard. `seed` is fresh randomness: ids on the wire and keys derive from it.
    pub fn new(config: ShardConfig, seed: [u8; 32]) -> Self {
        let (_, _) = (config, seed);
        Self {
            counters: Counters::default(),
        }
    }

    /// Takes a datagram that came by `path`. It is decrypted in place.
    pub fn handle_datagram(&mut self, now: Now, path: Path, datagram: &mut [u8]) {
        let (_, _) = (now, path);
        self.counters.datagrams_in += 1;
        self.counters.bytes_in += u64::try_from(datagram.len()).unwrap_or(0);
    }

    /// Forgets `path`: its TCP connection has ended.
    pub fn handle_path_closed(&mut self, now: Now, path: Path) {
        let (_, _, _) = (now, path, &mut self.counters);
    }

    /// Does what the control plane asks.
    pub fn handle_command(&mut self, now: Now, command: Command) {
        let (_, _, _) = (now, command, &mut self.counters);
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Now) {
        let (_, _) = (now, &mut self.counters);
    }

    /// Writes the next datagrams for one destination into `buf`, replacing what it held (the
    /// buffer itself may be exchanged for another). `None`: nothing is left to send.
    pub fn poll_transmit(&mut self, now: Now, buf: &mut Vec<u8>) -> Option<Transmit> {
        let (_, _) = (now, &mut self.counters);
        buf.clear();
        None
    }

    /// Reports whether so much waits to be sent that it should be drained before more is handled.
    pub fn is_backlogged(&self) -> bool {
        false
    }

    /// Returns the next event for the control plane.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// Returns when [`Shard::handle_timeout`] must be called next.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        None
    }

    /// Returns what was counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}
