// Many participants at once, by the REST API: muted, removed, kept from publishing; what each sees, and what the audit says.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RoomServiceClient, TrackSource } from 'livekit-server-sdk';

import { callApi } from '../lib/api.js';
import { callSuite, MODES, roomOf } from '../lib/suite.js';
import { participantToken } from '../lib/token.js';
import { never, until } from '../lib/until.js';

/** LiveKit's DisconnectReason. */
const PARTICIPANT_REMOVED = 4;

/** The attribute by which whoever is removed learns why. */
const REASON = 'sluice.removed_reason';

const suite = callSuite();
const service = () => new RoomServiceClient(suite.server.http, suite.server.apiKey, suite.server.apiSecret);

async function change(t, what, body, headers) {
  const { status, body: answer } = await callApi(suite.server, 'POST', `rooms/${roomOf(t)}/${what}`, body, headers);
  assert.equal(status, 200, JSON.stringify(answer));
  assert.equal(answer.audited, true);
  return answer;
}

async function audited(t, action) {
  const { body } = await callApi(suite.server, 'GET', `audit?action=${action}&limit=1000`);
  return body.audit.filter(({ room }) => room === roomOf(t)).map(({ author, subject, detail }) => ({ author, subject, detail }));
}

/** A host and two guests in the room of this test, all with camera and microphone. */
async function meeting(t, mode) {
  const host = await suite.join(t, 'host', { mode });
  const guests = [await suite.join(t, 'ann', { mode }), await suite.join(t, 'ben', { mode })];
  for (const participant of [host, ...guests]) {
    await participant.publishVideo();
    await participant.publishAudio();
  }
  await Promise.all(guests.map((guest) => host.decodesVideo(guest.identity)));
  return [host, ...guests];
}

for (const mode of MODES) {
  describe(`${mode} peer connection`, () => {
    test('everybody but the host is muted, and may unmute', async (t) => {
      const [host, ann, ben] = await meeting(t, mode);
      const answer = await change(t, 'mute', { everybody: true, except: ['host'], sources: ['microphone'], reason: 'too loud' });
      assert.deepEqual(answer.results.map(({ identity, tracks }) => [identity, tracks.map(({ source, muted }) => [source, muted])]), [
        ['ann', [['microphone', true]]], ['ben', [['microphone', true]]],
      ]);
      for (const guest of [ann, ben]) {
        await guest.event('trackMuted', { identity: guest.identity, source: 'microphone' });
        await host.event('trackMuted', { identity: guest.identity, source: 'microphone' });
      }
      const { others } = await ann.state();
      assert.deepEqual([others.host.tracks.microphone.muted, others.ben.tracks.camera.muted], [false, false]);
      const lines = await audited(t, 'participant.mute');
      const { sid } = (await ann.state()).me.tracks.microphone;
      assert.deepEqual(lines.map(({ subject }) => subject).sort(), ['ann', 'ben']);
      assert.equal(lines.find(({ subject }) => subject === 'ann').detail, `${sid}: too loud`);
      await ann.setMuted('microphone', false);
      await host.event('trackUnmuted', { identity: 'ann', source: 'microphone' });
    });

    test('who loses the right to publish is cut off, and gets it back', async (t) => {
      const [host, ann, ben] = await meeting(t, mode);
      const permission = { can_publish: false };
      const answer = await change(t, 'update', { identities: ['ann', 'ghost'], permission, reason: 'spam' });
      assert.deepEqual(answer.results, [
        { identity: 'ann' }, { identity: 'ghost', error: { code: 'not_found', message: 'participant does not exist' } },
      ]);
      assert.equal(answer.changed, 1);
      await ann.event('participantPermissionsChanged', { identity: 'ann', canPublish: false });
      await host.event('trackUnpublished', { identity: 'ann', source: 'camera' });
      await assert.rejects(ann.publishVideo());
      await host.decodesVideo('ben');
      await ann.decodesVideo('ben');
      const [line] = await audited(t, 'participant.update');
      assert.deepEqual([line.subject, line.detail], ['ann', 'can_publish=false: spam']);
      await change(t, 'update', { identities: ['ann'], permission: { can_publish: true, can_publish_sources: ['camera'] } });
      await ann.until('may publish a camera', ({ me }) => me.permissions.canPublishSources.includes(TrackSource.CAMERA));
      await ann.publishVideo();
      await ben.decodesVideo('ann');
    });

    test('all are removed, read why, and no other is told so', async (t) => {
      const [host, ann, ben] = await meeting(t, mode);
      const answer = await change(t, 'remove', { everybody: true, except: ['host'], reason: 'closing time' });
      assert.equal(answer.changed, 2);
      const listed = await service().listParticipants(roomOf(t));
      assert.deepEqual(listed.map(({ identity }) => identity), ['host']);
      for (const guest of [ann, ben]) {
        await guest.event('disconnected', { reason: PARTICIPANT_REMOVED });
        assert.equal((await guest.state()).me.attributes[REASON], 'closing time');
        await host.event('participantDisconnected', { identity: guest.identity });
      }
      const lines = await audited(t, 'participant.remove');
      assert.deepEqual(lines.map(({ subject, detail }) => [subject, detail]).sort(), [['ann', 'closing time'], ['ben', 'closing time']]);
    });
  });
}

test('a request that is repeated removes nobody who has come back', async (t) => {
  const once = { 'idempotency-key': `remove-${roomOf(t)}` };
  const first = await suite.join(t, 'ann');
  const answer = await change(t, 'remove', { identities: ['ann'] }, once);
  await first.event('disconnected', { reason: PARTICIPANT_REMOVED });
  const back = await suite.join(t, 'ann');
  assert.deepEqual(await change(t, 'remove', { identities: ['ann'] }, once), answer);
  await never('ann is removed again', async () => (await back.state()).connection !== 'connected', { during: 500 });
});

describe('a room that keeps its sessions', () => {
  const keeping = callSuite({ config: { room: { room_configurations: { kept: { duplicate_identity: 'refuse' } } } } });
  for (const mode of MODES) {
    test(`refuses a second session of an identity, lets the first resume, and takes the second when it has left (${mode})`, async (t) => {
      const rooms = new RoomServiceClient(keeping.server.http, keeping.server.apiKey, keeping.server.apiSecret);
      await rooms.createRoom({ name: roomOf(t), roomPreset: 'kept' });
      const first = await keeping.join(t, 'ann', { mode });
      const second = first.beside(t, 'ann');
      const error = await second.joinError();
      assert.match(error?.message ?? '', /a participant with this identity is in the room already/, JSON.stringify(error));
      assert.equal(error.status, 403);
      const token = await participantToken(keeping.server, { room: roomOf(t), identity: 'ann' });
      const mark = await first.mark();
      await first.simulate('signal-reconnect');
      await first.event('reconnected', {}, { from: mark });
      assert.equal((await first.state()).connection, 'connected');
      await first.leave();
      await until('the first has left', async () => (await rooms.listParticipants(roomOf(t))).length === 0);
      const third = await keeping.join(t, 'ann', { mode, token });
      assert.equal((await third.state()).connection, 'connected');
    });
  }
});
