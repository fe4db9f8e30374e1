//! How much the threads of the media plane take, hold and wait.

use std::time::Duration;

/// How long a shard's thread may take for one turn before it counts as standing still. Turns take a
/// few milliseconds at most, and an idle thread comes round once a second.
pub(crate) const STANDSTILL: Duration = Duration::from_secs(3);

/// Commands of one room that may wait in the mailbox of one shard: a join of twenty with all that they
/// send each other, and at 20 us each 5 ms for those of other rooms behind them. The room waits.
pub(crate) const LANE_COMMANDS: usize = 256;

/// Connections of strangers that may wait in the mailbox of one shard; those behind them are closed.
pub(crate) const WAITING_CONNECTIONS: usize = 1024;

/// Time for commands, before packets have their turn.
pub(crate) const COMMAND_SLICE: Duration = Duration::from_micros(200);

/// Time for data messages, after packets had their turn.
pub(crate) const DATA_SLICE: Duration = Duration::from_micros(200);

/// Datagrams taken from a socket before everything else has its turn.
pub(crate) const RECEIVE_TURN: usize = 256;

/// Packets taken from a connection before others have their turn.
pub(crate) const LINK_TURN: usize = 64;

/// The same from one that may be a stranger's.
pub(crate) const UNPROVEN_LINK_TURN: usize = 4;

/// Bytes that may wait for a connection that does not take them: a second of a picture of 2 Mbit/s. Packets beyond are
/// dropped, as a full path drops them.
pub(crate) const LINK_BYTES: usize = 256 << 10;

/// Capacity that the empty buffer of a connection keeps.
pub(crate) const KEPT_BUFFER: usize = 16 << 10;

/// Connections accepted before those that wait to be known have their turn.
pub(crate) const ACCEPT_TURN: usize = 64;

/// Pause after the system refused a connection: it is out of file handles, mostly.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Bounds of what strangers may hold open by ICE-TCP.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TcpLimits {
    /// Connections that have not yet said what they want. The oldest gives way to a further one: a
    /// client says it at once.
    pub(crate) pending: usize,
    /// Connections on which a shard has not yet sent anything: it answers only valid checks. The
    /// oldest gives way to a further one.
    pub(crate) unproven: usize,
    /// Time for each of these two steps.
    pub(crate) step: Duration,
    /// Time in which the peer must take something. Checks and their answers go on even where no
    /// media flows.
    pub(crate) idle: Duration,
}

impl Default for TcpLimits {
    fn default() -> Self {
        Self {
            pending: 512,
            unproven: 512,
            step: Duration::from_secs(10),
            idle: Duration::from_secs(60),
        }
    }
}
