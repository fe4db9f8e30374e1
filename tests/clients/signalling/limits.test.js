// A node that carries as much as its operator allows lets nobody else in, and keeps those who are there.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { serverIsGiven, startServer } from '../lib/server.js';
import { openDual, openSingle, sdpOffer } from '../lib/signal.js';
import { freshRoom, participantToken } from '../lib/token.js';
import { until } from '../lib/until.js';

let server;
before(async () => { server = await startServer({ limit: { num_tracks: 1 } }); });
after(() => server?.stop());

const TEXT = 'node has exceeded its configured limit';

test('who comes to a full node is refused with 503, and who resumes is not', { skip: serverIsGiven && 'another server' }, async (t) => {
  const token = (identity) => participantToken(server, { room: freshRoom(), identity });
  const early = await token('early');
  const signal = await openDual(server, early);
  t.after(() => signal.close());
  const { participant } = await signal.next('join');
  signal.send('addTrack', { cid: 'cid', type: 0, source: 2 });
  signal.send('offer', { type: 'offer', sdp: sdpOffer({ tracks: [{ cid: 'cid', kind: 'audio' }] }), id: 1 });
  await signal.next('answer');

  const late = await token('late');
  const validate = async () => fetch(`${server.http}/rtc/validate?access_token=${late}`);
  await until('the node is full', async () => (await validate()).status === 503);
  assert.equal(await (await validate()).text(), TEXT);
  for (const open of [openDual, openSingle]) {
    const { status, body } = await open(server, late);
    assert.deepEqual({ status, body }, { status: 503, body: TEXT });
  }

  const resumed = await openDual(server, early, { reconnect: 1, sid: participant.sid });
  assert.ok(resumed.socket, `refused with ${resumed.status}`);
  await resumed.next('reconnect');
  resumed.send('leave', { reason: 1, action: 0 });
  resumed.close();
  await until('there is room again', async () => (await validate()).status === 200);
});
