// The load harness as a participant: LOADTEST_BIN, or the one beside the server (cargo build -p loadtest).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Publishers in `room` as `flags` say, for a minute at most and no longer than the test `t`. */
export function harness(t, { url, apiKey, apiSecret }, room, flags) {
  const started = spawn(binary(), [
    '--url', url, '--api-key', apiKey, '--api-secret', apiSecret, '--room', room, '--duration', '60', ...flags,
  ], { stdio: ['ignore', 'ignore', 'inherit'] });
  t.after(() => started.kill());
  return started;
}

function binary() {
  if (process.env.LOADTEST_BIN) return process.env.LOADTEST_BIN;
  const target = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../target');
  const built = ['release', 'debug'].map((profile) => path.join(target, profile, 'loadtest'));
  const found = built.find((candidate) => fs.existsSync(candidate));
  assert.ok(found, 'no harness: build it (cargo build -p loadtest), or set LOADTEST_BIN');
  return found;
}
