//! How many files the process may have open at a time: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit as far as the process may. Systems begin with 1,024, which is for programs that wait for
/// files with `select`; a node out of files accepts no connection until another ends.
pub(crate) fn raise() {
    let begun_with = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: begun_with.maximum,
        ..begun_with
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => tracing::info!(
            limit = say(begun_with.maximum),
            begun_with = say(begun_with.current),
            "Connections and other files may be open"
        ),
        Err(error) => tracing::warn!(
            %error,
            limit = say(begun_with.current),
            hard_limit = say(begun_with.maximum),
            "The limit of open files cannot be raised; each connection is one"
        ),
    }
}

fn say(limit: Option<u64>) -> String {
    limit.map_or_else(|| "any number".to_owned(), |limit| limit.to_string())
}
