// Bad input over HTTP and the WebSocket: the one at fault loses its session, nobody else notices.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';

import { startServer } from '../lib/server.js';
import { joinRequest, openDual, openSignal, openSingle, sdpOffer } from '../lib/signal.js';
import { freshRoom, participantToken } from '../lib/token.js';

let server;
before(async () => { server = await startServer(); });
after(() => server?.stop());

const room = freshRoom('hostile');
const tokenFor = (identity) => participantToken(server, { room, identity });

/** A participant who has joined beside the hostile one, and proves at the end that it was not disturbed. */
async function bystander(t) {
  const signal = await openDual(server, await tokenFor('bystander'));
  await signal.next('join');
  t.after(() => signal.close());
  return async () => {
    assert.equal(signal.closed, null, 'the bystander is still connected');
    const from = signal.messages.length;
    signal.send('ping', 1n);
    await signal.next('pong', { from });
  };
}

async function joined(t, identity = 'mallory') {
  const signal = await openDual(server, await tokenFor(identity));
  await signal.next('join');
  t.after(() => signal.close());
  return signal;
}

describe('frames', () => {
  const MALFORMED = {
    'a binary frame that is no protobuf': Buffer.from([0xff, 0xff, 0xff, 0xff]),
    'a text frame that is no JSON': '{"ping":',
    'a text frame of another shape': '{"ping": {"no": "number"}}',
  };
  for (const [name, frame] of Object.entries(MALFORMED)) {
    test(`${name} ends the connection`, async (t) => {
      const undisturbed = await bystander(t);
      const signal = await joined(t);
      signal.sendRaw(frame);
      await signal.closing();
      await undisturbed();
    });
  }

  test('a frame beyond the limit ends the connection with code 1009', async (t) => {
    const undisturbed = await bystander(t);
    const signal = await joined(t);
    signal.sendRaw(Buffer.alloc(3 * 1024 * 1024));
    const { code } = await signal.closing();
    assert.equal(code, 1009);
    await undisturbed();
  });

  test('a frame below the limit is read', async (t) => {
    const signal = await joined(t);
    signal.send('updateMetadata', { requestId: 1, metadata: 'm'.repeat(1_500_000) });
    assert.ok(await signal.next('requestResponse'));
  });

  test('an empty frame is harmless', async (t) => {
    const signal = await joined(t);
    signal.sendRaw(Buffer.alloc(0));
    signal.send('ping', 1n);
    await signal.until('a pong, or a clean end', () => signal.closed || signal.messages.some((m) => m.case === 'pong'));
  });
});

describe('session descriptions and candidates', () => {
  const BROKEN = {
    'an empty description': '',
    'a description that is none': 'hello',
    'a truncated description': sdpOffer().slice(0, 200),
    'a description without ICE credentials': sdpOffer().replaceAll(/a=ice-(ufrag|pwd):.*\r\n/g, ''),
    'a description without a fingerprint': sdpOffer().replaceAll(/a=fingerprint:.*\r\n/g, ''),
    'a description with a line of 100 kB': `${sdpOffer()}a=x:${'x'.repeat(100_000)}\r\n`,
    'a description of 3000 sections': sdpOffer({ audio: 3_000, data: false }),
  };
  for (const [name, sdp] of Object.entries(BROKEN)) {
    test(`${name} disturbs nobody else`, async (t) => {
      const undisturbed = await bystander(t);
      const signal = await joined(t);
      signal.send('offer', { type: 'offer', sdp, id: 3 });
      signal.send('ping', 1n);
      await signal.until('an answer of any kind, or the end', () => signal.closed
        || signal.messages.some(({ case: name }) => ['pong', 'answer', 'leave', 'requestResponse'].includes(name)));
      await undisturbed();
    });
  }

  test('broken descriptions inside the join request disturb nobody else', async (t) => {
    const undisturbed = await bystander(t);
    for (const sdp of Object.values(BROKEN).filter((text) => text.length < 20_000)) {
      const signal = await openSingle(server, await tokenFor('mallory'), { publisherOffer: { type: 'offer', sdp, id: 1 } });
      signal.socket?.terminate();
    }
    await undisturbed();
  });

  test('an answer that nobody asked for and one with a stale id are ignored', async (t) => {
    const signal = await joined(t);
    const offer = await signal.next('offer');
    signal.send('answer', { type: 'answer', sdp: sdpOffer().replaceAll('actpass', 'active'), id: offer.id + 50 });
    signal.send('ping', 1n);
    await signal.next('pong');
  });

  test('a hundred candidates of any content are survived', async (t) => {
    const undisturbed = await bystander(t);
    const signal = await joined(t);
    const contents = ['null', '[]', '{}', '{"candidate": 5}', '{"candidate": "candidate:x"}', '{"candidate": ""}', '"'];
    for (let number = 0; number < 100; number += 1) {
      signal.send('trickle', { candidateInit: contents[number % contents.length], target: number % 2 });
    }
    signal.send('ping', 1n);
    await signal.until('a pong or the end', () => signal.closed || signal.messages.some((m) => m.case === 'pong'));
    await undisturbed();
  });
});

describe('slow and silent peers', () => {
  test('a client that never answers the offer does not hold up others', async (t) => {
    await joined(t, 'silent');
    const undisturbed = await bystander(t);
    await undisturbed();
  });

  test('a request that never ends its headers is closed, and others are served meanwhile', async (t) => {
    const { hostname, port } = new URL(server.http);
    const sockets = Array.from({ length: 50 }, () => net.connect(Number(port), hostname));
    t.after(() => sockets.forEach((socket) => socket.destroy()));
    for (const socket of sockets) {
      socket.on('error', () => {});
      socket.write('GET /rtc HTTP/1.1\r\nHost: x\r\n');
    }
    const trickle = setInterval(() => sockets.forEach((socket) => socket.writable && socket.write('X-Slow: 1\r\n')), 500);
    t.after(() => clearInterval(trickle));
    const undisturbed = await bystander(t);
    await undisturbed();
    const closed = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    await Promise.race([
      Promise.all(closed),
      new Promise((_, reject) => setTimeout(() => reject(new Error('after 40 s of slow headers the server still waits')), 40_000).unref()),
    ]);
  });

  test('a WebSocket whose frame never ends does not hold up others', async (t) => {
    const signal = await joined(t, 'slow');
    // A header that promises 100 kB, then nothing.
    signal.socket._socket.write(Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 1, 0x86, 0xa0, 1, 2, 3, 4]));
    const undisturbed = await bystander(t);
    await undisturbed();
  });
});

describe('requests', () => {
  test('a join request that decompresses beyond the limit is refused', async () => {
    const huge = joinRequest({ metadata: 'm'.repeat(8 * 1024 * 1024) }, { gzip: true });
    const answer = await openSignal(server, { path: '/rtc/v1', token: await tokenFor('bomb'), query: { join_request: huge } });
    assert.equal(answer.status, 400, `answered ${answer.status} ${answer.body}`);
    assert.equal(answer.body.trim(), 'join request too large');
  });

  test('an API request beyond the limit is 413', async () => {
    const answer = await fetch(`${server.http}/twirp/livekit.RoomService/CreateRoom`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: 'x'.repeat(11 * 1024 * 1024),
    });
    assert.equal(answer.status, 413);
    assert.equal((await answer.text()).trim(), 'request body too large');
  });
});
