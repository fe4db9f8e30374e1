// ForwardParticipant as apps see it: who is in one room is seen and heard in another, too.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RoomServiceClient } from 'livekit-server-sdk';

import { callSuite, MODES, roomOf } from '../lib/suite.js';
import { freshRoom } from '../lib/token.js';
import { until } from '../lib/until.js';

for (const shards of [1, 2]) {
  describe(`with ${shards} media thread(s)`, () => {
    const suite = callSuite({ config: { rtc: { shards, home_participants: 1 } } });
    const service = () => new RoomServiceClient(suite.server.http, suite.server.apiKey, suite.server.apiSecret);
    const listed = async (room) => (await service().listParticipants(room)).map(({ identity }) => identity).sort();

    for (const mode of MODES) {
      test(`a speaker is seen and heard in the overflow room, whatever it does (${mode})`, async (t) => {
        const there = freshRoom('overflow');
        const [alice, bob] = await suite.pair(t, { mode });
        const carol = await suite.join(t, 'carol', { mode, room: there });
        await alice.publishVideo();
        await service().forwardParticipant(roomOf(t), 'alice', there);
        assert.deepEqual([await listed(roomOf(t)), await listed(there)], [['alice', 'bob'], ['alice', 'carol']]);
        await Promise.all([carol.decodesVideo('alice'), bob.decodesVideo('alice')]);
        await alice.publishAudio();
        await carol.hearsAudio('alice');
        await alice.setMuted('camera', true);
        await carol.event('trackMuted', { identity: 'alice', source: 'camera' });
        await alice.setMuted('camera', false);
        await carol.decodesVideo('alice');
        await alice.unpublish('camera');
        await carol.event('trackUnpublished', { identity: 'alice', source: 'camera' });
        await alice.publishVideo();
        await Promise.all([carol.decodesVideo('alice'), bob.decodesVideo('alice')]);
        await service().updateParticipant(roomOf(t), 'alice', { name: 'Alice' });
        await carol.event('participantNameChanged', { identity: 'alice', name: 'Alice' });

        await service().removeParticipant(there, 'alice');
        await carol.event('participantDisconnected', { identity: 'alice' });
        assert.deepEqual(await listed(roomOf(t)), ['alice', 'bob']);
        await bob.decodesVideo('alice');
        await service().forwardParticipant(roomOf(t), 'alice', there);
        await carol.decodesVideo('alice');
        await alice.leave();
        await until('alice is gone there too', async () => (await listed(there)).join() === 'carol');
      });
    }

    test('who is forwarded is gone when its room is deleted, and what forwards ends with the other room', async (t) => {
      const [there, third] = [freshRoom('there'), freshRoom('third')];
      const [alice] = await suite.pair(t);
      const carol = await suite.join(t, 'carol', { room: there });
      await alice.publishVideo();
      await service().forwardParticipant(roomOf(t), 'alice', there);
      await service().forwardParticipant(roomOf(t), 'alice', third);
      await service().forwardParticipant(roomOf(t), 'alice', there);
      await carol.decodesVideo('alice');
      await service().deleteRoom(third);
      await assert.rejects(service().forwardParticipant(there, 'alice', third), { code: 'failed_precondition' });
      await assert.rejects(service().forwardParticipant(roomOf(t), 'nobody', there), { code: 'not_found' });
      await suite.join(t, 'bob', { room: there });
      await assert.rejects(service().forwardParticipant(roomOf(t), 'bob', there), { code: 'already_exists' });
      await service().deleteRoom(roomOf(t));
      await carol.event('participantDisconnected', { identity: 'alice' });
      assert.deepEqual(await listed(there), ['bob', 'carol']);
    });
  });
}
