// MoveParticipant as an app sees it: the call goes on in another room, on the same connections.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RoomServiceClient } from 'livekit-server-sdk';

import { callApi } from '../lib/api.js';
import { callSuite, MODES, roomOf } from '../lib/suite.js';
import { freshRoom } from '../lib/token.js';
import { until } from '../lib/until.js';

/** LiveKit's DisconnectReason. */
const MIGRATION = 8;

for (const shards of [1, 2]) {
  describe(`with ${shards} media thread(s)`, () => {
    const suite = callSuite({ config: { rtc: { shards, home_participants: 1 }, audio: { active_level: 60, min_percentile: 1 } } });
    const service = () => new RoomServiceClient(suite.server.http, suite.server.apiKey, suite.server.apiSecret);
    const claims = async (participant) => {
      const [, payload] = (await participant.token()).split('.');
      return JSON.parse(Buffer.from(payload, 'base64url'));
    };

    for (const mode of MODES) {
      test(`who is moved sees, hears and is seen in the other room (${mode})`, async (t) => {
        const there = freshRoom('there');
        const [alice, bob] = await suite.pair(t, { mode });
        const carol = await suite.join(t, 'carol', { mode, room: there });
        await Promise.all([alice.publishVideo(), alice.publishAudio(), bob.publishVideo(), carol.publishVideo(), carol.publishAudio()]);
        await Promise.all([bob.decodesVideo('alice'), alice.decodesVideo('bob'), bob.hearsAudio('alice')]);
        const before = await alice.state();
        const paths = await alice.transports();

        const begun = performance.now();
        await service().moveParticipant(roomOf(t), 'alice', there);
        const answered = performance.now() - begun;
        await Promise.all([
          alice.event('moved', { room: there }),
          alice.event('participantDisconnected', { identity: 'bob' }),
          bob.event('participantDisconnected', { identity: 'alice', reason: MIGRATION }),
          carol.event('participantConnected', { identity: 'alice' }),
        ]);
        await Promise.all([carol.decodesVideo('alice'), alice.decodesVideo('carol'), carol.hearsAudio('alice'), alice.hearsAudio('carol')]);
        t.diagnostic(`answered after ${answered.toFixed(0)} ms, seen and heard after ${(performance.now() - begun).toFixed(0)} ms`);

        const after = await alice.until('is in the other room', (state) => state.room === there);
        assert.deepEqual(Object.keys(after.others), ['carol']);
        assert.notEqual(after.me.sid, before.me.sid);
        assert.equal(after.me.tracks.camera.sid, before.me.tracks.camera.sid);
        assert.equal((await claims(alice)).video.room, there);
        assert.deepEqual((await alice.events()).filter(({ event }) => ['reconnecting', 'disconnected'].includes(event)), []);
        // What came before counts on: the transports are the same.
        const counted = (await alice.transports()).map((it, place) => it.bytesReceived > paths[place].bytesReceived);
        assert.deepEqual(counted, paths.map(() => true));
        const listed = async (room) => (await service().listParticipants(room)).map(({ identity }) => identity).sort();
        assert.deepEqual([await listed(roomOf(t)), await listed(there)], [['bob'], ['alice', 'carol']]);
        // Messages, mutes and the speakers go by the room where it is.
        await alice.sendData('from there', { reliable: true });
        await carol.message({ type: 'data', text: 'from there', from: 'alice' });
        await alice.setMuted('camera', true);
        await carol.event('trackMuted', { identity: 'alice', source: 'camera' });
        await alice.setMuted('camera', false);
        await until('carol is told that alice speaks', async () => (await carol.events()).some(({ event, identities }) => {
          return event === 'activeSpeakersChanged' && identities.includes('alice');
        }));
        assert.deepEqual((await bob.messages()), []);
      });

      test(`who was moved comes back to the other room, and can be moved back (${mode})`, async (t) => {
        const there = freshRoom('there');
        const [alice, bob] = await suite.pair(t, { mode });
        await Promise.all([alice.publishVideo(), bob.publishVideo()]);
        await bob.decodesVideo('alice');
        await service().moveParticipant(roomOf(t), 'alice', there);
        await alice.event('moved', { room: there });
        const mark = await alice.mark();
        await alice.simulate('signal-reconnect');
        await alice.event('reconnected', {}, { from: mark });
        assert.equal((await alice.state()).room, there);
        // What it publishes from here on is received there.
        const carol = await suite.join(t, 'carol', { mode, room: there });
        await alice.unpublish('camera');
        await alice.publishVideo();
        await carol.decodesVideo('alice');
        await carol.leave();
        await until('carol has left', async () => (await service().listParticipants(there)).length === 1);
        assert.deepEqual((await service().listParticipants(there)).map(({ identity }) => identity), ['alice']);

        await service().moveParticipant(there, 'alice', roomOf(t));
        await alice.event('moved', { room: roomOf(t) });
        await Promise.all([bob.decodesVideo('alice'), alice.decodesVideo('bob')]);
        const full = await alice.mark();
        await alice.simulate('full-reconnect');
        await alice.event('reconnected', {}, { from: full });
        await Promise.all([bob.decodesVideo('alice'), alice.decodesVideo('bob')]);
      });
    }

    test('many are moved at once, and each is where it should be', async (t) => {
      const there = freshRoom('there');
      const host = await suite.participant(t, 'p0');
      const all = [host, ...Array.from({ length: 5 }, (_, number) => host.beside(t, `p${number + 1}`))];
      await Promise.all(all.map((participant) => participant.join()));
      await all[0].publishVideo();
      await Promise.all(all.map(({ identity }) => service().moveParticipant(roomOf(t), identity, there)));
      await Promise.all(all.map((participant) => participant.until('sees the five others', (state) => {
        return state.room === there && Object.keys(state.others).length === 5;
      })));
      await Promise.all(all.slice(1).map((participant) => participant.decodesVideo('p0')));
    });

    test('who may not be in the other room stays where it is', async (t) => {
      const there = freshRoom('there');
      const [alice] = await suite.pair(t);
      const { body } = await callApi(suite.server, 'POST', 'bans', { identity: 'alice', room: there, reason: 'not there' });
      t.after(() => callApi(suite.server, 'DELETE', `bans/${body.ban.id}`));
      await assert.rejects(service().moveParticipant(roomOf(t), 'alice', there), { status: 403, code: 'permission_denied' });
      await assert.rejects(service().moveParticipant(roomOf(t), 'nobody', there), { code: 'not_found' });
      const full = freshRoom('full');
      await service().createRoom({ name: full, maxParticipants: 1 });
      await suite.join(t, 'carol', { room: full });
      await assert.rejects(service().moveParticipant(roomOf(t), 'alice', full), { code: 'resource_exhausted' });
      assert.equal((await alice.state()).room, roomOf(t));
      assert.deepEqual((await alice.events()).filter(({ event }) => event === 'moved'), []);
      await until('nobody is in the room that refused', async () => (await service().listParticipants(there)).length === 0);
    });
  });
}
