//! The threads of a trial. Who is measured has one to himself; who floods has another, which gives way to it.

use std::future::Future;
use std::io;

use tokio::runtime::Builder;
use tokio::task::LocalSet;

/// How much lower the priority of a flood is than that of the process.
const COURTESY: i32 = 5;
/// The lowest priority there is.
const LOWEST: i32 = 19;

/// Runs a future and all that it spawns on this thread.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> io::Result<T> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    Ok(LocalSet::new().block_on(&runtime, future))
}

/// Lets this thread give way to others: a flood shall hurt the server, not those who measure it.
pub(crate) fn give_way() {
    use rustix::process::{getpriority_process, setpriority_process};
    use rustix::thread::gettid;
    let thread = Some(gettid());
    if let Ok(now) = getpriority_process(thread) {
        // Where it is refused, the figures are as good as the machine is quiet.
        setpriority_process(thread, (now + COURTESY).min(LOWEST)).ok();
    }
}
