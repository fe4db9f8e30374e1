// HTTP refusals before the WebSocket opens, the validate endpoints, and the other plain HTTP behaviours of the main port.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { SignJWT } from 'jose';

import { serverIsGiven, startServer } from '../lib/server.js';
import { joinRequest, openSignal } from '../lib/signal.js';
import { freshRoom, participantToken } from '../lib/token.js';

let server;
before(async () => { server = await startServer(); });
after(() => server?.stop());

/** Signs claims as they are: for tokens that no SDK would make. */
function rawToken(claims, { secret = server.apiSecret, key = server.apiKey, expires = '10m' } = {}) {
  const token = new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).setIssuer(key);
  if (expires) token.setExpirationTime(expires);
  return token.sign(new TextEncoder().encode(secret));
}

/** What each token is refused with: the same by upgrade and by the validate endpoint, in both generations. */
const REFUSED_TOKENS = {
  'no token': [async () => undefined, 401, /permissions/],
  'something that is no token': [async () => 'abc', 401, /^invalid authorization token/],
  'a token of an unknown key': [
    () => participantToken(server, { room: freshRoom(), identity: 'eve', key: 'nokey' }), 401, /^invalid API key/,
  ],
  'a token with a wrong signature': [
    () => participantToken(server, { room: freshRoom(), identity: 'eve', secret: 'w'.repeat(40) }),
    401, /^invalid (authorization )?token: /,
  ],
  'an expired token': [
    () => rawToken({ sub: 'eve', video: { roomJoin: true, room: 'r' } }, { expires: Math.floor(Date.now() / 1000) - 300 }),
    401, /^invalid (authorization )?token: /,
  ],
  'a token without roomJoin': [
    () => rawToken({ sub: 'eve', video: { room: 'r' } }), 401, /^permissions denied$/,
  ],
  'a token without grants': [() => rawToken({ sub: 'eve' }), 401, /permissions/],
  'a token without identity': [
    () => rawToken({ video: { roomJoin: true, room: 'r' } }), 400, /^identity cannot be empty$/,
  ],
  'a token without room': [
    () => rawToken({ sub: 'eve', video: { roomJoin: true } }), 400, /^no room name$/,
  ],
  'an identity of 257 characters': [
    () => rawToken({ sub: 'i'.repeat(257), video: { roomJoin: true, room: 'r' } }),
    400, /^participant identity length exceeds limits: max length 256$/,
  ],
  'a room name of 257 characters': [
    () => rawToken({ sub: 'eve', video: { roomJoin: true, room: 'r'.repeat(257) } }),
    400, /^room name length exceeds limits: max length 256$/,
  ],
};

describe('what is refused with which status and text', () => {
  for (const [name, [makeToken, status, text]] of Object.entries(REFUSED_TOKENS)) {
    for (const path of ['/rtc', '/rtc/v1']) {
      test(`${name} at ${path}, by upgrade and by validate`, async () => {
        const token = await makeToken();
        const query = path === '/rtc' ? { protocol: 16 } : { join_request: joinRequest({}) };
        const upgrade = await openSignal(server, { path, query, token });
        assert.equal(upgrade.status, status, `upgrade answered ${upgrade.status} ${upgrade.body}`);
        assert.match(upgrade.body.trim(), text);
        const search = new URLSearchParams({ ...query, ...(token ? { access_token: token } : {}) });
        const validate = await fetch(`${server.http}${path}/validate?${search}`);
        assert.deepEqual([validate.status, (await validate.text()).trim()], [status, upgrade.body.trim()]);
      });
    }
  }

  test('an authorization header that is no bearer token', async () => {
    const answer = await openSignal(server, { headers: { authorization: 'Basic abc' } });
    assert.equal(answer.status, 401);
    assert.equal(answer.body.trim(), 'invalid authorization header. Must start with Bearer');
  });
});

describe('what is accepted', () => {
  for (const path of ['/rtc', '/rtc/v1']) {
    test(`validate at ${path} says success, by query and by header`, async () => {
      const token = await participantToken(server, { room: freshRoom(), identity: 'alice' });
      const query = path === '/rtc' ? 'protocol=16' : `join_request=${encodeURIComponent(joinRequest({}))}`;
      const byQuery = await fetch(`${server.http}${path}/validate?${query}&access_token=${token}`);
      const byHeader = await fetch(`${server.http}${path}/validate?${query}`, { headers: { authorization: `Bearer ${token}` } });
      for (const answer of [byQuery, byHeader]) {
        assert.deepEqual([answer.status, await answer.text()], [200, 'success']);
        assert.equal(answer.headers.get('access-control-allow-origin'), '*');
      }
    });
  }

  test('the token of an SDK by header opens the socket', async () => {
    const token = await participantToken(server, { room: freshRoom(), identity: 'alice' });
    const signal = await openSignal(server, { query: { protocol: 16 }, headers: { authorization: `Bearer ${token}` } });
    await signal.next('join');
    signal.close();
  });
});

