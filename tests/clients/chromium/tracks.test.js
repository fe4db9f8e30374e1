// Muting, unpublishing, subscribing and its permissions, simulcast and encryption, between Chromium pages.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { AT_ONCE, callSuite, MODES } from '../lib/suite.js';
import { never, until } from '../lib/until.js';

const suite = callSuite();

for (const mode of MODES) {
  describe(`${mode} peer connection`, AT_ONCE, () => {
    test('mute and unmute are seen by the others, and media flows after it', async (t) => {
      const [alice, bob] = await suite.pair(t, { mode });
      await alice.publishVideo();
      await alice.publishAudio();
      await Promise.all([bob.decodesVideo('alice'), bob.hearsAudio('alice')]);
      for (const source of ['microphone', 'camera']) {
        await alice.setMuted(source, true);
        await bob.event('trackMuted', { identity: 'alice', source });
        await bob.until(`lists alice's ${source} as muted`, (state) => state.others.alice.tracks[source].muted);
        await alice.setMuted(source, false);
        await bob.event('trackUnmuted', { identity: 'alice', source });
      }
      await Promise.all([bob.decodesVideo('alice'), bob.hearsAudio('alice')]);
    });

    test('a track that is muted when it is published arrives muted', async (t) => {
      const alice = await suite.join(t, 'alice', { mode });
      await alice.publishAudio();
      await alice.setMuted('microphone', true);
      const bob = await suite.join(t, 'bob', { mode });
      await bob.until('lists the track as muted', (state) => state.others.alice?.tracks.microphone?.muted);
    });

    test('an unsubscribed track stops, and comes back when it is subscribed again', async (t) => {
      const [alice, bob] = await suite.pair(t, { mode });
      await alice.publishVideo();
      await alice.publishAudio();
      await Promise.all([bob.decodesVideo('alice'), bob.hearsAudio('alice')]);
      for (let round = 0; round < 2; round += 1) {
        const from = await bob.mark();
        await bob.setSubscribed('alice', 'camera', false);
        await bob.event('trackUnsubscribed', { identity: 'alice', source: 'camera' }, { from });
        await bob.hearsAudio('alice');
        await bob.setSubscribed('alice', 'camera', true);
        await bob.event('trackSubscribed', { identity: 'alice', source: 'camera' }, { from });
        await bob.decodesVideo('alice');
      }
    });

    test('an unpublished track goes away, and another takes its place', async (t) => {
      const [alice, bob] = await suite.pair(t, { mode });
      for (let round = 0; round < 2; round += 1) {
        const from = await bob.mark();
        const sid = await alice.publishVideo();
        await bob.event('trackSubscribed', { identity: 'alice', sid }, { from });
        await bob.decodesVideo('alice');
        await alice.unpublish('camera');
        await bob.event('trackUnpublished', { identity: 'alice', sid }, { from });
      }
    });

    test('one participant publishes camera, microphone and two shared screens', async (t) => {
      const [alice, bob] = await suite.pair(t, { mode });
      await alice.publishVideo();
      await alice.publishAudio();
      await alice.publishVideo({ source: 'screen_share' });
      await alice.publishAudio({ source: 'screen_share_audio' });
      await Promise.all([
        bob.decodesVideo('alice'), bob.decodesVideo('alice', { source: 'screen_share' }),
        bob.hearsAudio('alice'), bob.hearsAudio('alice', { source: 'screen_share_audio' }),
      ]);
    });

    test('selective subscription: nothing is received until it is asked for', async (t) => {
      const alice = await suite.join(t, 'alice', { mode });
      await alice.publishVideo();
      const bob = await suite.join(t, 'bob', { mode, connectOptions: { autoSubscribe: false } });
      await bob.until('sees the track', (state) => state.others.alice?.tracks.camera);
      await never('a subscription that nobody asked for', async () => {
        return (await bob.state()).others.alice.tracks.camera.hasTrack;
      });
      await bob.setSubscribed('alice', 'camera', true);
      await bob.decodesVideo('alice');
    });
  });
}

