//! What a run found: as a table, as JSON, and two of them compared.

mod compare;
mod data;
mod html;
mod joins;
mod json;
mod plot;
mod table;
mod test_result;

pub(crate) use compare::compare;
pub(crate) use html::write_html;
pub(crate) use joins::Joins;
pub(crate) use json::write_json;
pub(crate) use table::print_table;
pub(crate) use test_result::{TestResult, Window};
