//! From flags, variables and files to a configuration.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use control_api::{Reach, Session, Target};
use sluice_config::{Address, Config, Inputs, Problem, Setting, SettingValue, Text, Warning};
use store::Store;

use crate::cli::NodeFlags;

/// Bits of a key file's mode that let others than its owner and group read or change it.
const OTHERS: u32 = 0o007;

/// Reads the whole configuration, or says everything that is wrong with it.
pub(crate) fn load(flags: &NodeFlags) -> Result<(Config, Vec<Warning>), String> {
    let file = match &flags.config {
        Some(path) => Some((path.display().to_string(), read(path)?)),
        None => None,
    };
    let inputs = Inputs {
        file: file.as_ref().map(|(name, text)| Text { name, text }),
        body: flags.config_body.as_deref().map(|text| Text {
            name: "--config-body",
            text,
        }),
        settings: &settings(flags),
        dev: flags.dev,
        read_file: Some(&read_secret),
        check_address: Some(&check_address),
    };
    Config::load(&inputs).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        format!("The configuration has faults:\n  {}", lines.join("\n  "))
    })
}

fn settings(flags: &NodeFlags) -> Vec<Setting> {
    let mut settings = Vec::new();
    let mut set = |key, flag: &str, value| {
        settings.push(Setting {
            key,
            origin: flag.to_owned(),
            value,
        });
    };
    if let Some(keys) = &flags.keys {
        set("keys", "--keys", SettingValue::Yaml(keys.clone()));
    }
    if let Some(path) = &flags.key_file {
        let path = path.display().to_string();
        set("key_file", "--key-file", SettingValue::One(path));
    }
    if !flags.bind.is_empty() {
        let addresses = flags.bind.iter().map(ToString::to_string).collect();
        set("bind_addresses", "--bind", SettingValue::List(addresses));
    }
    let single: [(_, _, &Option<String>); 6] = [
        ("rtc.node_ip", "--node-ip", &flags.node_ip),
        ("port", "--port", &flags.port),
        ("rtc.udp_port", "--udp-port", &flags.udp_port),
        ("region", "--region", &flags.region),
        ("data_dir", "--data-dir", &flags.data_dir),
        ("database.url", "--database-url", &flags.database_url),
    ];
    for (key, flag, value) in single {
        if let Some(value) = value {
            set(key, flag, SettingValue::One(value.clone()));
        }
    }
    if let Some(shards) = flags.shards {
        let shards = shards.to_string();
        set("rtc.shards", "--shards", SettingValue::One(shards));
    }
    settings
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
}

/// Reads a file of secrets, if nobody else can.
fn read_secret(path: &str) -> Result<String, String> {
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    if metadata.permissions().mode() & OTHERS != 0 {
        return Err(format!(
            "others may read or change it: run `chmod o= {path}`"
        ));
    }
    fs::read_to_string(path).map_err(|error| error.to_string())
}

/// Checks an address as whoever uses it does when the node starts. Only its host is shown.
fn check_address(address: Address<'_>) -> Result<(), Problem> {
    match address {
        Address::Receiver { url, allow_private } => {
            let reach = match allow_private {
                true => Reach::Anywhere,
                false => Reach::Public,
            };
            let checked = Target::new(url, Vec::new(), Vec::new(), reach);
            checked.map(drop).map_err(|error| {
                let problem = format!(
                    "names the receiver {:?}, which cannot be: {error}",
                    host(url)
                );
                Problem::new(problem, "write an address that the node can reach")
            })
        }
        Address::Callback(url) => {
            let checked = Session::by_callback(url);
            checked.map(drop).map_err(|error| unusable(url, &error))
        }
        Address::Jwks(url) => Session::check_jwks_url(url).map_err(|error| unusable(url, &error)),
        Address::Database(url) => Store::check(url).map(drop).map_err(|error| {
            let remedy = "write sqlite:///path/file.db or postgres://user:password@host/database";
            Problem::new(format!("cannot be used: {error}"), remedy)
        }),
    }
}

fn unusable(url: &str, error: &str) -> Problem {
    let problem = format!("on {:?} cannot be used: {error}", host(url));
    Problem::new(
        problem,
        "write an address such as https://app.example.com/path",
    )
}

/// Names an address by its host: the rest may be secret.
pub(crate) fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}
