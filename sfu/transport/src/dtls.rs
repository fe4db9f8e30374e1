//! The DTLS server of a transport, on `rtc-dtls`, behind a guard that bounds what reaches it.

mod backoff;
mod records;
mod server;

pub(crate) use backoff::LIBRARY_RETRANSMIT_INTERVAL;
pub(crate) use records::Admission;
pub(crate) use server::{DtlsOutput, DtlsServer};