describe('track subscription permissions', AT_ONCE, () => {
  test('nobody receives a track that its publisher keeps to itself, until it is allowed', async (t) => {
    const [alice, bob] = await suite.pair(t);
    await alice.allowSubscribers(false, []);
    const sid = await alice.publishVideo();
    await bob.until('is not allowed to subscribe', (state) => {
      return state.others.alice.tracks.camera?.permissionStatus === 'not_allowed';
    });
    assert.equal((await bob.state()).others.alice.tracks.camera.hasTrack, false);
    await alice.allowSubscribers(false, [{ participantIdentity: 'bob', allowAll: true }]);
    await bob.event('trackSubscriptionPermissionChanged', { sid, status: 'allowed' });
    await bob.decodesVideo('alice');
  });

  test('a permission for one track leaves the others closed', async (t) => {
    const [alice, bob] = await suite.pair(t);
    await alice.allowSubscribers(false, []);
    await alice.publishVideo();
    const allowedTrackSids = [await alice.publishAudio()];
    await alice.allowSubscribers(false, [{ participantIdentity: 'bob', allowedTrackSids }]);
    await bob.hearsAudio('alice');
    assert.equal((await bob.state()).others.alice.tracks.camera.hasTrack, false, 'the camera stays closed');
  });

  test('a permission that is taken back ends the subscription', async (t) => {
    const [alice, bob] = await suite.pair(t);
    await alice.publishVideo();
    await bob.decodesVideo('alice');
    await alice.allowSubscribers(false, []);
    await bob.event('trackUnsubscribed', { identity: 'alice', source: 'camera' });
    await alice.allowSubscribers(true, []);
    await bob.decodesVideo('alice');
  });
});

describe('end-to-end encryption', AT_ONCE, () => {
  for (const mode of MODES) {
    test(`sound and picture are decrypted with the key, ${mode} peer connection`, async (t) => {
      const [alice, bob] = await suite.pair(t, { mode, passphrase: 'a passphrase that the server never sees' });
      await alice.publishVideo();
      await alice.publishAudio();
      await Promise.all([bob.decodesVideo('alice'), bob.hearsAudio('alice')]);
      assert.equal((await bob.state()).others.alice.tracks.camera.encrypted, true);
    });
  }

  test('nothing is decoded with another key', async (t) => {
    const alice = await suite.join(t, 'alice', { passphrase: 'one passphrase' });
    const bob = await suite.join(t, 'bob', { passphrase: 'another passphrase' });
    await alice.publishVideo();
    await until('packets arrive', async () => (await bob.received('alice', 'camera'))?.packetsReceived > 20);
    assert.equal((await bob.received('alice', 'camera')).framesDecoded, 0);
  });
});

describe('one peer connection', AT_ONCE, () => {
  test('the publisher learns that someone subscribed', async (t) => {
    const [alice] = await suite.pair(t);
    const sid = await alice.publishVideo();
    await alice.event('localTrackSubscribed', { sid });
  });

  test('a disabled track pauses without an end of the subscription', async (t) => {
    const [alice, bob] = await suite.pair(t);
    await alice.publishVideo();
    await bob.decodesVideo('alice');
    await bob.setTrackEnabled('alice', 'camera', false);
    await until('frames stop', async () => {
      const before = await bob.received('alice', 'camera');
      await new Promise((resolve) => setTimeout(resolve, 500));
      const after = await bob.received('alice', 'camera');
      return after.framesReceived === before.framesReceived;
    });
    await bob.setTrackEnabled('alice', 'camera', true);
    await bob.decodesVideo('alice');
  });

  test('a simulcast publisher is received with all its layers', async (t) => {
    const [alice, bob] = await suite.pair(t);
    await alice.publishVideo({
      // livekit-client makes three layers from this size on.
      drawn: { width: 960, height: 540, frameRate: 15 },
      publish: {
        simulcast: true,
        videoEncoding: { maxBitrate: 600_000, maxFramerate: 15 },
        videoSimulcastLayers: [[240, 135, 60_000, 15], [480, 270, 150_000, 15]],
      },
    });
    await bob.decodesVideo('alice');
    const layers = await until('the server reports on the reception of each layer', async () => {
      const sent = await alice.sent('camera');
      return sent.length === 3 && sent.every(({ remote, packetsSent }) => remote && packetsSent > 10) ? sent : null;
    }, { seen: () => alice.sent('camera') });
    assert.deepEqual(layers.map(({ rid }) => rid).sort(), ['f', 'h', 'q']);
    assert.equal((await bob.state()).others.alice.tracks.camera.simulcasted, true);
  });

  test('in one peer connection every answer maps all subscribed tracks', async (t) => {
    const bob = await suite.participant(t, 'bob');
    const answers = bob.recordAnswers();
    await bob.join();
    const alice = await suite.join(t, 'alice');
    await alice.publishVideo();
    await alice.publishAudio();
    await Promise.all([bob.decodesVideo('alice'), bob.hearsAudio('alice')]);
    await bob.publishAudio();
    await alice.hearsAudio('bob');
    const sids = Object.values((await bob.state()).others.alice.tracks).map(({ sid }) => sid).sort();
    const last = await answers();
    assert.ok(last.length >= 2, `${last.length} answers`);
    assert.deepEqual(Object.values(last.at(-1).midToTrackId).sort(), sids, 'the last answer, of a publication, maps the subscriptions too');
  });
});
