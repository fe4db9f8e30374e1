//! Databases for the time of a test: an empty one of each kind that the node can use.
//!
//! PostgreSQL is there where `SLUICE_TEST_POSTGRES` names a server on which databases may be made
//! (`postgres://user@host:port`), as the test command has it; without one, tests see SQLite alone and say so.

use std::env;
use std::path::PathBuf;

use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, Connection};

/// Names the server on which databases of PostgreSQL are made.
const SERVER: &str = "SLUICE_TEST_POSTGRES";

/// An empty database. Dropping it removes the file of SQLite; those of PostgreSQL go with their server.
#[derive(Debug)]
pub struct Database {
    /// By which it is opened.
    pub url: String,
    file: Option<PathBuf>,
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            std::fs::remove_dir_all(file).ok();
        }
    }
}

/// Makes one database of each kind.
///
/// # Panics
///
/// One cannot be made.
#[expect(
    clippy::disallowed_methods,
    reason = "the test command says by it where the server is"
)]
#[expect(
    clippy::print_stderr,
    reason = "whoever reads a test's output should know what was not tested"
)]
pub async fn databases() -> Vec<Database> {
    let mut made = vec![sqlite()];
    match env::var(SERVER) {
        Ok(server) => made.push(postgres(&server).await),
        Err(_) => eprintln!("{SERVER} is not set: this was tried with SQLite alone"),
    }
    made
}

/// Makes a folder with room for a SQLite file.
///
/// # Panics
///
/// It cannot be made.
pub fn sqlite() -> Database {
    let folder = env::temp_dir().join(name());
    std::fs::create_dir_all(&folder).expect("temporary files can be made");
    Database {
        url: format!("sqlite://{}", folder.join("test.db").display()),
        file: Some(folder),
    }
}

async fn postgres(server: &str) -> Database {
    install_default_drivers();
    let name = name();
    let server = server.trim_end_matches('/');
    let connection = AnyConnection::connect(&format!("{server}/postgres")).await;
    let mut connection = connection.expect("the server answers");
    // A name of our own letters and digits.
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::raw_sql(create)
        .execute(&mut connection)
        .await
        .expect("a database can be made");
    Database {
        url: format!("{server}/{name}"),
        file: None,
    }
}

fn name() -> String {
    let mut random = [0; 8];
    getrandom::fill(&mut random).expect("the system gives random bytes");
    format!("sluice_test_{:x}", u64::from_be_bytes(random))
}

/// Carries out a statement.
///
/// # Panics
///
/// It fails.
pub async fn execute(database: &Database, statement: &'static str) {
    install_default_drivers();
    let connection = AnyConnection::connect(&database.url).await;
    let mut connection = connection.expect("the database answers");
    sqlx::raw_sql(statement)
        .execute(&mut connection)
        .await
        .expect("the statement is good");
}

/// A database that nobody else can write to, until it is dropped.
#[derive(Debug)]
pub struct Locked(#[expect(dead_code, reason = "its connection holds the lock")] AnyConnection);

/// Locks a file of SQLite.
///
/// # Panics
///
/// Somebody else has locked it.
pub async fn lock(file: &str) -> Locked {
    install_default_drivers();
    let connection = AnyConnection::connect(&format!("sqlite://{file}")).await;
    let mut connection = connection.expect("the file can be opened");
    sqlx::raw_sql("BEGIN EXCLUSIVE")
        .execute(&mut connection)
        .await
        .expect("nobody else has locked it");
    Locked(connection)
}
