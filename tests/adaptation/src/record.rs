//! What is seen of a case while it runs.

use std::time::Duration;

use sfu_sim::{Reception, Trace};

/// Time from one sample to the next.
pub(crate) const INTERVAL: Duration = Duration::from_millis(100);

/// All that is seen of a case.
#[derive(Clone, Debug)]
pub struct Record {
    /// What each tenth of a second came to.
    pub samples: Vec<Sample>,
    /// How long each datagram of the call waited in the queue, by when it came, in milliseconds.
    pub waits: Vec<(Duration, f64)>,
    /// What everything was taken down as.
    pub trace: Trace,
}

/// A tenth of a second.
#[derive(Clone, Debug)]
pub struct Sample {
    /// When it ended.
    pub at: Duration,
    /// What the way down carried by then, in bits per second; infinite without a bound.
    pub capacity: f64,
    /// Longest wait in the queue, in milliseconds.
    pub queue: f64,
    /// Datagrams of the call that came to the link, and those for which there was no room.
    pub datagrams: u64,
    /// See `datagrams`.
    pub no_room: u64,
    /// What was seen by each viewer.
    pub viewers: Vec<Seen>,
}

/// A tenth of a second of one viewer.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Whether they have joined and look at cameras.
    pub looks: bool,
    /// The estimate in bits per second.
    pub estimate: f64,
    /// What came to the link, in bits per second.
    pub sent: f64,
    /// What passed it, in bits per second.
    pub passed: f64,
    /// Of each camera, the layer that is shown.
    pub layers: Vec<Option<u8>>,
    /// Of each camera, changes of that so far.
    pub changes: Vec<u64>,
    /// Of each camera, how long it stood still so far, and how often.
    pub frozen: Vec<(Duration, u64)>,
    /// Packets of sound that were played so far, and those that were made up.
    pub sound: (u64, u64),
    /// What no honest server does.
    pub faults: usize,
}

impl Seen {
    /// Adds what a receiver has of a camera.
    pub(crate) fn add_camera(&mut self, reception: &Reception, frozen: Duration) {
        let shown = &reception.shown;
        self.layers.push(shown.layer);
        self.changes.push(shown.layer_changes);
        self.frozen.push((frozen, shown.freezes));
        self.faults += reception.faults.len();
    }
}
