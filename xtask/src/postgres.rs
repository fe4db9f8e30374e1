//! A server of PostgreSQL for the time of the tests, with files of its own.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::step::Failed;

/// Where Debian puts programs that are not for everybody's path, a folder for each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// A running server. Dropping it ends it and removes its files.
#[derive(Debug)]
pub(crate) struct Postgres {
    folder: PathBuf,
    programs: PathBuf,
    /// Where databases may be made: `postgres://postgres@127.0.0.1:PORT`.
    pub(crate) url: String,
}

impl Postgres {
    /// Starts it on a free port of loopback.
    pub(crate) fn start() -> Result<Self, Failed> {
        let programs = programs()?;
        let folder = std::env::temp_dir().join(format!("sluice-postgres-{}", std::process::id()));
        let failed = |error: std::io::Error| Failed(format!("{}: {error}", folder.display()));
        fs::create_dir_all(&folder).map_err(failed)?;
        let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|socket| socket.local_addr());
        let port = port.map_err(failed)?.port();
        let server = Self {
            folder,
            programs,
            url: format!("postgres://postgres@127.0.0.1:{port}"),
        };
        if is_root() {
            // It refuses to run as root.
            done(Command::new("chown").arg("postgres").arg(&server.folder))?;
        }
        let data = server.folder.join("data");
        let mut make = server.program(
            "initdb",
            &["-A", "trust", "-U", "postgres", "-N", "-D"],
            &data,
        );
        done(&mut make)?;
        let options = format!(
            "-p {port} -k {} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200",
            server.folder.display()
        );
        let log = server.folder.join("log").display().to_string();
        let start = ["start", "-w", "-o", &options, "-l", &log, "-D"];
        done(&mut server.program("pg_ctl", &start, &data))?;
        Ok(server)
    }

    fn program(&self, name: &str, flags: &[&str], data: &Path) -> Command {
        let program = self.programs.join(name);
        let mut command = match is_root() {
            true => {
                let mut command = Command::new("runuser");
                command.args(["-u", "postgres", "--"]).arg(program);
                command
            }
            false => Command::new(program),
        };
        command.args(flags).arg(data).current_dir(&self.folder);
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.folder.join("data");
        // One that has not started needs no end.
        done(&mut self.program("pg_ctl", &["stop", "-m", "immediate", "-D"], &data)).ok();
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// Runs a command whose words matter only if it fails.
fn done(command: &mut Command) -> Result<(), Failed> {
    let status = command.stdout(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failed(format!("{command:?} ({status})"))),
        Err(error) => Err(Failed(format!("{command:?}: {error}"))),
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Finds the programs of the latest version.
fn programs() -> Result<PathBuf, Failed> {
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let folders = versions.map(|version| version.path().join("bin"));
    let latest = folders
        .filter(|folder| folder.join("pg_ctl").exists())
        .max();
    latest.ok_or_else(|| Failed(format!("PostgreSQL is not installed below {VERSIONS}")))
}
