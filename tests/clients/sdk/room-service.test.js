// Every call of RoomService by livekit-server-sdk (JSON over Twirp), with participants in Chromium where one is needed.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DataPacket_Kind, RoomServiceClient } from 'livekit-server-sdk';

import { callSuite, roomOf } from '../lib/suite.js';
import { freshRoom } from '../lib/token.js';
import { until } from '../lib/until.js';

const suite = callSuite();
const service = () => new RoomServiceClient(suite.server.http, suite.server.apiKey, suite.server.apiSecret);

describe('rooms', () => {
  test('a room is created with its settings, listed, and deleted', async () => {
    const name = freshRoom();
    const room = await service().createRoom({
      name, emptyTimeout: 77, departureTimeout: 33, maxParticipants: 5, metadata: 'from the API',
    });
    assert.match(room.sid, /^RM_\w{12}$/);
    assert.deepEqual(
      [room.name, room.emptyTimeout, room.departureTimeout, room.maxParticipants, room.metadata, room.numParticipants],
      [name, 77, 33, 5, 'from the API', 0],
    );
    assert.ok(Math.abs(Number(room.creationTime) - Date.now() / 1000) < 60, `creationTime ${room.creationTime}`);
    assert.ok(room.enabledCodecs.length > 0, 'enabled codecs are listed');
    const listed = await service().listRooms([name]);
    assert.deepEqual(listed.map(({ sid }) => sid), [room.sid]);
    assert.ok((await service().listRooms()).some(({ sid }) => sid === room.sid), 'listed among all rooms');
    await service().deleteRoom(name);
    assert.deepEqual(await service().listRooms([name]), []);
  });

  test('creating a room again changes what is given and keeps the rest', async () => {
    const name = freshRoom();
    const first = await service().createRoom({ name, emptyTimeout: 77, metadata: 'one' });
    const second = await service().createRoom({ name, metadata: 'two' });
    assert.deepEqual([second.sid, second.emptyTimeout, second.metadata], [first.sid, 77, 'two']);
    const third = await service().createRoom({ name, emptyTimeout: 88 });
    assert.deepEqual([third.sid, third.emptyTimeout, third.metadata], [first.sid, 88, 'two']);
  });

  test('a list of unknown names is empty', async () => {
    assert.deepEqual(await service().listRooms([freshRoom()]), []);
  });

  test('deleting a room ends its participants and frees its name', async (t) => {
    const alice = await suite.join(t, 'alice');
    const [{ sid }] = await service().listRooms([roomOf(t)]);
    await service().deleteRoom(roomOf(t));
    await alice.event('disconnected', { reason: 5 });
    const again = await service().createRoom({ name: roomOf(t) });
    assert.notEqual(again.sid, sid, 'a room of the same name is another room');
  });

  test('room metadata is returned, kept and sent to participants', async (t) => {
    const alice = await suite.join(t, 'alice');
    const room = await service().updateRoomMetadata(roomOf(t), 'agenda');
    assert.equal(room.metadata, 'agenda');
    await alice.event('roomMetadataChanged', { metadata: 'agenda' });
    const bob = await suite.join(t, 'bob');
    assert.equal((await bob.state()).roomMetadata, 'agenda');
    const [listed] = await service().listRooms([roomOf(t)]);
    assert.equal(listed.metadata, 'agenda');
  });

  test('metadata of a room that nobody has joined is updated', async () => {
    const name = freshRoom();
    await service().createRoom({ name });
    assert.equal((await service().updateRoomMetadata(name, 'empty')).metadata, 'empty');
    assert.equal((await service().listRooms([name]))[0].metadata, 'empty');
  });
});

