//! Files that only the node's own user may read.

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What SQLite puts beside a file; each is made with the mode that the file has (SQLite: `findCreateFileMode`).
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// What the owner alone may do.
const MINE: u32 = 0o600;

/// Makes a file of SQLite if there is none, readable by its owner alone, before SQLite opens it; takes from others what they
/// may do with one that is there.
pub(crate) fn keep(file: &Path) -> io::Result<()> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MINE)
        .open(file);
    match made {
        Ok(_) => Ok(()),
        // It is not opened: to close it would give up what this process has locked in it.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => narrow(file),
        Err(error) => Err(error),
    }?;
    for end in BESIDE {
        let mut beside = file.as_os_str().to_owned();
        beside.push(end);
        match narrow(&PathBuf::from(beside)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn narrow(file: &Path) -> io::Result<()> {
    let mode = fs::metadata(file)?.permissions().mode();
    match mode & 0o077 {
        0 => Ok(()),
        _ => fs::set_permissions(file, Permissions::from_mode(mode & 0o700)),
    }
}
