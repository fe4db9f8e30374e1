use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::unix::AsyncFd;

/// A timer as precise as the kernel's; tokio's own count in milliseconds.
#[derive(Debug)]
pub(super) struct Timer {
    timer: TimerFd,
    /// Another handle of the same timer.
    ready: AsyncFd<OwnedFd>,
    due: Option<Instant>,
}

impl Timer {
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        #[expect(
            deprecated,
            reason = "sound here: an owned handle stays open for as long as it is registered"
        )]
        let ready = AsyncFd::new(timer.as_fd().try_clone_to_owned()?)?;
        Ok(Self {
            timer,
            ready,
            due: None,
        })
    }

    /// Arms it for a time, or not at all.
    pub(super) fn set(&mut self, now: Instant, due: Option<Instant>) -> io::Result<()> {
        /// Zero would disarm it.
        const SOONEST: Duration = Duration::from_nanos(1);
        if self.due == due {
            return Ok(());
        }
        self.due = due;
        match due {
            None => self.timer.unset()?,
            Some(due) => {
                let left = due.saturating_duration_since(now).max(SOONEST);
                let expiration = Expiration::OneShot(TimeSpec::from_duration(left));
                self.timer.set(expiration, TimerSetTimeFlags::empty())?;
            }
        }
        Ok(())
    }

    /// Waits until it is due.
    pub(super) async fn fired(&mut self) -> io::Result<()> {
        let mut guard = self.ready.readable().await?;
        // It says how often it fired, or that it has been armed anew meanwhile.
        self.timer.wait().ok();
        guard.clear_ready();
        self.due = None;
        Ok(())
    }
}
