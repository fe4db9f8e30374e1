use signaling_protocol::sid;
use store::{Audit, Ban, BanTarget};

use crate::random::random;

/// Writes what the audit says of a ban that is added.
pub(crate) fn ban_audit(ban: &Ban) -> Audit {
    let room = match &ban.target {
        BanTarget::Identity { room, .. } | BanTarget::Tokens { room, .. } => room.as_ref(),
        BanTarget::Address(_) | BanTarget::Token(_) | BanTarget::Key(_) => None,
    };
    Audit {
        id: sid("AU_", random()),
        at: ban.created_at,
        author: ban.author.clone(),
        action: "ban.add".to_owned(),
        room: room.map(ToString::to_string).unwrap_or_default(),
        subject: ban.id.clone(),
        detail: format!("{}: {}", ban.target, ban.reason),
    }
}
