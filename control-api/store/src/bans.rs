//! The table of bans.

use sfu_model::UnixTime;
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};

use crate::ban::{Ban, BanTarget, Lifted};
use crate::page::{self, After};
use crate::{Audit, Store, StoreError};

/// Rows that are loaded at a time at start.
const LOADED: i64 = 10_000;

/// Most changed bans of one answer.
pub const MAX_CHANGES: usize = 1000;

/// A ban that was added or lifted.
#[derive(Debug)]
pub struct ChangedBan {
    /// The number of the change. Those that came before have lower ones.
    pub change: i64,
    /// The ban as it is now, or why its row cannot be read.
    pub ban: Result<Ban, StoreError>,
}

/// Writes a query of bans, from `WHERE` on, that [`read`] reads.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, subject, room, issued_before, reason, author, created_at, expires_at, lifted_at, lifted_by, changed \
             FROM bans ",
            $rest
        )
    };
}

/// Which bans are listed.
#[derive(Clone, Debug, Default)]
pub struct BanFilter {
    /// Only those that hold at this time.
    pub holding_at: Option<UnixTime>,
    /// Only those of this subject: identity, network, `jti` or API key.
    pub subject: String,
    /// Only those in this room.
    pub room: String,
    /// Only those whose subject or reason has this in it.
    pub search: String,
    /// Only what comes after this.
    pub after: Option<After>,
    /// How many at most.
    pub limit: u32,
}

impl Store {
    /// Adds a ban, and what the audit says of it. One that is there stays as it is.
    ///
    /// Returns the ban that is there now, and whether it is this one.
    ///
    /// # Errors
    ///
    /// The database does not answer; whether it is added is unknown then, and adding it again does no harm.
    pub async fn add_ban(&self, ban: &Ban, audit: &Audit) -> Result<(Ban, bool), StoreError> {
        let columns = ban.target.columns();
        let mut transaction = self.pool.begin().await?;
        let change = next_change(&mut transaction).await?;
        let added = sqlx::query(
            "INSERT INTO bans (id, kind, subject, room, issued_before, reason, author, created_at, expires_at, lifted_at, lifted_by, \
             changed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, '', $10) ON CONFLICT (id) DO NOTHING",
        )
        .bind(&ban.id)
        .bind(columns.kind)
        .bind(columns.subject)
        .bind(columns.room)
        .bind(columns.issued_before)
        .bind(&ban.reason)
        .bind(&ban.author)
        .bind(ban.created_at.millis())
        .bind(page::millis(ban.expires_at))
        .bind(change)
        .execute(&mut *transaction)
        .await?
        .rows_affected()
            == 1;
        if added {
            audit.add(&mut transaction).await?;
            transaction.commit().await?;
            return Ok((ban.clone(), true));
        }
        transaction.rollback().await?;
        let there = self.ban(&ban.id).await?;
        Ok((there.unwrap_or_else(|| ban.clone()), false))
    }

