use crate::group::Group;
use crate::problem::{Problem, Read};
use crate::{Address, Inputs, SecretText};

/// Where bans and other things are kept that outlive the process: the group `database`. Ours, not LiveKit's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Database {
    /// `url` or `DATABASE_URL`: `sqlite:///path/file.db` or `postgres://user:password@host/database`. Default the SQLite
    /// file `sluice.db` in `data_dir`.
    pub url: Option<SecretText>,
}

impl Database {
    pub(crate) fn read(group: &mut Group<'_>, inputs: &Inputs<'_>) -> Self {
        let url = group.get_secret("url");
        let url = url.and_then(|url| match check(&url) {
            Ok(()) => {
                let address = Address::Database(&url);
                group.check_address("url", None, address, inputs.check_address);
                Some(url.into())
            }
            Err(problem) => {
                group.fault("url", None, problem);
                None
            }
        });
        Self { url }
    }
}

/// Checks that a URL is of a kind that is known, without showing it: it may have a password.
fn check(url: &str) -> Read<()> {
    const KINDS: [&str; 3] = ["sqlite:", "postgres:", "postgresql:"];
    match KINDS.iter().any(|kind| url.starts_with(kind)) {
        true => Ok(()),
        false => Err(Problem::new(
            "is no URL of a database that this node can use",
            "write sqlite:///path/file.db or postgres://user:password@host/database",
        )),
    }
}
