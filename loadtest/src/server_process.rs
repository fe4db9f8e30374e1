use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The server's process on this machine, read from `/proc`.
#[derive(Clone, Debug)]
pub(crate) struct ServerProcess {
    proc: PathBuf,
}

/// What a process had used at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) at: Instant,
    /// Time that its threads were running.
    pub(crate) cpu: Duration,
    /// Resident memory in bytes.
    pub(crate) rss: u64,
    /// Open file handles.
    pub(crate) files: u64,
}

impl ServerProcess {
    /// Takes a process of this machine.
    pub(crate) fn new(pid: u32) -> Result<Self, String> {
        let proc = PathBuf::from(format!("/proc/{pid}"));
        match proc.join("task").is_dir() {
            true => Ok(Self { proc }),
            false => Err(format!("--server-pid {pid}: there is no such process here")),
        }
    }

    /// Reads what it has used. `None` once it is gone.
    pub(crate) fn usage(&self) -> Option<Usage> {
        Some(Usage {
            at: Instant::now(),
            cpu: self.cpu()?,
            rss: self.status("VmRSS:")? * 1_024,
            files: fs::read_dir(self.proc.join("fd")).ok()?.count() as u64,
        })
    }

    /// Sums the threads' times on a CPU, in nanoseconds (`sched(7)`: the first figure of `schedstat`).
    fn cpu(&self) -> Option<Duration> {
        let tasks = fs::read_dir(self.proc.join("task")).ok()?;
        let nanos = tasks.flatten().filter_map(|task| {
            // A thread may end between the two.
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        Some(Duration::from_nanos(nanos.sum()))
    }

    fn status(&self, field: &str) -> Option<u64> {
        let status = fs::read_to_string(self.proc.join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        line.trim().trim_end_matches(" kB").trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_uses_cpu_memory_and_files() {
        let process = ServerProcess::new(std::process::id()).unwrap();
        let before = process.usage().unwrap();
        let mut usage = before;
        // Threads of other tests that end take their time with them.
        while usage.cpu <= before.cpu {
            usage = process.usage().unwrap();
        }
        assert!(usage.cpu > before.cpu && usage.rss > 0 && usage.files > 0);
    }

    #[test]
    fn a_process_that_is_not_there_is_named() {
        assert!(
            ServerProcess::new(u32::MAX)
                .unwrap_err()
                .contains("4294967295")
        );
    }
}
