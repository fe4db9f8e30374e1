//! The DTLS association of a transport, on `rtc-dtls`, behind a guard that bounds what reaches it.

mod association;
mod backoff;
mod records;

pub(crate) use association::{DtlsAssociation, DtlsOutput};
pub(crate) use backoff::LIBRARY_RETRANSMIT_INTERVAL;
pub(crate) use records::Admission;
