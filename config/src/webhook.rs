use std::time::Duration;

use crate::duration;
use crate::group::Group;
use crate::problem::{Problem, Read};
use crate::{Address, ApiKeyPair, DEV_KEY, Inputs, value};

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
    pub(crate) fn read(group: &mut Group<'_>, keys: &[ApiKeyPair], inputs: &Inputs<'_>) -> Self {
        let dev = inputs.dev;
        let api_key = group.get_with_place("api_key", value::text);
        let allow_private = group.get("allow_private", value::truth).unwrap_or(dev);
        let (include_events, exclude_events) = group.group("filter_params", events);
        let mut targets = Vec::new();
        for (url, place) in group.texts("urls") {
            let address = Address::Receiver {
                url: &url,
                allow_private,
            };
            group.check_address("urls", Some(place), address, inputs.check_address);
            targets.push(WebhookTarget {
                url,
                include_events: include_events.clone(),
                exclude_events: exclude_events.clone(),
            });
        }
        let of_their_own = group.groups("targets", |group| target(group, allow_private, inputs));
        targets.extend(of_their_own.into_iter().flatten());
        for notifier in ["url_notifier", "resource_url_notifier"] {
            // LiveKit's queues in memory, which are on the disk here.
            group.take_silently(notifier);
        }
        let default = Self::default();
        let webhook = Self {
            allow_private,
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

fn target(
    group: &mut Group<'_>,
    allow_private: bool,
    inputs: &Inputs<'_>,
) -> Option<WebhookTarget> {
    let (include_events, exclude_events) = events(group);
    let Some((url, place)) = group.get_with_place("url", value::text) else {
        let problem = Problem::new("is missing", "write the address of the receiver");
        group.fault("url", None, problem);
        return None;
    };
    let address = Address::Receiver {
        url: &url,
        allow_private,
    };
    group.check_address("url", Some(place), address, inputs.check_address);
    Some(WebhookTarget {
        url,
        include_events,
        exclude_events,
    })
}

fn events(group: &mut Group<'_>) -> (Vec<String>, Vec<String>) {
    let mut names = |name| group.list(name, event).unwrap_or_default();
    (names("include_events"), names("exclude_events"))
}

/// The events of LiveKit's webhooks. Of those that this node does not tell of nobody is told.
const EVENTS: [&str; 12] = [
    "room_started",
    "room_finished",
    "participant_joined",
    "participant_left",
    "participant_connection_aborted",
    "track_published",
    "track_unpublished",
    "egress_started",
    "egress_updated",
    "egress_ended",
    "ingress_started",
    "ingress_ended",
];

fn event(written: &str) -> Read<String> {
    match EVENTS.contains(&written) {
        true => Ok(written.to_owned()),
        false => Err(Problem::new(
            "is no event",
            format!("write one of {}", EVENTS.join(", ")),
        )),
    }
}
