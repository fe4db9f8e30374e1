// Who may enter and do what, what others learn of a participant, and how sessions end.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RoomServiceClient, TrackSource } from 'livekit-server-sdk';

import { AT_ONCE, callSuite, MODES, roomOf } from '../lib/suite.js';
import { participantToken } from '../lib/token.js';
import { never, until } from '../lib/until.js';

const suite = callSuite();
const service = () => new RoomServiceClient(suite.server.http, suite.server.apiKey, suite.server.apiSecret);

/** DisconnectReason of the protocol. */
const CLIENT_INITIATED = 1;
const DUPLICATE_IDENTITY = 2;
const PARTICIPANT_REMOVED = 4;
const ROOM_DELETED = 5;

for (const mode of MODES) {
  describe(`${mode} peer connection`, AT_ONCE, () => {
    test('metadata, name and attributes are seen by the others, also by those who come later', async (t) => {
      const grants = { canUpdateOwnMetadata: true };
      const alice = await suite.join(t, 'alice', { mode, grants, claims: { name: 'A', metadata: 'm0', attributes: { a: '0' } } });
      const bob = await suite.join(t, 'bob', { mode });
      const first = (await bob.sees('alice')).others.alice;
      assert.deepEqual([first.name, first.metadata, first.attributes], ['A', 'm0', { a: '0' }]);
      await alice.setMetadata('m1');
      await alice.setName('Alice');
      await alice.setAttributes({ b: '1' });
      await bob.event('participantMetadataChanged', { identity: 'alice', metadata: 'm1', previous: 'm0' });
      await bob.event('participantNameChanged', { identity: 'alice', name: 'Alice' });
      await bob.event('participantAttributesChanged', { identity: 'alice', changed: { b: '1' } });
      await alice.setAttributes({ a: '' });
      await bob.until('sees that the attribute is gone', (state) => !state.others.alice.attributes.a);
      const carol = await suite.join(t, 'carol', { mode });
      const late = (await carol.sees('alice')).others.alice;
      assert.deepEqual([late.name, late.metadata, late.attributes], ['Alice', 'm1', { b: '1' }]);
    });

    test('a second participant of an identity ends the first and takes its place', async (t) => {
      const [first, bob] = await suite.pair(t, { mode });
      const { sid } = (await first.state()).me;
      const second = await suite.join(t, 'alice', { mode });
      await first.event('disconnected', { reason: DUPLICATE_IDENTITY });
      await bob.until('sees the second session', (state) => state.others.alice && state.others.alice.sid !== sid);
      await second.publishVideo();
      await bob.decodesVideo('alice');
    });

    test('removal and deletion of the room give their reasons, to those concerned and to the others', async (t) => {
      const [alice, bob] = await suite.pair(t, { mode });
      await service().removeParticipant(roomOf(t), 'bob');
      await bob.event('disconnected', { reason: PARTICIPANT_REMOVED });
      await alice.event('participantDisconnected', { identity: 'bob', reason: PARTICIPANT_REMOVED });
      await service().deleteRoom(roomOf(t));
      await alice.event('disconnected', { reason: ROOM_DELETED });
    });

    test('a participant who leaves says so', async (t) => {
      const [alice, bob] = await suite.pair(t, { mode });
      await bob.publishVideo();
      await alice.decodesVideo('bob');
      await bob.leave();
      await alice.event('trackUnpublished', { identity: 'bob', source: 'camera' });
      await alice.event('participantDisconnected', { identity: 'bob', reason: CLIENT_INITIATED });
    });

    test('ten who join at once all see each other', async (t) => {
      const host = await suite.participant(t, 'p0', { mode });
      const all = [host, ...Array.from({ length: 9 }, (_, number) => host.beside(t, `p${number + 1}`))];
      await Promise.all(all.map((participant) => participant.join()));
      await Promise.all(all.map((participant) => participant.until('sees nine others', (state) => {
        return Object.keys(state.others).length === 9;
      })));
    });
  });
}

describe('participants who are lost', AT_ONCE, () => {
  for (const mode of MODES) {
    test(`a page that vanishes without a word is missed, ${mode} peer connection`, async (t) => {
      const alice = await suite.join(t, 'alice', { mode });
      const bob = await suite.joinAlone(t, 'bob', { mode });
      await alice.sees('bob');
      await bob.vanish();
      await alice.event('participantDisconnected', { identity: 'bob' }, { within: 30_000 });
    });
  }
});

