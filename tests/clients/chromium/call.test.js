// Sound and picture between two Chromium pages, both ways, with one and with two peer connections.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { AT_ONCE, callSuite, MODES } from '../lib/suite.js';

const suite = callSuite();

for (const mode of MODES) {
  describe(`${mode} peer connection`, AT_ONCE, () => {
    test('two participants see and hear each other', async (t) => {
      const [alice, bob] = await suite.pair(t, { mode });
      const { peerConnections, connection } = await alice.state();
      assert.equal(connection, 'connected');
      assert.equal(peerConnections, mode === 'single' ? 1 : 2, 'peer connections of the client');

      await Promise.all([alice, bob].map(async (participant) => {
        await participant.publishVideo();
        await participant.publishAudio();
      }));
      const [pictureAtBob, soundAtBob, pictureAtAlice, soundAtAlice] = await Promise.all([
        bob.decodesVideo('alice'), bob.hearsAudio('alice'),
        alice.decodesVideo('bob'), alice.hearsAudio('bob'),
      ]);
      for (const picture of [pictureAtAlice, pictureAtBob]) {
        assert.equal(picture.codec, 'video/VP8');
        assert.deepEqual([picture.frameWidth, picture.frameHeight], [320, 180]);
      }
      for (const sound of [soundAtAlice, soundAtBob]) assert.equal(sound.codec, 'audio/opus');
    });

    for (const codec of ['vp8', 'vp9', 'h264', 'av1']) {
      test(`${codec} is published and decoded`, async (t) => {
        const [alice, bob] = await suite.pair(t, { mode });
        await alice.publishVideo({ codec });
        const picture = await bob.decodesVideo('alice');
        assert.equal(picture.codec.toLowerCase(), `video/${codec}`);
        const { others } = await bob.state();
        assert.equal(others.alice.tracks.camera.mimeType.toLowerCase(), `video/${codec}`);
      });
    }

    test('a third participant who joins late sees and hears the others', async (t) => {
      const [alice, bob] = await suite.pair(t, { mode });
      await Promise.all([alice.publishVideo(), alice.publishAudio(), bob.publishVideo(), bob.publishAudio()]);
      await bob.decodesVideo('alice');
      const carol = await suite.join(t, 'carol', { mode });
      await Promise.all([
        carol.decodesVideo('alice'), carol.decodesVideo('bob'), carol.hearsAudio('alice'), carol.hearsAudio('bob'),
        alice.sees('carol'), bob.sees('carol'),
      ]);
      await carol.publishVideo();
      await Promise.all([alice.decodesVideo('carol'), bob.decodesVideo('carol')]);
    });
  });
}

describe('clients of both kinds', AT_ONCE, () => {
  test('clients with one and with two peer connections meet in one room', async (t) => {
    const alice = await suite.join(t, 'alice', { mode: 'single' });
    const bob = await suite.join(t, 'bob', { mode: 'dual' });
    await Promise.all([alice.publishVideo(), alice.publishAudio(), bob.publishVideo(), bob.publishAudio()]);
    await Promise.all([
      alice.decodesVideo('bob'), alice.hearsAudio('bob'), bob.decodesVideo('alice'), bob.hearsAudio('alice'),
    ]);
  });
});
