// The token endpoint as apps use it: LiveKit's TokenSource in Chromium, an app's own sessions, and those who ask for too much.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { TokenVerifier } from 'livekit-server-sdk';

import { callApi } from '../lib/api.js';
import { startChromium } from '../lib/chromium.js';
import { Participant } from '../lib/participant.js';
import { servePages } from '../lib/pages.js';
import { startServer } from '../lib/server.js';
import { freshRoom } from '../lib/token.js';

const SESSION_SECRET = 'the-secret-of-the-apps-own-sessions';
const shared = { server: undefined, asking: undefined, pages: undefined, browser: undefined, app: undefined };

/** A session of the app: a JWT that it has signed. */
function session(claims, secret = SESSION_SECRET) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 600;
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ exp, ...claims })}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

/** An app that knows its users by a cookie. */
async function startApp() {
  const server = http.createServer((request, response) => {
    const user = /user=(\w+)/.exec(request.headers.cookie ?? '')?.[1];
    if (!user) return response.writeHead(401).end();
    response.end(JSON.stringify({ identity: user, name: 'by the app', grants: { roomJoin: true, canPublish: false } }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); });
  return { url: `http://127.0.0.1:${server.address().port}/who`, close };
}

before(async () => {
  shared.app = await startApp();
  shared.server = await startServer((port) => ({
    tokens: { server_url: `ws://127.0.0.1:${port}`, session_secret: SESSION_SECRET, per_address: 1000, per_identity: 5 },
  }));
  shared.asking = await startServer({
    tokens: { server_url: 'wss://live.example', callback_url: shared.app.url, origins: ['https://app.example'], per_address: 5 },
  });
  shared.pages = await servePages();
  shared.browser = await startChromium(shared.pages.url);
});

after(async () => {
  await shared.browser?.close();
  await shared.pages?.close();
  await shared.server?.stop();
  await shared.asking?.stop();
  await shared.app?.close();
});

const endpoint = (server) => server.url.replace(/^ws/, 'http').concat('/token');

async function ask(server, headers, body = { room_name: 'lobby' }) {
  const response = await fetch(endpoint(server), { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

const bearer = (claims, secret) => ({ authorization: `Bearer ${session(claims, secret)}` });

const read = ({ body }, server = shared.server) => new TokenVerifier(server.apiKey, server.apiSecret).verify(body.participant_token);

describe('TokenSource.endpoint', () => {
  test('gets a token by the session of its user, with which it joins', async (t) => {
    const room = freshRoom();
    const page = await shared.browser.page();
    const alice = new Participant(page, shared.server, { room, identity: 'alice', mode: 'single' });
    t.after(() => alice.leave());
    await alice.perform('joinBySource', {
      endpoint: endpoint(shared.server),
      options: { headers: bearer({ sub: 'alice' }) },
      fetchOptions: { roomName: room, participantName: 'Alice', participantMetadata: 'm', participantAttributes: { k: 'v' } },
    });
    const { me, room: joined } = await alice.state();
    assert.deepEqual([joined, me.identity, me.name, me.metadata, me.attributes], [room, 'alice', 'Alice', 'm', { k: 'v' }]);
  });
});

describe('a session of the app', () => {
  test('that is no session, is over or is somebody else\'s gets nothing', async () => {
    const past = Math.floor(Date.now() / 1000) - 3600;
    for (const headers of [
      {}, { authorization: 'Bearer x' }, { authorization: 'Basic eDp5' }, bearer({ sub: 'u' }, 'another secret'),
      bearer({ sub: 'u', exp: past }), bearer({ sub: 'u', nbf: past + 7200 }), bearer({ sub: 'u', exp: undefined }), bearer({ sub: '' }), bearer({}),
    ]) {
      const { status, body } = await ask(shared.server, headers);
      assert.deepEqual([status, body.code], [401, 'unauthenticated'], JSON.stringify(headers));
    }
    const other = await ask(shared.server, bearer({ sub: 'u1' }), { room_name: 'lobby', participant_identity: 'u2' });
    assert.deepEqual([other.status, other.body.field], [400, 'participant_identity']);
    const fraction = await ask(shared.server, bearer({ sub: 'u3', exp: Math.floor(Date.now() / 1000) + 60.5 }));
    assert.equal(fraction.status, 201);
    const wrong = await ask(shared.server, bearer({ sub: 'u3' }), { room_name: 'lobby', room_config: { agents: 7 } });
    assert.deepEqual([wrong.status, wrong.body.field], [400, 'room_config']);
  });

  test('says which rooms its user may join, and what is asked for beyond agents is left out', async () => {
    const elsewhere = await ask(shared.server, bearer({ sub: 'v', rooms: ['hall'] }));
    assert.deepEqual([elsewhere.status, elsewhere.body.field], [400, 'room_name']);
    const admin = { roomJoin: true, roomAdmin: true };
    for (const grants of [{ ...admin, room: 'hall' }, admin]) {
      const refused = await ask(shared.server, bearer({ sub: 'v', grants }));
      assert.deepEqual([refused.status, refused.body.field], [400, 'room_name'], JSON.stringify(grants));
    }
    const own = await ask(shared.server, bearer({ sub: 'v', grants: { ...admin, room: 'hall' } }), {});
    assert.deepEqual((await read(own)).video, { ...admin, room: 'hall' });
    const config = { agents: [{ agent_name: 'helper' }], egress: { room: {} }, max_participants: 1000 };
    const given = await ask(shared.server, bearer({ sub: 'v', rooms: ['lobby'] }), { room_name: 'lobby', room_config: config });
    assert.equal(given.status, 201);
    assert.equal(given.headers.get('cache-control'), 'no-store');
    const claims = await read(given);
    assert.deepEqual(claims.video, { roomJoin: true, room: 'lobby' });
    assert.deepEqual(claims.roomConfig, { agents: [{ agent_name: 'helper' }] });
  });

  test('whose user is banned gets the reason', async (t) => {
    const { body } = await callApi(shared.server, 'POST', 'bans', { identity: 'w', reason: 'spam' });
    t.after(() => callApi(shared.server, 'DELETE', `bans/${body.ban.id}`));
    const refused = await ask(shared.server, bearer({ sub: 'w' }));
    assert.deepEqual([refused.status, refused.body.message], [403, 'banned: spam']);
  });

  test('that asks on and on waits, and others do not', async () => {
    const answers = [];
    for (let i = 0; i < 8; i++) answers.push(await ask(shared.server, bearer({ sub: 'busy' })));
    assert.deepEqual(answers.map(({ status }) => status), [201, 201, 201, 201, 201, 429, 429, 429]);
    const wait = Number(answers[5].headers.get('retry-after'));
    assert.ok(wait >= 1 && wait <= 13, `Retry-After: ${wait}`);
    assert.equal((await ask(shared.server, bearer({ sub: 'calm' }))).status, 201);
  });
});

describe('an app that is asked who its user is', () => {
  test('decides by the user\'s own cookie, for pages of its own, and strangers use up their own attempts', async () => {
    const given = await ask(shared.asking, { cookie: 'user=xena', origin: 'https://app.example' });
    assert.equal(given.status, 201, JSON.stringify(given.body));
    const claims = await read(given, shared.asking);
    assert.deepEqual([claims.sub, claims.name, claims.video.canPublish], ['xena', 'by the app', false]);
    assert.equal(given.headers.get('access-control-allow-credentials'), 'true');
    const elsewhere = await ask(shared.asking, { cookie: 'user=xena', origin: 'https://evil.example' });
    assert.equal(elsewhere.status, 403);
    const preflight = (origin) => fetch(endpoint(shared.asking), {
      method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
    });
    const allowed = async (origin) => (await preflight(origin)).headers.get('access-control-allow-origin');
    assert.deepEqual([await allowed('https://app.example'), await allowed('https://evil.example')], ['https://app.example', null]);
    const strangers = [];
    for (let i = 0; i < 6; i++) strangers.push((await ask(shared.asking, {})).status);
    assert.deepEqual(strangers, [401, 401, 401, 401, 429, 429]);
  });
});

describe('the full form', () => {
  test('makes any token for the app\'s backend, and names the field that is wrong', async () => {
    const { status, body } = await callApi(shared.server, 'POST', 'tokens', {
      identity: 'agent-7', room: 'lobby', name: 'Seven', metadata: 'm', attributes: { k: 'v' }, kind: 'agent', ttl_seconds: 60,
      grants: { roomJoin: true, hidden: true, canPublishSources: ['microphone'] }, room_preset: 'small',
    });
    assert.equal(status, 201, JSON.stringify(body));
    const claims = await new TokenVerifier(shared.server.apiKey, shared.server.apiSecret).verify(body.token);
    assert.deepEqual([claims.sub, claims.name, claims.kind, claims.metadata, claims.roomPreset], ['agent-7', 'Seven', 'agent', 'm', 'small']);
    assert.deepEqual(claims.video, { roomJoin: true, room: 'lobby', hidden: true, canPublishSources: ['microphone'] });
    assert.ok(Math.abs(body.expires_at_ms - Date.now() - 60_000) < 5_000);
    const wrong = [
      [{}, 'identity'], [{ identity: 'a' }, 'room'], [{ identity: 'x'.repeat(300), room: 'r' }, 'identity'],
      [{ identity: 'a', room: 'r', ttl_seconds: 0 }, 'ttl_seconds'], [{ identity: 'a', room: 'r', kind: 'dragon' }, 'kind'],
      [{ identity: 'a', room: 'r', grants: { roomJoin: 'yes' } }, 'grants.roomJoin'], [{ identity: 'a', room: 'r', room_config: 7 }, 'room_config'],
      [{ identity: 'a', room: 'r', attributes: { '': 'x' } }, 'attributes'], [{ identity: 'a', room: 7 }, 'room'],
      [{ identity: 'a', room: 'r', metadata: 'm'.repeat(600_000) }, undefined],
    ];
    for (const [request, field] of wrong) {
      const answer = await callApi(shared.server, 'POST', 'tokens', request);
      assert.ok([400, 413].includes(answer.status), JSON.stringify(answer));
      assert.equal(answer.body.field, field, JSON.stringify(answer.body));
    }
  });
});
