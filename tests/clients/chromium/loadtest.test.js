// What the load harness publishes, in Chromium: its samples are media that decoders accept, time stamps and all.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { harness } from '../lib/harness.js';
import { callSuite, roomOf } from '../lib/suite.js';

const suite = callSuite();
const PUBLISHER = 'loadtest_pub_0';
const FRAMES = 90;

for (const codec of ['vp8', 'h264']) {
  for (const signalling of ['v1', 'v0']) {
    describe(`a ${codec} publisher of the load harness by ${signalling}`, () => {
      test('is decoded without a fault, at 720p, and heard', async (t) => {
        const publisher = harness(t, suite.server, roomOf(t), [
          '--video-publishers', '1', '--audio-publishers', '1', '--video-codec', codec, '--signalling', signalling,
        ]);
        const viewer = await suite.join(t, 'viewer');
        const seen = await viewer.decodesVideo(PUBLISHER, { frames: FRAMES, within: 20_000 });
        await viewer.hearsAudio(PUBLISHER);
        assert.equal(publisher.exitCode, null, 'the publisher is there still');
        assert.equal(seen.frameHeight, 720);
        assert.ok(seen.framesReceived - seen.framesDecoded <= 3, JSON.stringify(seen));
        const before = seen.pliCount ?? 0;
        const later = await viewer.decodesVideo(PUBLISHER, { frames: FRAMES, within: 20_000 });
        assert.equal((later.pliCount ?? 0) - before, 0, 'the decoder asks for no key frame');
      });
    });
  }
}
