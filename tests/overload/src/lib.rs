//! Participants that do their worst against a running server, by legal messages, and what their neighbours notice of it.
//!
//! A [`Case`] is one way of doing so. [`Trial`] plays it beside two calls, one in the same room and one in another room of
//! the same media thread, while newcomers join elsewhere and `GET /` is asked; [`Figures`] is what came of it, and
//! [`Bounds`] is what it is held against. The server is reached as clients reach it, over real sockets, and may be any
//! LiveKit server.

mod bounds;
mod case;
mod cases;
mod client;
mod clock;
mod figures;
mod media;
mod neighbours;
mod node;
mod probe;
mod runtime;
mod server;
mod signal;
mod socket;
mod trial;

pub use bounds::Bounds;
pub use case::{Case, Scale};
pub use cases::CASES;
pub use figures::Figures;
pub use node::{Node, NodeError};
pub use server::{Server, ServerError};
pub use trial::{Trial, TrialError};

/// Lets the process have as many open files as the system allows: the usual limit of 1,024 is for programs that use
/// `select`, and a case may need thousands of connections.
pub fn raise_file_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Where it is refused, the cases that need more say so.
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).ok();
    }
}
