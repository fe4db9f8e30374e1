// The wire of the Twirp API: routes, content types, error bodies and the shape of JSON answers.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CreateRoomRequest, ListRoomsRequest, ListRoomsResponse, Room } from '@livekit/protocol';
import { AccessToken } from 'livekit-server-sdk';

import { startServer } from '../lib/server.js';
import { freshRoom } from '../lib/token.js';

let server;
before(async () => { server = await startServer(); });
after(() => server?.stop());

const JSON_TYPE = 'application/json';
const PROTOBUF = 'application/protobuf';

async function apiToken(grants) {
  const token = new AccessToken(server.apiKey, server.apiSecret, { identity: 'api', ttl: '10m' });
  token.addGrant(grants);
  return token.toJwt();
}

async function call(method, body, { grants = { roomCreate: true, roomList: true }, type = JSON_TYPE, verb = 'POST' } = {}) {
  const headers = { 'content-type': type };
  if (grants) headers.authorization = `Bearer ${await apiToken(grants)}`;
  return fetch(`${server.http}/twirp/livekit.RoomService/${method}`, { method: verb, headers, body: verb === 'GET' ? undefined : body });
}

async function refused(answer, status, code, message) {
  const error = await answer.json();
  assert.deepEqual([answer.status, error.code], [status, code], JSON.stringify(error));
  assert.equal(answer.headers.get('content-type'), JSON_TYPE);
  if (message) assert.match(error.msg, message);
}

describe('answers', () => {
  test('JSON has the names of the protocol, and its default values', async () => {
    const name = freshRoom();
    const answer = await call('CreateRoom', JSON.stringify({ name, empty_timeout: 9 }), { type: 'application/json;charset=UTF-8' });
    assert.equal(answer.headers.get('content-type'), JSON_TYPE);
    const room = await answer.json();
    assert.deepEqual([room.name, room.empty_timeout, room.num_participants, room.metadata], [name, 9, 0, '']);
    assert.equal(typeof room.creation_time, 'string', 'a 64-bit number is a string');
    assert.equal(room.active_recording, false);
  });

  test('JSON is understood with camel case, snake case and unknown fields', async () => {
    for (const body of [{ emptyTimeout: 8 }, { empty_timeout: 8 }, { emptyTimeout: 8, never_heard_of: { a: [1] } }]) {
      const room = await (await call('CreateRoom', JSON.stringify({ name: freshRoom(), ...body }))).json();
      assert.equal(room.empty_timeout, 8, JSON.stringify(body));
    }
  });

  test('protobuf is answered in protobuf', async () => {
    const name = freshRoom();
    const created = await call('CreateRoom', new CreateRoomRequest({ name, maxParticipants: 3 }).toBinary(), { type: PROTOBUF });
    assert.equal(created.headers.get('content-type'), PROTOBUF);
    const room = Room.fromBinary(new Uint8Array(await created.arrayBuffer()));
    assert.deepEqual([room.name, room.maxParticipants], [name, 3]);
    const listed = await call('ListRooms', new ListRoomsRequest({ names: [name] }).toBinary(), { type: PROTOBUF });
    const { rooms } = ListRoomsResponse.fromBinary(new Uint8Array(await listed.arrayBuffer()));
    assert.deepEqual(rooms.map(({ sid }) => sid), [room.sid]);
  });
});

describe('refusals', () => {
  test('no token is 401 unauthenticated', async () => {
    await refused(await call('ListRooms', '{}', { grants: null }), 401, 'unauthenticated', /permissions denied/);
  });

  const MISSING_GRANTS = {
    CreateRoom: [{ roomList: true }, { name: 'x' }],
    DeleteRoom: [{ roomList: true }, { room: 'x' }],
    ListRooms: [{ roomCreate: true }, {}],
    ListParticipants: [{ roomAdmin: true, room: 'another' }, { room: 'x' }],
    GetParticipant: [{ roomAdmin: true, room: 'another' }, { room: 'x', identity: 'i' }],
    RemoveParticipant: [{ roomJoin: true, room: 'x' }, { room: 'x', identity: 'i' }],
    MutePublishedTrack: [{ roomJoin: true, room: 'x' }, { room: 'x', identity: 'i', track_sid: 't', muted: true }],
    UpdateParticipant: [{ roomJoin: true, room: 'x' }, { room: 'x', identity: 'i' }],
    UpdateSubscriptions: [{ roomJoin: true, room: 'x' }, { room: 'x', identity: 'i' }],
    SendData: [{ roomJoin: true, room: 'x' }, { room: 'x', data: '' }],
    UpdateRoomMetadata: [{ roomJoin: true, room: 'x' }, { room: 'x', metadata: 'm' }],
  };
  for (const [method, [grants, body]] of Object.entries(MISSING_GRANTS)) {
    test(`${method} without its grant is 401 unauthenticated, not 403`, async () => {
      await refused(await call(method, JSON.stringify(body), { grants }), 401, 'unauthenticated', /permissions denied/);
    });
  }

  test('an unknown method, a GET and an unknown content type are bad_route', async () => {
    await refused(await call('NoSuchMethod', '{}'), 404, 'bad_route');
    await refused(await call('ListRooms', '{}', { verb: 'GET' }), 404, 'bad_route');
    await refused(await call('ListRooms', '{}', { type: 'text/plain' }), 404, 'bad_route');
  });

  test('a body that cannot be read is malformed', async () => {
    await refused(await call('CreateRoom', '{"name":'), 400, 'malformed');
    await refused(await call('CreateRoom', Buffer.from([0xff, 0xff, 0xff]), { type: PROTOBUF }), 400, 'malformed');
  });

  test('a nonce of another length than sixteen bytes is invalid_argument', async () => {
    const room = freshRoom();
    await call('CreateRoom', JSON.stringify({ name: room }));
    const body = JSON.stringify({ room, data: 'aGk=', nonce: 'AAAA' });
    await refused(await call('SendData', body, { grants: { roomAdmin: true, room } }), 400, 'invalid_argument');
  });
});
