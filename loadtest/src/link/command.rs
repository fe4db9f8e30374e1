use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::select;
use tokio::signal::unix::{self, SignalKind};
use tokio::time::{Instant, sleep_until};

use super::namespace::Namespace;
use crate::outcome::Outcome;

/// The signals that end a link. While they are watched they end nothing by themselves.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
    hang_up: unix::Signal,
    child: unix::Signal,
}

/// What a signal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// It is time to end.
    End,
    /// The command may have ended.
    Child,
}

impl Signals {
    pub(super) fn new() -> Outcome<Self> {
        let watch = |kind| unix::signal(kind).map_err(|error| format!("no signals: {error}"));
        Ok(Self {
            interrupt: watch(SignalKind::interrupt())?,
            terminate: watch(SignalKind::terminate())?,
            hang_up: watch(SignalKind::hangup())?,
            child: watch(SignalKind::child())?,
        })
    }

    async fn next(&mut self) -> Said {
        select! {
            _ = self.interrupt.recv() => Said::End,
            _ = self.terminate.recv() => Said::End,
            _ = self.hang_up.recv() => Said::End,
            _ = self.child.recv() => Said::Child,
        }
    }
}

/// What a link lasts for: a command in its far namespace, a time, or until a signal comes. A command that still runs is
/// killed when this is dropped.
#[derive(Debug)]
pub(super) struct Until {
    command: Option<Running>,
    end: Option<Instant>,
    signals: Signals,
}

#[derive(Debug)]
struct Running {
    child: Child,
    /// Whether it was asked to end; the next time it is killed.
    is_asked: bool,
}

impl Until {
    /// Starts the command in the namespace, if there is one.
    pub(super) fn new(
        command: &[OsString],
        far: &Namespace,
        end: Option<Instant>,
        signals: Signals,
    ) -> Outcome<Self> {
        let command = match command.is_empty() {
            true => None,
            false => Some(Running::start(command, far)?),
        };
        Ok(Self {
            command,
            end,
            signals,
        })
    }

    /// Waits for the end and returns the exit status.
    pub(super) async fn ended(mut self) -> Outcome<u8> {
        loop {
            let said = select! {
                said = self.signals.next() => said,
                () = at(self.end) => Said::End,
            };
            if said == Said::End {
                self.end = Some(Instant::now());
            }
            let Some(command) = &mut self.command else {
                match said {
                    Said::End => return Ok(0),
                    // What set the ends up.
                    Said::Child => continue,
                }
            };
            if let Some(status) = command.status()? {
                return Ok(status);
            }
            let now = Instant::now();
            if self.end.is_some_and(|end| end <= now) {
                command.end();
                self.end = Some(now + Running::PATIENCE);
            }
        }
    }
}

impl Running {
    /// Time that a command has to end when it is asked to.
    const PATIENCE: Duration = Duration::from_secs(5);

    fn start(command: &[OsString], far: &Namespace) -> Outcome<Self> {
        let mut inside = Command::new("ip");
        inside
            .args(["netns", "exec"])
            .args(far.name())
            .args(command);
        let child = inside.spawn().map_err(|error| format!("ip: {error}"))?;
        Ok(Self {
            child,
            is_asked: false,
        })
    }

    /// Returns the exit status, once there is one.
    fn status(&mut self) -> Outcome<Option<u8>> {
        let status = self.child.try_wait();
        let status = status.map_err(|error| format!("the command: {error}"))?;
        Ok(status.map(exit_status))
    }

    /// Asks it to end, or kills it. It may have ended meanwhile.
    fn end(&mut self) {
        match i32::try_from(self.child.id()) {
            Ok(pid) if !self.is_asked => kill(Pid::from_raw(pid), Signal::SIGTERM).ok(),
            Ok(_) | Err(_) => self.child.kill().ok(),
        };
        self.is_asked = true;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended needs no end.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// The status of a shell whose command ended so.
fn exit_status(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
