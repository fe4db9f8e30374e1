//! The published test cases of congestion control, through whole shards: RFC 8867 section 5, and of RFC 8869 what a link
//! of changing rate, jitter and loss stands for.
//!
//! A [`Case`] is a link and who is behind it: viewers, each with a transport of its own, who are shown three cameras and
//! hear a microphone, and TCP senders beside them. [`run`] plays it in the virtual world and writes down what is
//! seen each tenth of a second ([`Record`]); [`Figures`] says what that comes to; a [`Page`] draws it.
//!
//! Cameras send layers, so a link is used as far as the next layer fits, and not to the last bit.

mod case;
mod figures;
mod page;
mod plot;
mod record;
mod rfc8867;
mod rfc8869;
mod run;
mod span;

pub use case::{Case, Media, Transfers, Viewer};
pub use figures::{Figures, heading};
pub use page::Page;
pub use record::{Record, Sample, Seen};
pub use run::run;

/// Returns all cases, in the order of the documents.
pub fn cases() -> Vec<Case> {
    let mut cases = rfc8867::cases();
    cases.extend(rfc8869::cases());
    cases
}
