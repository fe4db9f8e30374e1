//! When the process is to end, and that it does.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, oneshot};
use tokio::time::sleep;

/// Waits for signals, on a thread of its own: whatever else stands still, the process ends.
///
/// Returns what does as the first signal does, and what hears of it. From then on the process has `deadline` to end by itself;
/// after that, or with a second signal, it is ended.
pub(crate) fn listen(deadline: Duration) -> io::Result<(Stop, oneshot::Receiver<()>)> {
    let stop = Stop::default();
    let by_itself = Arc::clone(&stop.0);
    let (tell, told) = oneshot::channel();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _entered = runtime.enter();
        Signals::new()?
    };
    let wait = async move {
        tokio::select! {
            () = signals.next() => {}
            () = by_itself.notified() => {}
        }
        // If nobody hears of it, the process ends already.
        tell.send(()).ok();
        end(deadline, signals.next()).await
    };
    thread::Builder::new()
        .name("stop".to_owned())
        .spawn(move || {
            let code = runtime.block_on(wait);
            std::process::exit(code)
        })?;
    Ok((stop, told))
}

/// Tells the process to end, as the first signal does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<Notify>);

impl Stop {
    pub(crate) fn tell(&self) {
        self.0.notify_one();
    }
}

/// Waits until the process has had its time, or `again` says that it shall end at once. Returns its
/// exit code.
async fn end(deadline: Duration, again: impl Future<Output = ()>) -> i32 {
    tokio::select! {
        () = sleep(deadline) => {
            tracing::error!(
                seconds = deadline.as_secs(),
                "The node did not end in time (shutdown_timeout); something stands still, and it is ended"
            );
            1
        }
        () = again => {
            tracing::warn!("Stopped at once");
            0
        }
    }
}

/// The signals that tell the node to stop.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    quit: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    /// Returns when one has come.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.quit.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_node_that_does_not_end_is_ended_with_an_error() {
        let deadline = Duration::from_secs(25);
        let begun = tokio::time::Instant::now();
        assert_eq!(end(deadline, pending()).await, 1);
        assert_eq!(begun.elapsed(), deadline);
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_signal_ends_it_at_once() {
        assert_eq!(end(Duration::from_secs(25), async {}).await, 0);
    }
}
