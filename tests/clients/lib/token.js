// Participant and API tokens, made by LiveKit's own server SDK.
import { AccessToken } from 'livekit-server-sdk';
import { randomUUID } from 'node:crypto';

/** A room name that no other test uses. */
export function freshRoom(about = 'room') {
  return `${about}-${randomUUID().slice(0, 8)}`;
}

/**
 * Signs a participant token for `room`. `grants` overrides the video grants, `claims` what AccessToken takes
 * (ttl, name, metadata, attributes); `key` and `secret` sign it in place of the server's own.
 */
export async function participantToken(server, { room, identity, grants = {}, claims = {}, key, secret }) {
  const token = new AccessToken(key ?? server.apiKey, secret ?? server.apiSecret, { identity, ttl: '10m', ...claims });
  token.addGrant({ roomJoin: true, room, ...grants });
  if (claims.roomConfig) token.roomConfig = claims.roomConfig;
  return token.toJwt();
}
