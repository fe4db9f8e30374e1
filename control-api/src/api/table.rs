//! Lists as JSON or as CSV, which spreadsheets read.

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::error::ApiError;

/// As what a list is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// A page as JSON.
    #[default]
    Json,
    /// All pages as CSV (RFC 4180), with a line of names.
    Csv,
}

/// What a table has a row of.
pub(crate) trait Row: Serialize + Send + 'static {
    /// Its columns in their order: the names of its fields.
    const COLUMNS: &'static [&'static str];
}

/// A page of rows, and what the next one begins with.
pub(crate) struct Rows<R, A> {
    pub(crate) rows: Vec<R>,
    pub(crate) next: Option<A>,
}

/// Answers with the whole table, of which a page is asked for when the one before is on its way.
///
/// # Errors
///
/// The first page cannot be had. If a later one cannot, the answer breaks off, which the client sees.
pub(crate) async fn csv<R, A, F>(mut page: F) -> Result<Response, ApiError>
where
    R: Row,
    A: Send + 'static,
    F: Paged<R, A> + Send + 'static,
{
    let first = page.read(None).await?;
    let mut begun = line(R::COLUMNS.iter().map(|name| (*name).to_owned()));
    begun.extend(lines(&first.rows));
    let rest = stream::try_unfold((page, first.next), async |(mut page, next)| {
        let Some(next) = next else {
            return Ok(None);
        };
        let more = page.read(Some(next)).await;
        let more = more.map_err(|_| std::io::Error::other("the database does not answer"))?;
        let text = Bytes::from(lines(&more.rows));
        Ok::<_, std::io::Error>(Some((text, (page, more.next))))
    });
    let begun = stream::once(std::future::ready(Ok(Bytes::from(begun))));
    let body = Body::from_stream(futures_util::StreamExt::chain(begun, rest));
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], body).into_response())
}

/// Reads pages of a table.
pub(crate) trait Paged<R, A> {
    /// Reads the page that begins with this; the first if nothing is said.
    fn read(
        &mut self,
        begins: Option<A>,
    ) -> impl Future<Output = Result<Rows<R, A>, ApiError>> + Send;
}

fn lines<R: Row>(rows: &[R]) -> Vec<u8> {
    let mut lines = Vec::new();
    for row in rows {
        let row = serde_json::to_value(row).unwrap_or_default();
        lines.extend(line(
            R::COLUMNS
                .iter()
                .map(|name| row.get(*name).map(cell).unwrap_or_default()),
        ));
    }
    lines
}

fn line(cells: impl Iterator<Item = String>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    // What is written into memory cannot fail.
    writer
        .write_record(cells.map(|cell| cell.into_bytes()))
        .ok();
    writer.into_inner().unwrap_or_default()
}

/// Writes a cell. What a spreadsheet would take for a formula gets an apostrophe before it: identities are anybody's choice.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => {
            format!("'{text}")
        }
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Pair {
        name: String,
        count: i64,
    }

    impl Row for Pair {
        const COLUMNS: &'static [&'static str] = &["name", "count"];
    }

    #[test]
    fn a_row_stays_one_row_and_no_cell_is_a_formula() {
        let row = |name: &str| Pair {
            name: name.to_owned(),
            count: -1,
        };
        let rows = [row("a,\"b\"\n"), row("=HYPERLINK(\"http://x\")"), row("")];
        let text = String::from_utf8(lines(&rows)).expect("it is made of texts");
        assert_eq!(
            text,
            "\"a,\"\"b\"\"\n\",-1\r\n\"'=HYPERLINK(\"\"http://x\"\")\",-1\r\n,-1\r\n"
        );
    }
}
