// What the load harness publishes, in Chromium: its samples are media that decoders accept, time stamps and all.
// The harness is LOADTEST_BIN, or the one beside the server (cargo build -p loadtest).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { callSuite, roomOf } from '../lib/suite.js';

const suite = callSuite();
const PUBLISHER = 'loadtest_pub_0';
const FRAMES = 90;

for (const codec of ['vp8', 'h264']) {
  for (const signalling of ['v1', 'v0']) {
    describe(`a ${codec} publisher of the load harness by ${signalling}`, () => {
      test('is decoded without a fault, at 720p, and heard', async (t) => {
        const harness = publish(t, ['--video-codec', codec, '--signalling', signalling]);
        const viewer = await suite.join(t, 'viewer');
        const seen = await viewer.decodesVideo(PUBLISHER, { frames: FRAMES, within: 20_000 });
        await viewer.hearsAudio(PUBLISHER);
        assert.equal(harness.exitCode, null, 'the publisher is there still');
        assert.equal(seen.frameHeight, 720);
        assert.ok(seen.framesReceived - seen.framesDecoded <= 3, JSON.stringify(seen));
        const before = seen.pliCount ?? 0;
        const later = await viewer.decodesVideo(PUBLISHER, { frames: FRAMES, within: 20_000 });
        assert.equal((later.pliCount ?? 0) - before, 0, 'the decoder asks for no key frame');
      });
    });
  }
}

function publish(t, flags) {
  const { url, apiKey, apiSecret } = suite.server;
  const harness = spawn(binary(), [
    '--url', url, '--api-key', apiKey, '--api-secret', apiSecret, '--room', roomOf(t),
    '--video-publishers', '1', '--audio-publishers', '1', '--duration', '60', ...flags,
  ], { stdio: ['ignore', 'ignore', 'inherit'] });
  t.after(() => harness.kill());
  return harness;
}

function binary() {
  if (process.env.LOADTEST_BIN) return process.env.LOADTEST_BIN;
  const target = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../target');
  const built = ['release', 'debug'].map((profile) => path.join(target, profile, 'loadtest'));
  const found = built.find((candidate) => fs.existsSync(candidate));
  assert.ok(found, 'no harness: build it (cargo build -p loadtest), or set LOADTEST_BIN');
  return found;
}
