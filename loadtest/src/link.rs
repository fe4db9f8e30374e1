//! `loadtest link`: a bad network between two namespaces of a real kernel, for whatever programs run there.
//!
//! Each namespace gets a TUN device; what the kernel sends into one comes out of the other, late, later or never, as the
//! model of `sfu-link` says, which is the one of the virtual world.

mod carrier;
mod command;
mod direction;
mod end;
mod ip;
mod namespace;
mod report;
mod tally;
mod timer;

use std::fs;
use std::time::{Duration, Instant};

use sfu_link::{Script, Seed};

use crate::cli::LinkFlags;
use crate::link::carrier::Carrier;
use crate::link::command::{Signals, Until};
use crate::link::end::End;
use crate::link::namespace::Namespace;
use crate::outcome::Outcome;
use crate::progress;

/// Carries packets until a command, a signal or the time ends it; returns the exit status.
pub(crate) fn link(flags: &LinkFlags) -> Outcome<u8> {
    let script = read_script(flags)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(run(flags, script))
}

fn read_script(flags: &LinkFlags) -> Outcome<Script> {
    let Some(path) = &flags.script else {
        return Ok(Script::ideal());
    };
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Script::read(&text).map_err(|error| format!("{}: {error}", path.display()))
}

async fn run(flags: &LinkFlags, script: Script) -> Outcome<u8> {
    let duration = flags.duration.map(Duration::try_from_secs_f64);
    let duration = duration.transpose();
    let duration = duration.map_err(|error| format!("--duration: {error}"))?;
    // From here on a signal is waited for, so that what is made is removed.
    let signals = Signals::new()?;
    let near = Namespace::near(flags.near.as_deref())?;
    let far = Namespace::far(flags.far.as_deref())?;
    let (at_near, at_far) = (flags.near_address, flags.far_address);
    let near_end = End::make("near", &near, [at_near, at_far], flags.mtu)?;
    let far_end = End::make("far", &far, [at_far, at_near], flags.mtu)?;
    far_end.lead_everything_here()?;
    progress::line(&format!("link: {at_near} in {near}, {at_far} in {far}"));
    let begin = Instant::now();
    let mut carrier = Carrier::new(near_end, far_end, script, begin, Seed(flags.seed))?;
    let end = duration.map(|duration| begin + duration);
    let until = Until::new(&flags.command, &far, end.map(Into::into), signals)?;
    let status = carrier.carry(until).await?;
    let report = carrier.into_report(Instant::now());
    progress::line(report.table().trim_end());
    if let Some(path) = &flags.json {
        report.write_json(path)?;
    }
    Ok(status)
}
