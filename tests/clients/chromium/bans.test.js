// Bans as an app sees them: who is banned in a call is out at once, reads why, and stays out by every way until it is let back.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RoomServiceClient } from 'livekit-server-sdk';

import { callApi } from '../lib/api.js';
import { callSuite, MODES, roomOf } from '../lib/suite.js';
import { freshRoom, participantToken } from '../lib/token.js';
import { until } from '../lib/until.js';

const suite = callSuite();

/** LiveKit's DisconnectReason. */
const PARTICIPANT_REMOVED = 4;

/** The attribute by which whoever is removed learns why. */
const REASON = 'sluice.removed_reason';

/** Tokens are told apart by the second in which they were issued. */
const SECOND_MS = 1000;

const ban = async (body) => {
  const { status, body: answer } = await callApi(suite.server, 'POST', 'bans', body);
  assert.equal(status, 201, JSON.stringify(answer));
  return answer;
};
const lift = async ({ ban: { id } }) => {
  const { status, body } = await callApi(suite.server, 'DELETE', `bans/${id}`);
  assert.equal(status, 200, JSON.stringify(body));
};

/** What the server says to whoever would join, or resume, with a token. */
async function validate(token, parameters = '') {
  const response = await fetch(`${suite.server.http}/rtc/validate?access_token=${token}${parameters}`);
  return [response.status, await response.text()];
}