describe('participants', () => {
  test('a participant is listed and fetched with state, permission and tracks', async (t) => {
    const alice = await suite.join(t, 'alice', { claims: { name: 'Alice', metadata: 'm', attributes: { k: 'v' } } });
    const sid = await alice.publishVideo();
    const participant = await until('alice is listed as active with her track', async () => {
      const [listed] = await service().listParticipants(roomOf(t));
      return listed?.state === 2 && listed.tracks.length === 1 ? listed : null;
    });
    const fetched = await service().getParticipant(roomOf(t), 'alice');
    for (const info of [participant, fetched]) {
      assert.match(info.sid, /^PA_\w{12}$/);
      assert.deepEqual([info.identity, info.name, info.metadata, info.attributes], ['alice', 'Alice', 'm', { k: 'v' }]);
      assert.equal(info.isPublisher, true);
      assert.equal(info.permission.canSubscribe, true);
      const [track] = info.tracks;
      assert.deepEqual([track.sid, track.width, track.height, track.mimeType.toLowerCase()], [sid, 320, 180, 'video/vp8']);
    }
  });

  test('nobody is listed right after a removal', async (t) => {
    const alice = await suite.join(t, 'alice');
    await service().removeParticipant(roomOf(t), 'alice');
    assert.deepEqual(await service().listParticipants(roomOf(t)), []);
    await alice.event('disconnected', { reason: 4 });
  });

  test('name, metadata and attributes are updated for everyone', async (t) => {
    const [alice, bob] = await suite.pair(t);
    const info = await service().updateParticipant(roomOf(t), 'alice', {
      name: 'A', metadata: 'm', attributes: { a: '1', b: '2' },
    });
    assert.deepEqual([info.name, info.metadata, info.attributes], ['A', 'm', { a: '1', b: '2' }]);
    const updated = ({ name, metadata, attributes }) => name === 'A' && metadata === 'm' && attributes.b === '2';
    await bob.until('sees the update', (state) => updated(state.others.alice));
    await alice.until('learns of the update', (state) => updated(state.me));
    const merged = await service().updateParticipant(roomOf(t), 'alice', { attributes: { a: '', c: '3' } });
    assert.deepEqual(merged.attributes, { b: '2', c: '3' });
    await bob.until('sees the deletion', (state) => !('a' in state.others.alice.attributes));
  });

  test('losing canPublish unpublishes the tracks, and it can be given back', async (t) => {
    const [alice, bob] = await suite.pair(t);
    await alice.publishVideo();
    await bob.decodesVideo('alice');
    const permission = { canPublish: false, canSubscribe: true, canPublishData: true };
    const info = await service().updateParticipant(roomOf(t), 'alice', { permission });
    assert.equal(info.permission.canPublish, false);
    await alice.event('localTrackUnpublished', { source: 'camera' });
    await bob.event('trackUnpublished', { identity: 'alice', source: 'camera' });
    await assert.rejects(alice.publishAudio(), /insufficient permissions/i);
    await service().updateParticipant(roomOf(t), 'alice', { permission: { ...permission, canPublish: true } });
    await alice.until('may publish again', (state) => state.me.permissions.canPublish);
    await alice.publishAudio();
    await bob.hearsAudio('alice');
  });

  test('losing canSubscribe ends the subscriptions, and they come back with it', async (t) => {
    const [alice, bob] = await suite.pair(t);
    await alice.publishVideo();
    await bob.decodesVideo('alice');
    const permission = { canPublish: true, canSubscribe: false, canPublishData: true };
    await service().updateParticipant(roomOf(t), 'bob', { permission });
    await bob.event('trackUnsubscribed', { identity: 'alice', source: 'camera' });
    const from = await bob.mark();
    await service().updateParticipant(roomOf(t), 'bob', { permission: { ...permission, canSubscribe: true } });
    await bob.event('trackSubscribed', { identity: 'alice', source: 'camera' }, { from });
    await bob.decodesVideo('alice');
  });
});

