use crate::group::Group;
use crate::problem::{Problem, Read};
use crate::value;

/// How much the rooms of each API key may be used: the group `quotas`. Ours, not LiveKit's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Of each key that is not named.
    pub usual: Quota,
    /// `keys`: of those that are.
    pub keys: Vec<(String, Quota)>,
}

/// How much the rooms of one API key may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// `participants`: at once, on this node; agents and recorders aside. Default no limit.
    pub participants: Option<u64>,
    /// `minutes_a_month`: of participants in a month of UTC, all nodes of one database together. Default no limit.
    pub minutes_a_month: Option<u64>,
    /// `exceeded`: what becomes of who joins beyond that. Default `refuse`.
    pub exceeded: Exceeded,
}

/// What becomes of who joins beyond a quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exceeded {
    /// `refuse`: it is not let in.
    #[default]
    Refuse,
    /// `tell`: it is let in; the log and the metrics tell.
    Tell,
}

impl Quotas {
    pub(crate) fn read(group: &mut Group<'_>) -> Self {
        Self {
            usual: Quota::read(group),
            keys: group.named_groups("keys", Quota::read),
        }
    }
}

impl Quota {
    fn read(group: &mut Group<'_>) -> Self {
        Self {
            participants: group.get("participants", value::limit).flatten(),
            minutes_a_month: group.get("minutes_a_month", value::limit).flatten(),
            exceeded: group.get("exceeded", exceeded).unwrap_or_default(),
        }
    }
}

fn exceeded(written: &str) -> Read<Exceeded> {
    match written {
        "refuse" => Ok(Exceeded::Refuse),
        "tell" => Ok(Exceeded::Tell),
        _ => Err(Problem::new(
            "is nothing that can be done",
            "write refuse or tell",
        )),
    }
}
