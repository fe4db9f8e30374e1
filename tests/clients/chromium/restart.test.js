// A node that is stopped and started again in the middle of a call: nobody does anything, and the call goes on.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { callSuite, MODES } from '../lib/suite.js';

const suite = callSuite();

describe('a node that is started again', () => {
  for (const mode of MODES) {
    test(`has everybody back in the call, who publish as before (${mode})`, async (t) => {
      const [alice, bob] = await suite.pair(t, { mode });
      await Promise.all([alice.publishVideo(), bob.publishAudio()]);
      await Promise.all([bob.decodesVideo('alice'), alice.hearsAudio('bob')]);
      const marks = [await alice.mark(), await bob.mark()];
      const begun = performance.now();
      await suite.server.restart();
      const again = performance.now();
      await Promise.all([alice, bob].map((who, place) => who.event('reconnected', {}, { from: marks[place], within: 30_000 })));
      await Promise.all([bob.decodesVideo('alice'), alice.hearsAudio('bob')]);
      t.diagnostic(`the node was away for ${(again - begun).toFixed(0)} ms, the call for ${(performance.now() - begun).toFixed(0)} ms`);
      for (const [place, who] of [alice, bob].entries()) {
        const seen = (await who.events()).slice(marks[place]).map(({ event }) => event);
        assert.ok(!seen.includes('disconnected'), `${who.identity} saw ${seen}`);
      }
    });
  }
});
