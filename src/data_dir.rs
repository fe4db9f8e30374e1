//! Where the node keeps its files.

use std::fs;
use std::path::{Path, PathBuf};

use sluice_config::Config;
use store::{Journal, Store};

use crate::cli::NodeFlags;

/// The folder of the node's files. A temporary one is removed with it.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    is_temporary: bool,
}

impl DataDir {
    /// Takes the folder of the configuration, else that of the configuration file, else a temporary one: a node that is
    /// configured by its environment alone may have no place to write to.
    pub(crate) fn choose(config: &Config, flags: &NodeFlags) -> Result<Self, String> {
        let beside = flags.config.as_deref().and_then(Path::parent);
        let (path, is_temporary) = match (&config.data_dir, beside) {
            (Some(path), _) => (PathBuf::from(path), false),
            (None, Some(folder)) => (folder.to_owned(), false),
            (None, None) => (temporary(), true),
        };
        if is_temporary {
            // A process of this number may have been killed, and its bans are nobody's.
            fs::remove_dir_all(&path).ok();
        }
        if !path.as_os_str().is_empty() {
            let made = fs::create_dir_all(&path);
            made.map_err(|error| format!("`data_dir` {} cannot be made: {error}", path.display()))?;
        }
        if is_temporary && !flags.dev {
            tracing::warn!(
                "Webhooks that were not taken, and bans unless `database.url` names a database, are forgotten when the node ends: \
                 `data_dir` names a lasting place for its files"
            );
        } else if is_temporary {
            tracing::info!(
                "Files are kept in {} until the node ends; `data_dir` names a lasting place",
                path.display()
            );
        }
        Ok(Self { path, is_temporary })
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

/// Names a folder that no other node has.
fn temporary() -> PathBuf {
    std::env::temp_dir().join(format!("sluice-{}", std::process::id()))
}