describe('tracks and data', () => {
  test('a track is muted, which its publisher and the others learn', async (t) => {
    const [alice, bob] = await suite.pair(t);
    const sid = await alice.publishAudio();
    await bob.hearsAudio('alice');
    const track = await service().mutePublishedTrack(roomOf(t), 'alice', sid, true);
    assert.deepEqual([track.sid, track.muted], [sid, true]);
    await alice.event('trackMuted', { identity: 'alice', source: 'microphone' });
    await bob.event('trackMuted', { identity: 'alice', source: 'microphone' });
  });

  test('a track is not unmuted where the configuration does not allow it', async (t) => {
    const alice = await suite.join(t, 'alice');
    const sid = await alice.publishAudio();
    await service().mutePublishedTrack(roomOf(t), 'alice', sid, true);
    await refused(service().mutePublishedTrack(roomOf(t), 'alice', sid, false), 412, 'failed_precondition', 'remote unmute not enabled');
  });

  test('subscriptions are ended and begun', async (t) => {
    const [alice, bob] = await suite.pair(t);
    const sid = await alice.publishVideo();
    await bob.decodesVideo('alice');
    await service().updateSubscriptions(roomOf(t), 'bob', [sid], false);
    await bob.event('trackUnsubscribed', { sid });
    const from = await bob.mark();
    await service().updateSubscriptions(roomOf(t), 'bob', [sid], true);
    await bob.event('trackSubscribed', { sid }, { from });
    await bob.decodesVideo('alice');
  });

  test('data is sent to all or to some, without a sender', async (t) => {
    const [alice, bob] = await suite.pair(t);
    const text = (words) => new TextEncoder().encode(words);
    await service().sendData(roomOf(t), text('for bob'), DataPacket_Kind.RELIABLE, { destinationIdentities: ['bob'], topic: 'x' });
    await service().sendData(roomOf(t), text('for all'), DataPacket_Kind.RELIABLE, { topic: 'x' });
    await service().sendData(roomOf(t), text('lossy'), DataPacket_Kind.LOSSY, {});
    await bob.message({ type: 'data', text: 'for bob', topic: 'x', from: null });
    await Promise.all([alice, bob].map((participant) => participant.message({ text: 'for all', topic: 'x' })));
    await Promise.all([alice, bob].map((participant) => participant.message({ text: 'lossy' })));
    assert.ok(!(await alice.messages()).some(({ text: seen }) => seen === 'for bob'), 'alice is no destination');
  });
});

describe('refusals', () => {
  test('a participant of a known room that does not exist is not found', async () => {
    const name = freshRoom();
    await service().createRoom({ name });
    await refused(service().getParticipant(name, 'nobody'), 404, 'not_found');
    await refused(service().removeParticipant(name, 'nobody'), 404, 'not_found');
    await refused(service().updateParticipant(name, 'nobody', { metadata: 'm' }), 404, 'not_found');
    await refused(service().mutePublishedTrack(name, 'nobody', 'TR_none', true), 404, 'not_found');
  });

  test('an unknown room is not found', async () => {
    const name = freshRoom();
    await refused(service().deleteRoom(name), 404, 'not_found');
    await refused(service().updateRoomMetadata(name, 'm'), 404, 'not_found');
    await refused(service().getParticipant(name, 'nobody'), 404, 'not_found');
    assert.deepEqual(await service().listParticipants(name), []);
  });

  test('a wrong secret and an unknown key are 401', async () => {
    const { http, apiKey, apiSecret } = suite.server;
    const wrongSecret = new RoomServiceClient(http, apiKey, 'w'.repeat(40));
    const unknownKey = new RoomServiceClient(http, 'nokey', apiSecret);
    for (const client of [wrongSecret, unknownKey]) {
      await assert.rejects(client.listRooms(), (error) => error.status === 401);
    }
  });

  test('limits of names and metadata are invalid_argument', async () => {
    await refused(service().createRoom({ name: 'n'.repeat(257) }), 400, 'invalid_argument');
    await refused(service().createRoom({ name: freshRoom(), metadata: 'm'.repeat(600 * 1024) }), 400, 'invalid_argument');
  });
});

async function refused(call, status, code, message) {
  await assert.rejects(call, (error) => {
    assert.deepEqual([error.status, error.code], [status, code], `the answer was: ${error.message}`);
    if (message) assert.match(error.message, new RegExp(message));
    return true;
  });
}
