use std::time::Duration;

use crate::duration;
use crate::group::Group;
use crate::problem::Problem;
use crate::{ApiKeyPair, DEV_KEY, value};

/// Who is told of what happens in rooms: the group `webhook`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// `api_key`: the key that signs. It is one of `keys`.
    pub api_key: Option<String>,
    /// `urls`, with the events of `filter_params`, and `targets`, each with its own.
    pub targets: Vec<WebhookTarget>,
    /// `allow_private`: whether receivers may be on this machine or in a private network. Default no, with `--dev` yes. Ours.
    pub allow_private: bool,
    /// `give_up_after`: how old an event is at least when it is given up. Default 24h. Ours.
    pub give_up_after: Duration,
}

/// One receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookTarget {
    /// Where it is.
    pub url: String,
    /// `include_events`: the events that it is told of. None: all of LiveKit's.
    pub include_events: Vec<String>,
    /// `exclude_events`: those that it is not told of.
    pub exclude_events: Vec<String>,
}

impl Default for Webhook {
    fn default() -> Self {
        Self {
            api_key: None,
            targets: Vec::new(),
            allow_private: false,
            give_up_after: Duration::from_secs(24 * 3600),
        }
    }
}

impl Webhook {
    pub(crate) fn read(group: &mut Group<'_>, keys: &[ApiKeyPair], dev: bool) -> Self {
        let api_key = group.get_with_place("api_key", value::text);
        let urls = group.list("urls", value::text).unwrap_or_default();
        let (include_events, exclude_events) = group.group("filter_params", events);
        let mut targets: Vec<_> = urls
            .into_iter()
            .map(|url| WebhookTarget {
                url,
                include_events: include_events.clone(),
                exclude_events: exclude_events.clone(),
            })
            .collect();
        targets.extend(group.groups("targets", target).into_iter().flatten());
        for notifier in ["url_notifier", "resource_url_notifier"] {
            // LiveKit's queues in memory, which are on the disk here.
            group.take_silently(notifier);
        }
        let default = Self::default();
        let webhook = Self {
            allow_private: group.get("allow_private", value::truth).unwrap_or(dev),
            give_up_after: group
                .get("give_up_after", duration::read)
                .unwrap_or(default.give_up_after),
            // Whoever tries out has no keys of its own.
            api_key: match (&api_key, dev && keys.is_empty()) {
                (Some((key, _)), _) => Some(key.clone()),
                (None, true) => Some(DEV_KEY.to_owned()),
                (None, false) => None,
            },
            targets,
        };
        let is_known = |key: &str| {
            keys.iter().any(|known| known.key == key) || (dev && keys.is_empty() && key == DEV_KEY)
        };
        match api_key {
            None if webhook.api_key.is_some() => {}
            None if !webhook.targets.is_empty() => {
                let problem = Problem::new(
                    "is missing: api_key is required to use webhooks",
                    "write one of `keys`",
                );
                group.fault("api_key", None, problem);
            }
            Some((key, place)) if !webhook.targets.is_empty() && !is_known(&key) => {
                let problem = Problem::new(
                    "is an unknown api key in webhook config",
                    "write one of `keys`",
                );
                group.fault("api_key", Some(place), problem);
            }
            None | Some(_) => {}
        }
        webhook
    }
}

fn target(group: &mut Group<'_>) -> Option<WebhookTarget> {
    let (include_events, exclude_events) = events(group);
    let url = group.get("url", value::text);
    if url.is_none() {
        let problem = Problem::new("is missing", "write the address of the receiver");
        group.fault("url", None, problem);
    }
    Some(WebhookTarget {
        url: url?,
        include_events,
        exclude_events,
    })
}

fn events(group: &mut Group<'_>) -> (Vec<String>, Vec<String>) {
    let mut names = |name| group.list(name, value::text).unwrap_or_default();
    (names("include_events"), names("exclude_events"))
}
