//! Where the node keeps its files.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sluice_config::Config;
use store::{Journal, Store};

use crate::cli::NodeFlags;

/// The bit of a folder's mode that lets everybody write to it.
const OTHERS_WRITE: u32 = 0o002;

/// The folder of the node's files. A temporary one is removed with it.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    is_temporary: bool,
    /// Held for as long as the node runs: two nodes with one journal would tell of each other's rooms.
    _lock: fs::File,
}

impl DataDir {
    /// Takes the folder of the configuration, else that of the configuration file, else a temporary one: a node that is
    /// configured by its environment alone, or by a file that is mounted to be read, may have no place to write to.
    pub(crate) fn choose(config: &Config, flags: &NodeFlags) -> Result<Self, String> {
        if let Some(path) = &config.data_dir {
            let made = private_folder().recursive(true).create(path);
            made.map_err(|error| format!("`data_dir` {path} cannot be made: {error}"))?;
            return Self::take(Path::new(path).to_owned(), false);
        }
        let beside = flags.config.as_deref().and_then(Path::parent);
        match beside.filter(|folder| is_used(folder) || is_writable(folder)) {
            Some(folder) => Self::take(folder.to_owned(), false),
            None => Self::temporary(flags.dev),
        }
    }

    /// Takes a folder, unless another node has it.
    fn take(path: PathBuf, is_temporary: bool) -> Result<Self, String> {
        let file = path.join("sluice.lock");
        let lock = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&file);
        let lock =
            lock.map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
        lock.try_lock().map_err(|_| {
            format!(
                "another node keeps its files in {}: name a `data_dir` for this one",
                path.display()
            )
        })?;
        warn_of_others(&path);
        Ok(Self {
            path,
            is_temporary,
            _lock: lock,
        })
    }

    /// Makes a folder that is the node's alone.
    fn temporary(dev: bool) -> Result<Self, String> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| format!("no random bytes: {error}"))?;
        let name = format!("sluice-{:016x}", u64::from_be_bytes(random));
        let path = std::env::temp_dir().join(name);
        let made = private_folder().create(&path);
        made.map_err(|error| {
            format!(
                "{} cannot be made: {error}; `data_dir` names another place",
                path.display()
            )
        })?;
        if dev {
            tracing::info!(
                "Files are kept in {} until the node ends; `data_dir` names a lasting place",
                path.display()
            );
        } else {
            tracing::warn!(
                "Webhooks that were not taken, and bans unless `database.url` names a database, are forgotten when the node ends: \
                 `data_dir` names a lasting place for its files"
            );
        }
        Self::take(path, true)
    }

    /// Opens the database of the configuration, else the SQLite file `sluice.db` here.
    pub(crate) fn store(&self, config: &Config) -> Result<Store, String> {
        let url = match &config.database.url {
            Some(url) => url.expose().to_owned(),
            None => format!("sqlite://{}", self.file().display()),
        };
        Store::open(&url).map_err(|error| format!("`database.url`: {error}"))
    }

    /// Opens the journal of what happens in rooms, which is a file here whatever the database is.
    pub(crate) fn journal(&self) -> Journal {
        Journal::open(&self.journal_file())
    }

    /// Names the file of the journal.
    pub(crate) fn journal_file(&self) -> PathBuf {
        self.path.join("journal.db")
    }

    /// Names the database for its operator, without what may be secret.
    pub(crate) fn database(&self, config: &Config) -> String {
        match &config.database.url {
            Some(_) => "of `database.url`".to_owned(),
            None => self.file().display().to_string(),
        }
    }

    fn file(&self) -> PathBuf {
        self.path.join("sluice.db")
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if self.is_temporary {
            // Whatever stays is in the folder of temporary files.
            fs::remove_dir_all(&self.path).ok();
        }
    }
}

/// Makes folders that only the node's own user may look into.
fn private_folder() -> fs::DirBuilder {
    let mut folder = fs::DirBuilder::new();
    folder.mode(0o700);
    folder
}

/// Says so if others may write to a folder: its files are the node's alone, but can be replaced. A folder that is there is its
/// owner's to open and close.
fn warn_of_others(folder: &Path) {
    let mode = fs::metadata(folder).map(|it| it.permissions().mode());
    if mode.is_ok_and(|mode| mode & OTHERS_WRITE != 0) {
        tracing::warn!(
            "Others may replace the files of the node in {}: `chmod o-w` keeps them from it",
            folder.display()
        );
    }
}

/// Reports whether a node has kept its files there. If they cannot be written any more, that is a fault and no reason to begin
/// anew: bans would be forgotten.
fn is_used(folder: &Path) -> bool {
    ["sluice.db", "journal.db"]
        .iter()
        .any(|file| folder.join(file).exists())
}

fn is_writable(folder: &Path) -> bool {
    let probe = folder.join(format!(".sluice-{}", std::process::id()));
    let made = fs::File::create_new(&probe).is_ok();
    fs::remove_file(&probe).ok();
    made
}