describe('bad join requests of /rtc/v1', () => {
  // Lengths are multiples of three: no padding, whose absence some servers mind.
  const base64 = (bytes) => Buffer.from(bytes).toString('base64url');
  const CASES = {
    'none at all': [undefined, /^join_request is required$/],
    'no base64': ['%%%', /^cannot base64 decode wrapped join request$/],
    'no protobuf': [base64([0xff, 0xff, 0xff]), /^cannot unmarshal wrapped join request$/],
    'an inner message that is no protobuf': [
      base64([0x12, 0x04, 0xff, 0xff, 0xff, 0xff]), /^cannot unmarshal join request$/,
    ],
    'gzip that is none': [
      base64([0x08, 0x01, 0x12, 0x05, 1, 2, 3, 4, 5]), /^cannot (read decompressed|unmarshal|decompress)/,
    ],
  };
  for (const [name, [join, text]] of Object.entries(CASES)) {
    test(`${name} is 400`, async () => {
      const token = await participantToken(server, { room: freshRoom(), identity: 'alice' });
      const answer = await openSignal(server, { path: '/rtc/v1', token, query: join === undefined ? {} : { join_request: join } });
      assert.equal(answer.status, 400, `answered ${answer.status} ${answer.body}`);
      assert.match(answer.body.trim(), text);
    });
  }
});

describe('plain HTTP', () => {
  test('the root answers OK', async () => {
    const answer = await fetch(server.http);
    assert.deepEqual([answer.status, await answer.text()], [200, 'OK']);
  });

  test('an unknown path is 404', async () => {
    const answer = await fetch(`${server.http}/nothing/here`);
    assert.equal(answer.status, 404);
    assert.equal((await answer.text()).trim(), '404 page not found');
  });

  test('the signalling path without an upgrade is 404', async () => {
    const token = await participantToken(server, { room: freshRoom(), identity: 'alice' });
    assert.equal((await fetch(`${server.http}/rtc?access_token=${token}`)).status, 404);
  });

  test('a path that begins with two slashes loses one', async () => {
    const token = await participantToken(server, { room: freshRoom(), identity: 'alice' });
    const answer = await fetch(`${server.http}//rtc/validate?access_token=${token}`);
    assert.deepEqual([answer.status, await answer.text()], [200, 'success']);
    const twirp = await fetch(`${server.http}//twirp/livekit.RoomService/ListRooms`, {
      method: 'POST', body: '{}', headers: { 'content-type': 'application/json' },
    });
    assert.equal(twirp.status, 401);
  });

  test('CORS: a preflight is answered for any origin', async () => {
    const answer = await fetch(`${server.http}/twirp/livekit.RoomService/ListRooms`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://example.org',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    });
    assert.ok(answer.ok, `status ${answer.status}`);
    assert.ok(['*', 'https://example.org'].includes(answer.headers.get('access-control-allow-origin')));
    assert.match(answer.headers.get('access-control-allow-methods'), /POST/);
    assert.match(answer.headers.get('access-control-allow-headers'), /\*|authorization/i);
    assert.equal(answer.headers.get('access-control-max-age'), '86400');
  });

  test('CORS: refusals carry the headers too', async () => {
    const answer = await fetch(`${server.http}/`, {
      method: 'POST', headers: { origin: 'https://example.org', authorization: 'nonsense' },
    });
    assert.equal(answer.status, 401);
    assert.ok(['*', 'https://example.org'].includes(answer.headers.get('access-control-allow-origin')));
  });
});

test('with auto_create off, an unknown room is 404 with the text that clients know', { skip: serverIsGiven }, async () => {
  const strict = await startServer({ room: { auto_create: false } });
  try {
    const room = freshRoom();
    const token = await participantToken(strict, { room, identity: 'alice' });
    for (const [path, query] of [['/rtc', { protocol: 16 }], ['/rtc/v1', { join_request: joinRequest({}) }]]) {
      const answer = await openSignal(strict, { path, query, token });
      assert.deepEqual([answer.status, answer.body.trim()], [404, 'requested room does not exist'], path);
    }
    const creator = await participantToken(strict, { room, identity: 'bob', grants: { roomCreate: true } });
    const signal = await openSignal(strict, { query: { protocol: 16 }, token: creator });
    await signal.next('join');
    signal.close();
  } finally {
    await strict.stop();
  }
});
