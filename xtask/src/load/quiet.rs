//! Waiting for a machine that has nothing else to do.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

const LOOK: Duration = Duration::from_secs(1);

/// Looks before a measurement begins all the same.
const PATIENCE: usize = 60;

/// Share of the machine's time that may go elsewhere.
const NOISE: f64 = 0.05;

/// Waits until the processors rest: a server that a load was too much for may go on for a while, and
/// whoever is measured next would pay for it. After a minute it says so and returns.
#[expect(clippy::disallowed_methods, reason = "there is nothing else to do")]
pub(super) fn wait_for_quiet() {
    let mut busy = 0.0;
    for _ in 0..PATIENCE {
        let Some(before) = Ticks::now() else { return };
        sleep(LOOK);
        let Some(after) = Ticks::now() else { return };
        busy = after.busy_since(&before);
        if busy <= NOISE {
            return;
        }
    }
    println!(
        "\nThe machine is {:.0} % busy: what follows is disturbed.",
        busy * 100.0
    );
}

/// Time of all processors since the machine started, in clock ticks (`proc_stat(5)`).
struct Ticks {
    total: u64,
    idle: u64,
}

impl Ticks {
    /// Reads them; `None` where there is no `/proc`.
    fn now() -> Option<Self> {
        let text = fs::read_to_string("/proc/stat").ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
        // user, nice, system, idle, iowait, irq, softirq, steal; guest time is part of user's.
        let fields = line.split_ascii_whitespace().take(8);
        let fields: Vec<u64> = fields.filter_map(|field| field.parse().ok()).collect();
        Some(Self {
            total: fields.iter().sum(),
            idle: fields.get(3)? + fields.get(4)?,
        })
    }

    fn busy_since(&self, before: &Self) -> f64 {
        let total = self.total.saturating_sub(before.total).max(1);
        let idle = self.idle.saturating_sub(before.idle);
        1.0 - idle as f64 / total as f64
    }
}
