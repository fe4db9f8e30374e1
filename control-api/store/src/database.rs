use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use sqlx::AnyPool;
use sqlx::Connection;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers};
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;

use crate::{OpenError, StoreError, private};

/// After which time a connection to a server is closed that nobody needs.
const IDLE: Duration = Duration::from_secs(600);

/// How long a call waits for a connection: longer than any that works takes, shorter than a caller waits.
pub(crate) const ACQUIRE: Duration = Duration::from_secs(3);

/// How long who finds a file of SQLite locked waits.
pub(crate) const BUSY: Duration = Duration::from_secs(2);

/// The versions of the tables, in their order.
static MIGRATIONS: Migrator = sqlx::migrate!();

/// What kind of database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file beside the node.
    Sqlite,
    /// A server.
    Postgres,
}

/// A database. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) pool: AnyPool,
    kind: Kind,
    /// Where SQLite writes.
    file: Option<PathBuf>,
}

impl Store {
    /// Takes a database by its URL, `sqlite://` or `postgres://`. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// The URL is of neither kind, or cannot be read. The error does not show the URL, which may have a password.
    pub fn open(url: &str) -> Result<Self, OpenError> {
        let kind = Self::check(url)?;
        let options = AnyPoolOptions::new()
            .max_connections(connections(kind))
            .acquire_timeout(ACQUIRE)
            .idle_timeout((kind == Kind::Postgres).then_some(IDLE))
            .max_lifetime(None)
            .before_acquire(|connection, _| {
                let usable = is_usable(connection);
                Box::pin(async move { Ok(usable) })
            })
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    for pragma in pragmas(kind) {
                        sqlx::query(*pragma).execute(&mut *connection).await?;
                    }
                    Ok(())
                })
            });
        let pool = options
            .connect_lazy(&creating(url, kind))
            .map_err(|error| OpenError::Url(error.to_string()))?;
        Ok(Self {
            pool,
            kind,
            file: file(url, kind)?,
        })
    }

    /// Checks a URL as [`Store::open`] does; returns what kind of database it names.
    ///
    /// # Errors
    ///
    /// See [`Store::open`].
    pub fn check(url: &str) -> Result<Kind, OpenError> {
        install_default_drivers();
        let kind = match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => Kind::Sqlite,
            Some("postgres" | "postgresql") => Kind::Postgres,
            _ => return Err(OpenError::Url("it is no URL of a database".to_owned())),
        };
        if kind == Kind::Sqlite && (url.contains(":memory:") || url.contains("mode=memory")) {
            let why = "a database in memory forgets everything, and each connection has its own";
            return Err(OpenError::Url(why.to_owned()));
        }
        AnyConnectOptions::from_str(&creating(url, kind))
            .map_err(|error| OpenError::Url(error.to_string()))?;
        Ok(kind)
    }

    /// Returns what kind of database it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Brings the tables to this program's version.
    ///
    /// # Errors
    ///
    /// The database does not answer, is newer than the program, or has other tables.
    pub async fn prepare(&self) -> Result<(), StoreError> {
        if let Some(file) = &self.file {
            private::keep(file)?;
        }
        MIGRATIONS.run(&self.pool).await?;
        self.open_all().await
    }

    /// Opens all connections to a file, and keeps them: what a node has open later comes of what it does. Those to a server
    /// come and go.
    async fn open_all(&self) -> Result<(), StoreError> {
        let mut opened = Vec::new();
        if self.kind == Kind::Sqlite {
            for _ in 0..connections(self.kind) {
                opened.push(self.pool.acquire().await?);
            }
        }
        Ok(())
    }

    /// Closes all connections, after what is under way.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Returns how many connections there are at most: a node's writes are few.
fn connections(kind: Kind) -> u32 {
    match kind {
        // One writes, others read meanwhile.
        Kind::Sqlite => 4,
        Kind::Postgres => 8,
    }
}

/// Reports whether a connection can be used again; another takes its place otherwise. Where a transaction fails because the
/// disk is full, SQLite itself takes it back, sqlx cannot do so once more, and counts it as open for ever.
pub(crate) fn is_usable<C: Connection>(connection: &C) -> bool {
    !connection.is_in_transaction()
}

/// What each connection is told first. SQLite: readers do not wait for the writer, a commit is on the disk when it
/// returns, and who finds the file locked waits a while.
fn pragmas(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Sqlite => &[
            "PRAGMA busy_timeout = 2000",
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "PRAGMA foreign_keys = ON",
        ],
        Kind::Postgres => &["SET statement_timeout = 5000"],
    }
}

/// Returns the file that SQLite writes to, if it is SQLite and may write.
fn file(url: &str, kind: Kind) -> Result<Option<PathBuf>, OpenError> {
    if kind == Kind::Postgres || url.contains("mode=ro") || url.contains("immutable") {
        return Ok(None);
    }
    let options = SqliteConnectOptions::from_str(url);
    let options = options.map_err(|error| OpenError::Url(error.to_string()))?;
    Ok(Some(options.get_filename().to_owned()))
}

/// Has a SQLite file made if there is none.
fn creating(url: &str, kind: Kind) -> String {
    match kind {
        Kind::Sqlite if !url.contains("mode=") => {
            let separator = if url.contains('?') { '&' } else { '?' };
            format!("{url}{separator}mode=rwc")
        }
        Kind::Sqlite | Kind::Postgres => url.to_owned(),
    }
}
