//! `sluice token` and `sluice keys`.

use auth::{Claims, KEY_RANDOM_BYTES, Keys, SluiceGrant, VideoGrant, generate_key};
use control_api::{TokenFields, claims_of};
use signaling::NameLimits;

use crate::cli::TokenFlags;
use crate::outcome::Outcome;
use crate::{inputs, translate};

/// Prints a token, signed with the first key of the configuration; without one, with the key of
/// `--dev`.
pub(crate) fn token(flags: &TokenFlags) -> Outcome {
    let mut node = flags.node.clone();
    node.dev |= node.config.is_none()
        && node.config_body.is_none()
        && node.keys.is_none()
        && node.key_file.is_none();
    let (config, _) = inputs::load(&node)?;
    let keys = translate::keys(&config).map_err(|error| error.to_string())?;
    let mut grant = VideoGrant::to_join(flags.room.as_deref().unwrap_or_default());
    grant.can_update_own_metadata = Some(true);
    grant.room_admin = flags.admin;
    grant.room_create = flags.admin;
    grant.room_list = flags.admin;
    if flags.subscribe_only {
        grant.can_publish = Some(false);
        grant.can_publish_data = Some(false);
    }
    let claims = match flags.api {
        true => for_api(flags),
        false => for_room(flags, grant, translate::settings(&config).limits)?,
    };
    println!(
        "{}",
        auth::sign(&claims, keys.first(), signaling::now().unix, flags.life())
    );
    Ok(())
}

/// Says what the whole REST API needs.
fn for_api(flags: &TokenFlags) -> Claims {
    let mut claims = Claims::of(flags.identity.as_deref().unwrap_or_default().into());
    claims.sluice = Some(SluiceGrant {
        admin: true,
        ..SluiceGrant::default()
    });
    claims
}

/// Says what a participant needs, checked as `POST /api/v1/tokens` does.
fn for_room(flags: &TokenFlags, usual: VideoGrant, limits: NameLimits) -> Result<Claims, String> {
    let fields = TokenFields {
        identity: flags.identity.clone().unwrap_or_default(),
        room: flags.room.clone().unwrap_or_default(),
        name: flags.name.clone(),
        metadata: flags.metadata.clone(),
        attributes: flags.attribute.iter().cloned().collect(),
        kind: flags.kind.clone(),
        grant: Some(flags.grants.clone().unwrap_or(usual)),
        room_config: flags.room_config.clone(),
        room_preset: flags.room_preset.clone(),
        max_session_seconds: flags.max_session_seconds,
    };
    claims_of(fields, limits).map_err(|error| format!("`{}`: {}", error.field, error.message))
}

/// Prints a fresh key and secret as YAML, ready for the configuration.
pub(crate) fn keys() -> Outcome {
    let mut random = [0; KEY_RANDOM_BYTES];
    getrandom::fill(&mut random).map_err(|error| format!("no random bytes: {error}"))?;
    let made = generate_key(random);
    println!("keys:\n  {}: {}", made.key, made.secret.expose());
    Ok(())
}

/// Signs a token for whoever tries the node out.
pub(crate) fn for_a_try(keys: &Keys, room: &str, identity: &str) -> String {
    let mut grant = VideoGrant::to_join(room);
    grant.can_update_own_metadata = Some(true);
    let mut claims = Claims::of(identity.into());
    claims.video = Some(grant);
    let day = std::time::Duration::from_secs(24 * 3600);
    auth::sign(&claims, keys.first(), signaling::now().unix, day)
}
