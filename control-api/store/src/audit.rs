//! The table of what was done by whom.

use sfu_model::UnixTime;
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};

use crate::page::{self, After};
use crate::{Store, StoreError};

/// Something that somebody did by the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Its id, `AU_` and more.
    pub id: String,
    /// When.
    pub at: UnixTime,
    /// Who.
    pub author: String,
    /// What, such as `ban.add`.
    pub action: String,
    /// In which room; empty for all or none.
    pub room: String,
    /// To whom or what.
    pub subject: String,
    /// What else there is to say.
    pub detail: String,
}

/// Which lines of the audit are listed.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Only those of this author.
    pub author: String,
    /// Only those of this action.
    pub action: String,
    /// Only those about this subject.
    pub subject: String,
    /// Only what comes after this.
    pub after: Option<After>,
    /// How many at most.
    pub limit: u32,
}

impl Audit {
    pub(crate) async fn add(
        &self,
        transaction: &mut Transaction<'_, Any>,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO audit (id, at, author, action, room, subject, detail) VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(&self.id)
        .bind(self.at.millis())
        .bind(&self.author)
        .bind(&self.action)
        .bind(&self.room)
        .bind(&self.subject)
        .bind(&self.detail)
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }
}

impl Store {
    /// Writes what was done that changes nothing else here.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn note(&self, audit: &Audit) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        audit.add(&mut transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Lists what was done, the latest first.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn audit(&self, filter: &AuditFilter) -> Result<Vec<Audit>, StoreError> {
        let (at, id) = After::bounds(filter.after.as_ref());
        let rows = sqlx::query(
            "SELECT id, at, author, action, room, subject, detail FROM audit \
             WHERE ($1 = '' OR author = $1) AND ($2 = '' OR action = $2) AND ($3 = '' OR subject = $3) \
             AND (at < $4 OR (at = $4 AND id > $5)) ORDER BY at DESC, id LIMIT $6",
        )
        .bind(&filter.author)
        .bind(&filter.action)
        .bind(&filter.subject)
        .bind(at)
        .bind(id)
        .bind(page::rows(filter.limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &AnyRow) -> Result<Audit, StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    Ok(Audit {
        id: text("id")?,
        at: page::time(row.try_get("at")?).unwrap_or_default(),
        author: text("author")?,
        action: text("action")?,
        room: text("room")?,
        subject: text("subject")?,
        detail: text("detail")?,
    })
}