describe('a participant who is banned', () => {
  for (const mode of MODES) {
    test(`is cut off, reads why, and stays out by every way until it is let back (${mode})`, async (t) => {
      const name = `bob-${mode}`;
      const first = await participantToken(suite.server, { room: roomOf(t), identity: name });
      const alice = await suite.join(t, 'alice', { mode });
      const bob = await suite.join(t, name, { mode, token: first });
      await bob.publishVideo();
      await alice.decodesVideo(name);
      const { sid } = (await bob.state()).me;
      const refreshed = await until('bob is sent another token', async () => {
        const token = await bob.token();
        return token && token !== first ? token : null;
      });

      const begun = performance.now();
      const banned = await ban({ identity: name, reason: 'spam in the lobby' });
      const answered = performance.now() - begun;
      await Promise.all([
        bob.event('disconnected', { reason: PARTICIPANT_REMOVED }),
        alice.event('participantDisconnected', { identity: name }),
      ]);
      const told = performance.now() - begun;
      t.diagnostic(`the call had its answer after ${answered.toFixed(0)} ms, both clients knew after ${told.toFixed(0)} ms`);
      assert.equal(banned.removed, 1);
      assert.equal((await bob.state()).me.attributes[REASON], 'banned: spam in the lobby');
      const changed = { [REASON]: 'banned: spam in the lobby' };
      await bob.event('participantAttributesChanged', { identity: name, changed });
      // Others are not told.
      const seen = (await alice.events()).filter(({ event }) => event === 'participantAttributesChanged');
      assert.deepEqual(seen, []);

      const fresh = await participantToken(suite.server, { room: roomOf(t), identity: name });
      const elsewhere = await participantToken(suite.server, { room: freshRoom(), identity: name });
      for (const token of [first, refreshed, fresh, elsewhere]) {
        assert.deepEqual(await validate(token), [403, 'banned: spam in the lobby']);
        assert.deepEqual(await validate(token, `&reconnect=1&sid=${sid}`), [403, 'banned: spam in the lobby']);
        const again = bob.beside(t, name);
        const error = await again.joinError({ token });
        assert.match(error?.message ?? '', /banned: spam in the lobby$/, JSON.stringify(error));
        assert.equal(error.status, 403);
      }

      await lift(banned);
      const back = await suite.join(t, name, { mode, token: first });
      await Promise.all([alice.sees(name), back.sees('alice')]);
      assert.ok(!(REASON in (await back.state()).me.attributes));
    });
  }

  test('in one room is let into another', async (t) => {
    const bob = await suite.join(t, 'frank');
    const other = await suite.join(t, 'frank', { room: freshRoom() });
    const banned = await ban({ identity: 'frank', room: roomOf(t) });
    t.after(() => lift(banned));
    assert.equal(banned.removed, 1);
    await bob.event('disconnected', { reason: PARTICIPANT_REMOVED });
    assert.equal((await other.state()).connection, 'connected');
  });

  test('by its old tokens comes back with a later one', async (t) => {
    const old = await participantToken(suite.server, { room: roomOf(t), identity: 'carol' });
    const carol = await suite.join(t, 'carol', { token: old });
    await new Promise((resolve) => setTimeout(resolve, SECOND_MS));
    const before = Math.floor(Date.now() / SECOND_MS) * SECOND_MS;
    const banned = await ban({ identity: 'carol', tokens_issued_before_ms: before });
    t.after(() => lift(banned));
    await carol.event('disconnected', { reason: PARTICIPANT_REMOVED });
    assert.deepEqual(await validate(old), [403, 'banned']);
    await suite.join(t, 'carol');
  });

  test('by its address is out, whatever it says of where it is', async (t) => {
    const dave = await suite.join(t, 'dave');
    const banned = await ban({ address: '127.0.0.0/8', reason: 'loopback' });
    t.after(() => lift(banned));
    await dave.event('disconnected', { reason: PARTICIPANT_REMOVED });
    const token = await participantToken(suite.server, { room: roomOf(t), identity: 'dave' });
    const headers = { 'x-forwarded-for': '198.51.100.7', 'x-real-ip': '198.51.100.7' };
    const answer = await fetch(`${suite.server.http}/rtc/validate?access_token=${token}`, { headers });
    assert.deepEqual([answer.status, await answer.text()], [403, 'banned: loopback']);
  });

  test('by removal with a time is let in by later tokens alone', async (t) => {
    const service = new RoomServiceClient(suite.server.http, suite.server.apiKey, suite.server.apiSecret);
    const old = await participantToken(suite.server, { room: roomOf(t), identity: 'gina' });
    const gina = await suite.join(t, 'gina', { token: old });
    // Without a time whoever is removed comes back, as with LiveKit's server.
    await service.removeParticipant(roomOf(t), 'gina');
    await gina.event('disconnected', { reason: PARTICIPANT_REMOVED });
    assert.equal((await validate(old))[0], 200);

    const again = await suite.join(t, 'gina', { token: old });
    await new Promise((resolve) => setTimeout(resolve, SECOND_MS));
    const now = BigInt(Math.floor(Date.now() / SECOND_MS));
    await service.removeParticipant(roomOf(t), 'gina', { revokeTokenTs: now });
    await again.event('disconnected', { reason: PARTICIPANT_REMOVED });
    assert.deepEqual(await validate(old), [403, 'banned: the token was revoked']);
    assert.deepEqual(await service.listParticipants(roomOf(t)), []);
    await suite.join(t, 'gina');
    await assert.rejects(service.removeParticipant(roomOf(t), 'nobody', { revokeTokenTs: now }), { code: 'not_found' });
  });

  test('by one of its tokens comes back with another', async (t) => {
    const marked = async (jti) => signed({ sub: 'erin', jti, video: { room: roomOf(t), roomJoin: true } });
    const erin = await suite.join(t, 'erin', { token: await marked('T1') });
    const banned = await ban({ token_id: 'T1' });
    t.after(() => lift(banned));
    await erin.event('disconnected', { reason: PARTICIPANT_REMOVED });
    assert.deepEqual(await validate(await marked('T1')), [403, 'banned']);
    await suite.join(t, 'erin', { token: await marked('T2') });
  });
});

/** Signs what no SDK writes: a token with an id. */
async function signed(claims) {
  const { SignJWT } = await import('jose');
  const jwt = new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).setIssuer(suite.server.apiKey).setExpirationTime('10m');
  return jwt.sign(new TextEncoder().encode(suite.server.apiSecret));
}
