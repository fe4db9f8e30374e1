// Participant and API tokens, made by LiveKit's own server SDK.
import { AccessToken } from 'livekit-server-sdk';
import { createHmac, randomUUID } from 'node:crypto';

/** A token for the whole REST API (`/api/v1`), for half an hour. No SDK of LiveKit's knows its claim. */
export function apiToken(server) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = { iss: server.apiKey, exp: Math.floor(Date.now() / 1000) + 1800, sluice: { admin: true } };
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(body)}`;
  return `${signed}.${createHmac('sha256', server.apiSecret).update(signed).digest('base64url')}`;
}

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
