//! What happened in rooms, on this node's own disk, until everybody who is to be told has been.
//!
//! It is a SQLite file whatever the [`Store`](crate::Store) is: what happens is written down while a server of PostgreSQL
//! does not answer, and receivers are told meanwhile. One task writes, many things in one transaction.

mod deliveries;
mod event;
mod read;
mod write;

use std::path::{Path, PathBuf};

use sfu_model::UnixTime;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row, SqlitePool};

use crate::StoreError;
use crate::{page, private};

pub use deliveries::{DeadEvent, Delivery};
pub use event::{Beginning, JournalEvent, Progress, RANK_PARTICIPANT, RANK_ROOM, RANK_TRACK};
pub use read::WrittenEvent;
pub use write::{Given, Writes};

/// The versions of its tables, in their order.
static MIGRATIONS: Migrator = sqlx::migrate!("./journal");

/// Connections: one writes, others read meanwhile.
const CONNECTIONS: u32 = 4;

/// The journal of a node. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Journal {
    pool: SqlitePool,
    file: PathBuf,
}

impl Journal {
    /// Takes a file, which is made if there is none. Nothing is opened yet.
    pub fn open(file: &Path) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // What a transaction has written is on the disk when it has returned.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(crate::database::BUSY);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(crate::database::ACQUIRE)
            .idle_timeout(None)
            .max_lifetime(None)
            .before_acquire(|connection, _| {
                let usable = crate::database::is_usable(connection);
                Box::pin(async move { Ok(usable) })
            })
            .connect_lazy_with(options);
        Self {
            pool,
            file: file.to_owned(),
        }
    }

    /// Brings the tables to this program's version.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written, is newer than the program, or something else.
    pub async fn prepare(&self) -> Result<(), StoreError> {
        private::keep(&self.file)?;
        MIGRATIONS.run(&self.pool).await?;
        sqlx::query("INSERT OR IGNORE INTO journal (one, id, projected) VALUES (1, lower(hex(randomblob(12))), 0)")
            .execute(&self.pool)
            .await?;
        // All connections are opened, and stay: what a node has open later comes of what it does.
        let mut opened = Vec::new();
        for _ in 0..CONNECTIONS {
            opened.push(self.pool.acquire().await?);
        }
        Ok(())
    }

    /// Returns when the node last wrote that it ran; nothing if it never did.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub async fn alive_at(&self) -> Result<Option<UnixTime>, StoreError> {
        let row = sqlx::query("SELECT alive_at FROM life")
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        Ok(page::time(row.try_get(0)?))
    }

    /// Returns the number of the last event of a room, and the latest time of any; 0 and nothing if it has none.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub async fn last_of_room(
        &self,
        room_sid: &str,
    ) -> Result<(i64, Option<UnixTime>), StoreError> {
        let row = sqlx::query(
            "SELECT COALESCE(MAX(room_sequence), 0), COALESCE(MAX(at), 0) FROM events WHERE room_sid = $1",
        )
        .bind(room_sid)
        .fetch_one(&self.pool)
        .await?;
        Ok((row.try_get(0)?, page::time(row.try_get(1)?)))
    }

    /// Closes all connections, after what is under way.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
