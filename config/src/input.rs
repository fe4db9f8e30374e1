use crate::tree::{self, Node, Value};
use crate::{Fault, Place, Problem, yaml};

/// Reads a file that the configuration names, after checking that others may not read it.
pub type FileReader = dyn Fn(&str) -> Result<String, String>;

/// Says what is wrong with an address that the configuration names, beyond how it is written. The address itself is not shown:
/// it may hold a secret.
pub type AddressCheck = dyn Fn(Address<'_>) -> Result<(), Problem>;

/// An address that whoever uses it has to check: the same words are good or bad when the configuration is read as when the
/// node starts.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "it may hold secrets")]
pub enum Address<'a> {
    /// Of a receiver of webhooks.
    Receiver {
        /// Where it is.
        url: &'a str,
        /// Whether it may be on this machine or in a private network.
        allow_private: bool,
    },
    /// Of the app, which says who a user is.
    Callback(&'a str),
    /// Of the public keys that sign an app's sessions.
    Jwks(&'a str),
    /// Of a database.
    Database(&'a str),
}

/// Everything that decides the configuration.
#[derive(Clone, Copy, Default)]
pub struct Inputs<'a> {
    /// The file of `--config`.
    pub file: Option<Text<'a>>,
    /// The text of `--config-body` or `LIVEKIT_CONFIG`. It wins over the file, key by key.
    pub body: Option<Text<'a>>,
    /// Single keys from flags and variables. They win over both texts, and later ones over earlier.
    pub settings: &'a [Setting],
    /// `--dev`: fills in keys and addresses for trying things out, where they are left open.
    pub dev: bool,
    /// Reads the files that the configuration names: `key_file` and `secret_file`. It expands `~`
    /// and variables in the path, and refuses a file that others may read.
    pub read_file: Option<&'a FileReader>,
    /// Checks the addresses that the configuration names.
    pub check_address: Option<&'a AddressCheck>,
}

impl std::fmt::Debug for Inputs<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inputs")
            .field("dev", &self.dev)
            .finish_non_exhaustive()
    }
}

/// A text in YAML. It may hold secrets, so it has no `Debug`.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "it holds secrets")]
pub struct Text<'a> {
    /// What it is called towards the operator: a file name, a flag or a variable.
    pub name: &'a str,
    /// The text.
    pub text: &'a str,
}

/// One key from a flag or variable.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "it may hold secrets")]
pub struct Setting {
    /// The key with its path, such as `rtc.node_ip`.
    pub key: &'static str,
    /// What the operator used: `--node-ip`, `NODE_IP`.
    pub origin: String,
    /// The value.
    pub value: SettingValue,
}

/// The value of a flag or variable.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "it may hold secrets")]
pub enum SettingValue {
    /// One value.
    One(String),
    /// A list, from a flag that may be repeated.
    List(Vec<String>),
    /// YAML, as `LIVEKIT_KEYS` has it: `key: secret`, one a line.
    Yaml(String),
}

impl Setting {
    fn tree(&self) -> Result<Node, Vec<Fault>> {
        let place = Place {
            origin: self.origin.as_str().into(),
            line: None,
        };
        let scalar = |text: &String| Node {
            place: place.clone(),
            value: Value::Scalar(text.clone()),
        };
        let node = match &self.value {
            SettingValue::One(text) => scalar(text),
            SettingValue::List(items) => Node {
                place: place.clone(),
                value: Value::Sequence(items.iter().map(scalar).collect()),
            },
            SettingValue::Yaml(text) => yaml::parse(&self.origin, text)?,
        };
        Ok(tree::at_path(self.key, node))
    }
}

impl Inputs<'_> {
    /// Lays all inputs over each other. Those that cannot be read are left out and their faults
    /// returned beside.
    pub(crate) fn tree(&self) -> (Node, Vec<Fault>) {
        let mut faults = Vec::new();
        let mut whole = Node {
            place: Place {
                origin: "configuration".into(),
                line: None,
            },
            value: Value::Mapping(Vec::new()),
        };
        let texts = [self.file, self.body];
        let texts = texts
            .iter()
            .flatten()
            .map(|text| yaml::parse(text.name, text.text));
        let settings = self.settings.iter().map(Setting::tree);
        for part in texts.chain(settings) {
            match part {
                Ok(node) => whole = tree::lay_over(whole, node),
                Err(found) => faults.extend(found),
            }
        }
        (whole, faults)
    }
}
