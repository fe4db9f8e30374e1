// Webhooks as an app's backend gets them: by livekit-server-sdk's WebhookReceiver, of calls between clients in Chromium.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { RoomServiceClient, WebhookReceiver } from 'livekit-server-sdk';

import { startChromium } from '../lib/chromium.js';
import { Participant } from '../lib/participant.js';
import { servePages } from '../lib/pages.js';
import { startServer } from '../lib/server.js';
import { freshRoom } from '../lib/token.js';
import { until } from '../lib/until.js';

/** LiveKit's DisconnectReason. */
const DUPLICATE_IDENTITY = 2;

const shared = { server: undefined, pages: undefined, browser: undefined };
const receivers = { all: undefined, joins: undefined };

/** A receiver that keeps the requests that it gets. */
async function receive() {
  const requests = [];
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      requests.push({ method: request.method, headers: request.headers, body: Buffer.concat(chunks).toString() });
      response.end();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); });
  return { url: `http://127.0.0.1:${server.address().port}/hook`, requests, close };
}

before(async () => {
  receivers.all = await receive();
  receivers.joins = await receive();
  shared.server = await startServer({
    room: { departure_timeout: 1 },
    webhook: {
      api_key: 'testkey',
      allow_private: true,
      urls: [receivers.all.url],
      targets: [{ url: receivers.joins.url, include_events: ['participant_joined'] }],
    },
  });
  shared.pages = await servePages();
  shared.browser = await startChromium(shared.pages.url);
});

after(async () => {
  await shared.browser?.close();
  await shared.pages?.close();
  await shared.server?.stop();
  await Promise.all(Object.values(receivers).map((receiver) => receiver?.close()));
});

async function joinAs(t, room, identity) {
  const page = await shared.browser.page();
  const participant = new Participant(page, shared.server, { room, identity, mode: 'single' });
  t.after(() => participant.leave());
  await participant.join();
  return participant;
}

/** The events of a room so far, in the order in which they came, each as the SDK reads it and as it was sent. */
async function eventsOf(room, { requests } = receivers.all) {
  const receiver = new WebhookReceiver(shared.server.apiKey, shared.server.apiSecret);
  const events = await Promise.all(requests.map(async ({ headers, body }) => {
    return { event: await receiver.receive(body, headers.authorization), sent: JSON.parse(body) };
  }));
  return events.filter(({ event }) => event.room?.name === room);
}

const untilEvents = (room, count, receiver) => until(`${count} events of ${room}`, async () => {
  const events = await eventsOf(room, receiver);
  return events.length >= count ? events : null;
}, { seen: async () => (await eventsOf(room, receiver)).map(({ event }) => event.event) });

describe('the receiver of a call', () => {
  test('is told of all of it in order, with LiveKit\'s fields and ours', async (t) => {
    const room = freshRoom();
    const alice = await joinAs(t, room, 'alice');
    await untilEvents(room, 2);
    const track = await alice.publishVideo();
    await untilEvents(room, 3);
    await alice.leave();
    const events = await untilEvents(room, 6);
    assert.deepEqual(events.map(({ event }) => event.event), [
      'room_started', 'participant_joined', 'track_published', 'track_unpublished', 'participant_left', 'room_finished',
    ]);
    const [started, joined, published, , left, finished] = events;
    for (const [place, { event, sent }] of events.entries()) {
      assert.match(event.id, /^EV_\w{12}$/);
      assert.ok(Math.abs(Number(event.createdAt) - Date.now() / 1000) < 60);
      assert.equal(event.room.sid, started.event.room.sid);
      assert.equal(sent.sequence, `${place + 1}`);
      assert.equal(Math.floor(Number(sent.createdAtMs) / 1000), Number(event.createdAt));
      assert.equal(typeof sent.createdAt, 'string', 'protobuf JSON writes 64 bits as text');
    }
    assert.equal(joined.event.participant.identity, 'alice');
    assert.equal(joined.sent.participant.state, 'ACTIVE');
    assert.equal(published.event.track.sid, track);
    assert.deepEqual(Object.keys(published.sent.room).sort(), ['name', 'sid']);
    assert.deepEqual(published.sent.participant, { sid: joined.event.participant.sid, identity: 'alice' });
    assert.equal(left.sent.participant.disconnectReason, 'CLIENT_INITIATED');
    assert.ok(!('replaced' in left.sent));
    assert.equal(finished.sent.roomEndReason, 'ROOM_END_IDLE_TIMEOUT');
    const [request] = receivers.all.requests;
    assert.equal(request.method, 'POST');
    assert.equal(request.headers['content-type'], 'application/webhook+json');
    assert.equal(request.headers['user-agent'], 'LiveKit');
    assert.ok(!request.headers.authorization.startsWith('Bearer'));
  });

  test('is told that somebody was replaced by another session of the same identity', async (t) => {
    const room = freshRoom();
    await joinAs(t, room, 'alice');
    await untilEvents(room, 2);
    await joinAs(t, room, 'alice');
    const events = await untilEvents(room, 4);
    const [, first, left, second] = events;
    assert.deepEqual(events.map(({ event }) => event.event), [
      'room_started', 'participant_joined', 'participant_left', 'participant_joined',
    ]);
    assert.equal(left.event.participant.sid, first.event.participant.sid);
    assert.equal(left.event.participant.disconnectReason, DUPLICATE_IDENTITY);
    assert.equal(left.sent.replaced, true);
    assert.notEqual(second.event.participant.sid, first.event.participant.sid);
  });

  test('is told of what it asked for alone', async (t) => {
    const room = freshRoom();
    const alice = await joinAs(t, room, 'alice');
    await alice.leave();
    await untilEvents(room, 4);
    const events = await untilEvents(room, 1, receivers.joins);
    assert.deepEqual(events.map(({ event }) => event.event), ['participant_joined']);
  });

  test('is told why a room was deleted', async (t) => {
    const room = freshRoom();
    await joinAs(t, room, 'alice');
    await untilEvents(room, 2);
    await new RoomServiceClient(shared.server.http, shared.server.apiKey, shared.server.apiSecret).deleteRoom(room);
    const events = await untilEvents(room, 4);
    assert.equal(events[2].sent.participant.disconnectReason, 'ROOM_DELETED');
    assert.equal(events[3].sent.roomEndReason, 'ROOM_END_API_DELETE');
  });
});
