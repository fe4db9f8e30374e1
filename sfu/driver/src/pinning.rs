//! Cores of media threads.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Cores that threads of this process may run on, lowest first.
#[derive(Clone, Debug)]
pub(crate) struct Cores(Vec<usize>);

impl Cores {
    /// Returns the cores that the calling thread may run on; none where that cannot be known.
    pub(crate) fn allowed() -> Self {
        let allowed = sched_getaffinity(None).ok();
        let allowed = allowed.iter().flat_map(|set| {
            let cores = 0..CpuSet::MAX_CPU;
            cores.filter(|core| set.is_set(*core))
        });
        Self(allowed.collect())
    }

    /// Binds the calling thread, number `thread` of `threads`, to a core of its own. Where there are
    /// fewer cores than threads, the system places them better.
    pub(crate) fn pin(&self, thread: usize, threads: usize) -> io::Result<()> {
        let Some(core) = self.0.get(thread).filter(|_| threads <= self.0.len()) else {
            return Ok(());
        };
        let mut set = CpuSet::new();
        set.set(*core);
        Ok(sched_setaffinity(None, &set)?)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_thread_gets_a_core_of_its_own_where_there_are_enough() {
        let cores = Cores::allowed();
        let last = cores.0.len() - 1;
        let pinned = thread::scope(|scope| {
            let pinned = scope.spawn(|| {
                cores.pin(last, cores.0.len()).unwrap();
                Cores::allowed().0
            });
            pinned.join().unwrap()
        });
        assert_eq!(pinned, [cores.0[last]]);
    }

    #[test]
    fn threads_beyond_the_cores_are_left_to_the_system() {
        let cores = Cores::allowed();
        cores.pin(0, cores.0.len() + 1).unwrap();
        assert_eq!(Cores::allowed().0, cores.0);
    }
}
