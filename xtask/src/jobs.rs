//! Commands that run beside one another, as many at a time as a small machine has cores.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use crate::step::{Failed, root, target};

/// How many run at a time: most tests wait for a client more than they compute.
const AT_ONCE: usize = 2;

/// A command that runs beside others.
pub(crate) struct Job {
    name: &'static str,
    command: Command,
}

impl Job {
    /// Names a command; its output goes to `target/jobs/NAME.log`.
    pub(crate) fn new(name: &'static str, command: Command) -> Self {
        Self { name, command }
    }

    /// Runs the command and tells how it went; what it wrote only if it failed.
    fn run(mut self) -> Result<(), Failed> {
        let log = target().join("jobs").join(format!("{}.log", self.name));
        let begun = Instant::now();
        println!("begun    {:12} {:?}", self.name, self.command);
        let ended = self.wait(&log);
        let seconds = begun.elapsed().as_secs();
        if ended.as_ref().is_ok_and(ExitStatus::success) {
            println!("passed   {:12} {seconds:4} s", self.name);
            return Ok(());
        }
        let written = fs::read(&log).unwrap_or_default();
        let why = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
        println!("{}", String::from_utf8_lossy(&written));
        println!("FAILED   {:12} {seconds:4} s  {why}", self.name);
        Err(Failed(format!("{} ({})", self.name, log.display())))
    }

    fn wait(&mut self, log: &PathBuf) -> std::io::Result<ExitStatus> {
        fs::create_dir_all(target().join("jobs"))?;
        let output = File::create(log)?;
        self.command.stderr(output.try_clone()?).stdout(output);
        self.command.current_dir(root()).status()
    }
}

/// Runs all jobs, in their order as far as one is free, and fails with the names of those that did.
pub(crate) fn side_by_side(jobs: Vec<Job>) -> Result<(), Failed> {
    let waiting = Mutex::new(VecDeque::from(jobs));
    let next = || {
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.pop_front()
    };
    let work = || {
        let mut failed = Vec::new();
        while let Some(job) = next() {
            failed.extend(job.run().err().map(|Failed(what)| what));
        }
        failed
    };
    let failed = thread::scope(|scope| {
        let workers = [(); AT_ONCE].map(|()| scope.spawn(work));
        let failed = workers.map(|worker| {
            let panicked = |_| vec!["a job panicked".to_owned()];
            worker.join().unwrap_or_else(panicked)
        });
        failed.concat()
    });
    match failed.is_empty() {
        true => Ok(()),
        false => Err(Failed(failed.join(", "))),
    }
}
