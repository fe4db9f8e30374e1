use signaling::random;
use signaling_protocol::sid;
use store::{Audit, Ban};

/// Writes what the audit says of a ban that is added.
pub(crate) fn ban_audit(ban: &Ban) -> Audit {
    let room = ban.target.room();
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
