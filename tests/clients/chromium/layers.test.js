// Layers of one stream (SVC): viewers go down and up, and their pictures go on.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { callSuite } from '../lib/suite.js';
import { until } from '../lib/until.js';

/** libwebrtc makes no layers of fewer than 135 lines, and none of an odd number. */
const CASES = [
  { codec: 'vp9', scalabilityMode: 'L3T3_KEY', drawn: [960, 540], heights: { LOW: 136, MEDIUM: 270, HIGH: 540 } },
  { codec: 'vp9', scalabilityMode: 'L2T2', drawn: [640, 360], heights: { LOW: 180, HIGH: 360 } },
  { codec: 'av1', scalabilityMode: 'L1T3', drawn: [640, 360], heights: { LOW: 360, HIGH: 360 } },
  { codec: 'av1', scalabilityMode: 'L2T2', drawn: [640, 360], heights: { LOW: 180, HIGH: 360 } },
];

/** How long a picture may stand still longer than another viewer's: on a busy machine the key frame of a switch is late. */
const PAUSE_S = 0.7;

describe('layers of one stream', () => {
  const suite = callSuite();

  for (const { codec, scalabilityMode, drawn: [width, height], heights } of CASES) {
    test(`a viewer of ${codec} ${scalabilityMode} goes down and up, and its picture goes on`, async (t) => {
      const [alice, bob] = await suite.pair(t);
      // She keeps what she sees: a picture that stops for her too stops at the publisher.
      const carol = await suite.join(t, 'carol');
      const publish = { scalabilityMode, videoEncoding: { maxBitrate: 800_000, maxFramerate: 15 } };
      await alice.publishVideo({ codec, drawn: { width, height, frameRate: 15 }, publish });
      const begun = await bob.decodesVideo('alice', { frames: 30 });
      assert.equal(begun.codec, `video/${codec.toUpperCase()}`);
      for (const quality of ['LOW', 'HIGH', ...Object.keys(heights), 'LOW']) {
        const before = await frozen(bob, carol);
        await bob.setVideoQuality('alice', 'camera', quality);
        const lines = heights[quality];
        await until(`bob sees ${lines} lines`, async () => {
          const stats = await bob.received('alice', 'camera');
          return stats?.frameHeight === lines;
        }, { seen: () => bob.received('alice', 'camera') });
        await bob.decodesVideo('alice', { frames: 20 });
        const after = await frozen(bob, carol);
        assert.ok(after.bob - before.bob <= after.carol - before.carol + PAUSE_S, `seconds: ${JSON.stringify({ quality, before, after })}`);
      }
    });
  }
});

/** Seconds for which each one's picture has stood still. */
async function frozen(bob, carol) {
  const [seen, kept] = await Promise.all([bob, carol].map((viewer) => viewer.received('alice', 'camera')));
  return { bob: seen.totalFreezesDuration, carol: kept?.totalFreezesDuration ?? 0 };
}
