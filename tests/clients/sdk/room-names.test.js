// A room's name is free in the moment in which its deletion is answered, however many delete and join at once.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RoomServiceClient } from 'livekit-server-sdk';

import { startServer } from '../lib/server.js';
import { openDual } from '../lib/signal.js';
import { freshRoom, participantToken } from '../lib/token.js';

/** LiveKit's DisconnectReason. */
const PARTICIPANT_REMOVED = 4;
const ROOM_DELETED = 5;

const ROOMS = 10;
const ROUNDS = 5;

let server;
let service;
before(async () => {
  server = await startServer();
  service = new RoomServiceClient(server.http, server.apiKey, server.apiSecret);
});
after(() => server?.stop());

/** Joins; returns the sid of the room, and the connection. */
async function join(room, identity) {
  const signal = await openDual(server, await participantToken(server, { room, identity }));
  assert.ok(signal.until, `a join is refused: ${signal.status} ${signal.body}`);
  const message = await signal.until('the first message', () => signal.messages[0]);
  assert.equal(message.case, 'join');
  return { sid: message.value.room.sid, signal };
}

const told = (signal, reason) => signal.until(`leave for ${reason}`, () => {
  return signal.messages.some((message) => message.case === 'leave' && message.value.reason === reason);
});

test('who joins when a deletion was answered is in another room, many times over in many rooms', async () => {
  await Promise.all(Array.from({ length: ROOMS }, async () => {
    const room = freshRoom('again');
    const sids = new Set();
    for (let round = 0; round < ROUNDS; round += 1) {
      const { sid, signal } = await join(room, 'alice');
      sids.add(sid);
      await service.deleteRoom(room);
      assert.deepEqual(await service.listRooms([room]), []);
      assert.deepEqual(await service.listParticipants(room), []);
      await told(signal, ROOM_DELETED);
      signal.socket.close();
    }
    assert.equal(sids.size, ROUNDS);
  }));
});

test('those who join while others delete are in a room that is there, or are told that it was deleted', async () => {
  const refusals = [];
  await Promise.all(Array.from({ length: ROOMS }, async () => {
    const room = freshRoom('storm');
    await service.createRoom({ name: room });
    for (let round = 0; round < ROUNDS; round += 1) {
      const deletions = [1, 2, 3].map(() => service.deleteRoom(room).catch(({ code }) => refusals.push(code)));
      const joins = await Promise.all(['a', 'b', 'c'].map((identity) => join(room, identity)));
      await Promise.all(deletions);
      const [listed] = await service.listRooms([room]);
      await Promise.all(joins.map(async ({ sid, signal }) => {
        if (sid !== listed?.sid) await told(signal, ROOM_DELETED);
        signal.socket.close();
      }));
    }
  }));
  assert.deepEqual([...new Set(refusals)].filter((code) => code !== 'not_found'), []);
});

test('nobody is listed when its removal was answered, of many at once', async () => {
  const room = freshRoom('removals');
  const identities = Array.from({ length: 20 }, (_, number) => `p${number}`);
  const joined = await Promise.all(identities.map((identity) => join(room, identity)));
  await Promise.all(identities.map(async (identity) => {
    await service.removeParticipant(room, identity);
    const listed = await service.listParticipants(room);
    assert.ok(!listed.some((participant) => participant.identity === identity), `${identity} is listed`);
  }));
  assert.deepEqual(await service.listParticipants(room), []);
  await Promise.all(joined.map(({ signal }) => told(signal, PARTICIPANT_REMOVED)));
});