    /// Lifts a ban, and notes it in the audit. Returns the ban as it is then; nothing if there is none. One that was lifted
    /// before stays so.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn lift_ban(&self, id: &str, audit: &Audit) -> Result<Option<Ban>, StoreError> {
        let mut transaction = self.pool.begin().await?;
        let change = next_change(&mut transaction).await?;
        let lifted = sqlx::query(
            "UPDATE bans SET lifted_at = $1, lifted_by = $2, changed = $3 WHERE id = $4 AND lifted_at = 0",
        )
        .bind(audit.at.millis())
        .bind(&audit.author)
        .bind(change)
        .bind(id)
        .execute(&mut *transaction)
        .await?
        .rows_affected()
            == 1;
        match lifted {
            true => {
                audit.add(&mut transaction).await?;
                transaction.commit().await?;
            }
            false => transaction.rollback().await?,
        }
        self.ban(id).await
    }

    /// Finds a ban.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn ban(&self, id: &str) -> Result<Option<Ban>, StoreError> {
        let row = sqlx::query(select!("WHERE id = $1"))
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Returns the number of the last change of any ban; 0 if there was none.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn last_ban_change(&self) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT last FROM ban_changes WHERE one = 1")
            .fetch_one(&self.pool)
            .await?;
        Ok(row.try_get(0)?)
    }

    /// Returns the bans that were changed after a change, the earliest first, [`MAX_CHANGES`] at most.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn bans_changed_after(&self, change: i64) -> Result<Vec<ChangedBan>, StoreError> {
        let rows = sqlx::query(select!("WHERE changed > $1 ORDER BY changed LIMIT $2"))
            .bind(change)
            .bind(MAX_CHANGES as i64)
            .fetch_all(&self.pool)
            .await?;
        let changed = |row: &AnyRow| {
            Ok(ChangedBan {
                change: row.try_get("changed")?,
                ban: read(row),
            })
        };
        rows.iter().map(changed).collect()
    }

    /// Lists bans, the latest first.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn bans(&self, filter: &BanFilter) -> Result<Vec<Ban>, StoreError> {
        let (at, id) = After::bounds(filter.after.as_ref());
        let rows = sqlx::query(select!(
            "WHERE ($1 = 0 OR (lifted_at = 0 AND (expires_at = 0 OR expires_at > $1))) \
             AND ($2 = '' OR subject = $2) AND ($3 = '' OR room = $3) \
             AND (subject LIKE $4 ESCAPE '!' OR reason LIKE $4 ESCAPE '!') \
             AND (created_at < $5 OR (created_at = $5 AND id > $6)) \
             ORDER BY created_at DESC, id LIMIT $7"
        ))
        .bind(page::millis(filter.holding_at))
        .bind(&filter.subject)
        .bind(&filter.room)
        .bind(page::pattern(&filter.search))
        .bind(at)
        .bind(id)
        .bind(page::rows(filter.limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// Hands every ban that holds at a time to `each`.
    ///
    /// # Errors
    ///
    /// The database does not answer, or a row is damaged: then it is not known whom it bans.
    pub async fn load_bans(
        &self,
        now: UnixTime,
        mut each: impl FnMut(Ban),
    ) -> Result<(), StoreError> {
        let mut last = String::new();
        loop {
            let rows = sqlx::query(select!(
                "WHERE id > $1 AND lifted_at = 0 AND (expires_at = 0 OR expires_at > $2) \
                 ORDER BY id LIMIT $3"
            ))
            .bind(&last)
            .bind(now.millis())
            .bind(LOADED)
            .fetch_all(&self.pool)
            .await?;
            for row in &rows {
                let ban = read(row)?;
                last.clone_from(&ban.id);
                each(ban);
            }
            if rows.is_empty() {
                return Ok(());
            }
        }
    }
}

/// Numbers a change. Whoever else changes a ban waits for the end of this transaction, so that numbers are seen in their
/// order: who has read one has read all before it.
async fn next_change(transaction: &mut Transaction<'_, Any>) -> Result<i64, StoreError> {
    sqlx::query("UPDATE ban_changes SET last = last + 1 WHERE one = 1")
        .execute(&mut **transaction)
        .await?;
    let row = sqlx::query("SELECT last FROM ban_changes WHERE one = 1")
        .fetch_one(&mut **transaction)
        .await?;
    Ok(row.try_get(0)?)
}

fn read(row: &AnyRow) -> Result<Ban, StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let number = |column: &str| row.try_get::<i64, _>(column);
    let id = text("id")?;
    let damaged = |what: String| StoreError::Damaged {
        table: "bans",
        id: id.clone(),
        what,
    };
    let issued_before = page::time(number("issued_before")?).unwrap_or_default();
    let target = BanTarget::of_columns(
        &text("kind")?,
        text("subject")?,
        text("room")?,
        issued_before,
    );
    let lifted = match page::time(number("lifted_at")?) {
        Some(at) => Some(Lifted {
            at,
            by: text("lifted_by")?,
        }),
        None => None,
    };
    Ok(Ban {
        target: target.map_err(damaged)?,
        reason: text("reason")?,
        author: text("author")?,
        created_at: page::time(number("created_at")?).unwrap_or_default(),
        expires_at: page::time(number("expires_at")?),
        lifted,
        id,
    })
}