describe('tokens that are refused', AT_ONCE, () => {
  // The error class of the client: authorization failures carry the status; its reason 0 means NotAllowed.
  const NOT_ALLOWED = 0;
  const REFUSED = {
    'a wrong signature': { secret: 'w'.repeat(40) },
    'a foreign key': { key: 'foreign' },
    'an expired token': { claims: { ttl: -300 } },
    'a token without roomJoin': { grants: { roomJoin: false } },
  };
  for (const [name, faults] of Object.entries(REFUSED)) {
    for (const mode of MODES) {
      test(`${name} is a ConnectionError with status 401, ${mode} peer connection`, async (t) => {
        const participant = await suite.participant(t, 'eve', { mode });
        const token = await participantToken(suite.server, { room: roomOf(t), identity: 'eve', ...faults });
        const error = await participant.joinError({ token });
        assert.ok(error, 'the join must fail');
        assert.deepEqual([error.name, error.reason, error.status], ['ConnectionError', NOT_ALLOWED, 401], JSON.stringify(error));
      });
    }
  }
});

describe('grants', AT_ONCE, () => {
  test('canPublish false: publishing is refused', async (t) => {
    const alice = await suite.join(t, 'alice', { grants: { canPublish: false } });
    await assert.rejects(alice.publishVideo(), /insufficient permissions/i);
    assert.equal((await alice.state()).me.permissions.canPublish, false);
  });

  test('canPublishSources: other sources are refused', async (t) => {
    const [alice, bob] = [
      await suite.join(t, 'alice', { grants: { canPublish: true, canPublishSources: [TrackSource.MICROPHONE] } }),
      await suite.join(t, 'bob'),
    ];
    await assert.rejects(alice.publishVideo(), /insufficient permissions/i);
    await alice.publishAudio();
    await bob.hearsAudio('alice');
  });

  for (const mode of MODES) {
    test(`canSubscribe false: nothing is received, and publishing works, ${mode} peer connection`, async (t) => {
      const alice = await suite.join(t, 'alice', { mode, grants: { canPublish: true, canSubscribe: false } });
      const bob = await suite.join(t, 'bob', { mode });
      await bob.publishVideo();
      await alice.until('sees the track', (state) => state.others.bob?.tracks.camera);
      await alice.publishVideo();
      await bob.decodesVideo('alice');
      assert.equal((await alice.state()).others.bob.tracks.camera.hasTrack, false);
    });
  }

  test('without canUpdateOwnMetadata, own metadata and attributes are refused', async (t) => {
    const alice = await suite.join(t, 'alice');
    await assert.rejects(alice.setMetadata('m'), /permission/i);
    await assert.rejects(alice.setAttributes({ a: '1' }), /permission/i);
  });

  test('a hidden participant is seen by nobody and receives everything', async (t) => {
    const [alice, bob] = await suite.pair(t);
    await alice.publishVideo();
    const ghost = await suite.join(t, 'ghost', { grants: { hidden: true, canPublish: false } });
    await ghost.decodesVideo('alice');
    await never('the hidden participant', async () => {
      return (await alice.state()).others.ghost ?? (await bob.state()).others.ghost;
    }, { during: 3_500 });
    assert.deepEqual(Object.keys((await ghost.state()).others).sort(), ['alice', 'bob']);
  });
});

describe('rooms', AT_ONCE, () => {
  test('max_participants refuses one more, and admits again when one has left', async (t) => {
    await service().createRoom({ name: roomOf(t), maxParticipants: 2 });
    const [alice, bob] = await suite.pair(t);
    const carol = await suite.participant(t, 'carol');
    const error = await carol.joinError({ connectOptions: { maxRetries: 0 } });
    assert.ok(error, 'the third join must fail');
    assert.equal(error.name, 'ConnectionError');
    await bob.leave();
    await alice.until('sees that bob has left', (state) => !state.others.bob);
    await (await suite.participant(t, 'dave')).join();
    await alice.sees('dave');
  });

  test('an empty room ends after its departure_timeout', async (t) => {
    const { sid } = await service().createRoom({ name: roomOf(t), departureTimeout: 1, emptyTimeout: 60 });
    const alice = await suite.join(t, 'alice');
    assert.equal(await alice.roomSid(), sid);
    await alice.leave();
    await until('the room is no longer listed', async () => (await service().listRooms([roomOf(t)])).length === 0);
  });

  test('a room that nobody joins ends after its empty_timeout', async (t) => {
    await service().createRoom({ name: roomOf(t), emptyTimeout: 1 });
    await until('the room is no longer listed', async () => (await service().listRooms([roomOf(t)])).length === 0);
  });

  test('a participant learns the number of participants', async (t) => {
    const [alice] = await suite.pair(t);
    await alice.until('counts two participants', (state) => state.numParticipants === 2, { within: 20_000 });
  });
});
