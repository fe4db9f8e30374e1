//! A network link as a pure model: what becomes of each packet that is sent over it, and when it arrives.
//!
//! One model for the virtual world (`sfu-sim`) and for packets of a real kernel (`loadtest link`), so that what was seen
//! in one can be tried in the other. A link holds no packets: whoever drives it keeps each
//! until it arrives, in [`InFlight`].
//!
//! - [`Link`] is one direction: a bottleneck with a drop-tail queue, then loss, delay, jitter, duplication, reordering;
//! - [`LinkProfile`] says how it treats packets, a [`Schedule`] how that changes with time;
//! - a [`Script`] is a schedule for each direction, as a user writes it;
//! - [`Tcp`] is what others send over it.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use sfu_link::{Fate, Link, Random, Script, Seed};
//!
//! let script = Script::read("0s both delay=20ms\n0s down rate=1Mbit queue=100ms\n10s down rate=300kbit\n").unwrap();
//! let begin = Instant::now();
//! let mut down = Link::scripted(script.down, begin, Random::new(Seed(1), 0));
//! let Fate::Arrives { first, .. } = down.carry(begin, 1_250) else { unreachable!() };
//! assert_eq!(first, begin + Duration::from_millis(10 + 20));
//! ```

mod bottleneck;
mod in_flight;
mod limits;
mod link;
mod profile;
mod random;
mod schedule;
mod script;
mod tcp;

pub use in_flight::InFlight;
pub use limits::{MAX_LINES, MAX_SCRIPT_BYTES, MAX_WAIT};
pub use link::{Fate, Link};
pub use profile::{Bursts, LinkProfile, QueueLimit};
pub use random::{PerMille, Random, Seed};
pub use schedule::{Schedule, Span};
pub use script::{Fault, Script, ScriptError};
pub use tcp::Tcp;
