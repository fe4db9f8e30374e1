use sqlx::migrate::MigrateError;

/// Why a database cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL names no database that this program can use.
    #[error("{0}; write sqlite:///path/to/file.db or postgres://user:password@host/database")]
    Url(String),
}

/// Why a call to the database has no result.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database does not answer, is locked or full: it may work later.
    #[error("the database does not answer: {0}")]
    Unavailable(String),
    /// The database answers, and does not take what it is given: trying again does not help.
    #[error("the database does not take this: {0}")]
    Refused(String),
    /// A later version of the program has changed the tables.
    #[error(
        "the database was last used by a newer version of this program (it has migration {0}): run that version, or restore a \
         copy from before it"
    )]
    Newer(i64),
    /// The tables are not what this program has made: somebody changed a migration, or one has failed half-way.
    #[error("the database does not fit this program: {0}")]
    Unfit(String),
    /// A row says what cannot be.
    #[error("the row {id:?} of the table {table} is damaged: {what}")]
    Damaged {
        /// The table.
        table: &'static str,
        /// The row.
        id: String,
        /// What is wrong with it.
        what: String,
    },
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        // PostgreSQL's classes of faults in data and of broken constraints; SQLite takes any text and number.
        let code = error.as_database_error().and_then(|error| error.code());
        let is_refusal =
            |code: &str| code.len() == 5 && (code.starts_with("22") || code.starts_with("23"));
        match code.is_some_and(|code| is_refusal(&code)) {
            true => Self::Refused(error.to_string()),
            false => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<MigrateError> for StoreError {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the library's enum is open, and every other fault lies in the tables"
    )]
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::VersionMissing(version) => Self::Newer(version),
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            other => Self::Unfit(other.to_string()),
        }
    }
}
