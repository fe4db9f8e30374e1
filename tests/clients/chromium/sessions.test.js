// What a call came to, as the operator reads it while it goes on and when it is over.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RoomServiceClient } from 'livekit-server-sdk';

import { callApi } from '../lib/api.js';
import { callSuite, MODES, roomOf } from '../lib/suite.js';
import { until } from '../lib/until.js';

const suite = callSuite();

const read = async (path) => {
  const { status, body } = await callApi(suite.server, 'GET', path);
  assert.equal(status, 200, JSON.stringify(body));
  return body;
};
const participants = async (t) => {
  const { participants } = await read(`participants?room=${encodeURIComponent(roomOf(t))}`);
  return Object.fromEntries(participants.map((session) => [session.identity, session]));
};
const session = async (t) => (await read(`sessions?room=${encodeURIComponent(roomOf(t))}`)).sessions[0];

/** How much later than it happens a figure may be told, and how long asking takes. */
const LIVE_MS = 1500;

describe('a call', () => {
  for (const mode of MODES) {
    test(`is accounted for while it goes on and when it is over (${mode})`, async (t) => {
      const begun = Date.now();
      const alice = await suite.join(t, 'alice', { mode });
      const bob = await suite.join(t, 'bob', { mode });
      const connected = Date.now();
      await alice.publishVideo();
      await bob.decodesVideo('alice');

      const first = await until('video is counted', async () => {
        const { alice, bob } = await participants(t);
        return alice?.bytes_received > 50_000 && bob?.bytes_sent > 50_000 ? { alice, bob, at: Date.now() } : null;
      });
      assert.equal(first.alice.sdk, 'JS');
      assert.match(first.alice.browser, /Chrom/);
      assert.equal(first.alice.api_key, suite.server.apiKey);
      assert.equal(first.alice.address, '127.0.0.1');
      assert.equal(first.alice.tracks, 1);
      assert.ok(first.alice.bytes_received > 3 * first.bob.bytes_received, JSON.stringify(first));
      // What is told is no older than a second.
      assert.ok(first.bob.duration_ms > first.at - connected - LIVE_MS, JSON.stringify(first.bob));
      assert.ok(first.bob.duration_ms <= first.at - begun, JSON.stringify(first.bob));
      const second = await until('more video is counted', async () => {
        const { bob } = await participants(t);
        return bob.bytes_sent > first.bob.bytes_sent + 10_000 ? bob : null;
      });
      assert.ok(second.duration_ms > first.bob.duration_ms);
      const open = await session(t);
      assert.equal(open.present, 2);
      assert.equal(open.peak_participants, 2);
      assert.ok(open.bytes_sent >= second.bytes_sent, JSON.stringify({ open, second }));

      await bob.leave();
      const left = await until('bob has left', async () => {
        const { bob } = await participants(t);
        return bob.left_at_ms ? bob : null;
      });
      assert.equal(left.disconnect_reason, 'CLIENT_INITIATED');
      assert.ok(left.bytes_sent >= second.bytes_sent);
      const service = new RoomServiceClient(suite.server.http, suite.server.apiKey, suite.server.apiSecret);
      await service.deleteRoom(roomOf(t));
      const over = await until('the room is over', async () => {
        const over = await session(t);
        return over.ended_at_ms ? over : null;
      });
      assert.deepEqual([over.participants, over.present, over.peak_participants, over.peak_viewers], [2, 0, 2, 1]);
      assert.equal(over.end_reason, 'ROOM_END_API_DELETE');
      const both = Object.values(await participants(t));
      assert.equal(both.length, 2);
      const sum = (field) => both.reduce((sum, session) => sum + session[field], 0);
      assert.equal(over.bytes_received, sum('bytes_received'));
      assert.equal(over.bytes_sent, sum('bytes_sent'));
      assert.ok(Math.abs(over.participant_minutes * 60_000 - sum('duration_ms')) < 1);
    });
  }
});
