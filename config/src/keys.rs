use std::fmt;

use crate::fault::Report;
use crate::group::Group;
use crate::problem::Problem;
use crate::tree::Node;
use crate::value;
use crate::{FileReader, Place, yaml};

/// The API key that `--dev` fills in.
pub const DEV_KEY: &str = "devkey";
/// The secret that `--dev` fills in.
pub const DEV_SECRET: &str = "secret";

/// How long a secret should be, in characters: 256 bits in base64 have 43.
pub(crate) const SECURE_CHARACTERS: usize = 32;

/// A secret as the operator wrote it. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// Returns the secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretText {
    fn from(secret: String) -> Self {
        Self(secret)
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

/// An API key and its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyPair {
    /// The key: a token's issuer.
    pub key: String,
    /// The secret that signs.
    pub secret: SecretText,
}

/// The keys, and the file that they are from.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) keys: Vec<ApiKeyPair>,
    pub(crate) key_file: Option<String>,
}

/// Reads `keys` and `key_file`. The file wins where both are given.
///
/// A node without keys could let nobody in: that is a fault, unless `--dev` fills one in.
pub(crate) fn read(
    group: &mut Group<'_>,
    dev: bool,
    development: bool,
    read_file: Option<&FileReader>,
) -> Read {
    let faults_before = group.fault_count();
    let written = group.secrets("keys");
    let file = group.get_with_place("key_file", value::text);
    let key_file = file.as_ref().map(|(path, _)| path.clone());
    let pairs = match file {
        Some((path, place)) => {
            if written.is_some() {
                group.warn(
                    "keys",
                    Some(place.clone()),
                    "is not read, because `key_file` is given",
                );
            }
            from_file(group, &path, place, read_file)
        }
        None => written,
    };
    let Some(pairs) = pairs.filter(|pairs| !pairs.is_empty()) else {
        if !dev && group.fault_count() == faults_before {
            group.fault("keys", None, nobody_can_join());
        }
        return Read::default();
    };
    check(group, &pairs, dev || development);
    let keys = pairs.into_iter().map(|(key, secret, _)| ApiKeyPair {
        key,
        secret: secret.into(),
    });
    Read {
        keys: keys.collect(),
        key_file,
    }
}

fn nobody_can_join() -> Problem {
    Problem::new(
        "is missing, so nobody could join",
        "make a pair with `sluice keys` and write it under `keys`, or set LIVEKIT_KEYS, or start \
         with --dev to try things out",
    )
}

type Pairs = Vec<(String, String, Place)>;

fn from_file(
    group: &mut Group<'_>,
    path: &str,
    place: Place,
    read_file: Option<&FileReader>,
) -> Option<Pairs> {
    let text = match read_file {
        Some(read_file) => read_file(path),
        None => Err("files cannot be read here".to_owned()),
    };
    let text = text.map_err(|reason| {
        let problem = format!("names a file that cannot be used: {reason}");
        group.fault(
            "key_file",
            Some(place.clone()),
            Problem::new(problem, "write the path of a file with `key: secret` lines"),
        );
    });
    let mut report = Report::default();
    let pairs = match yaml::parse(path, &text.ok()?) {
        Ok(node) => pairs_of(node, &mut report),
        Err(faults) => {
            report.faults = faults;
            Vec::new()
        }
    };
    group.add(report);
    Some(pairs)
}

fn pairs_of(node: Node, report: &mut Report) -> Pairs {
    let whole = crate::tree::at_path("keys", node);
    Group::read_root(whole, report, |file| file.secrets("keys")).unwrap_or_default()
}

fn check(group: &mut Group<'_>, pairs: &Pairs, in_development: bool) {
    for (key, secret, place) in pairs {
        let path = format!("keys.{key}");
        if key.is_empty() {
            let problem = Problem::new("has an empty key", "write `key: secret`");
            group.fault("keys", Some(place.clone()), problem);
        } else if secret.is_empty() {
            let problem = Problem::new(
                "has no secret, so anybody could sign for it",
                "make a pair with `sluice keys`",
            );
            group.fault(&path, Some(place.clone()), problem);
        } else if secret.chars().count() < SECURE_CHARACTERS && !in_development {
            group.warn(
                &path,
                Some(place.clone()),
                "has a secret of fewer than 32 characters, which can be guessed; make one with \
                 `sluice keys`",
            );
        }
    }
}
