// Data packets, text and byte streams, and RPC between Chromium pages.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { AT_ONCE, callSuite, MODES } from '../lib/suite.js';
import { never, until } from '../lib/until.js';

const suite = callSuite();
const RELIABLE = 0;
const LOSSY = 1;

for (const mode of MODES) {
  describe(`${mode} peer connection`, AT_ONCE, () => {
    test('reliable and lossy packets arrive with sender, kind and topic', async (t) => {
      const [alice, bob] = await suite.pair(t, { mode });
      await alice.sendData('one', { reliable: true, topic: 'greeting' });
      await alice.sendData('two', { reliable: false, topic: 'greeting' });
      await bob.message({ type: 'data', text: 'one', from: 'alice', kind: RELIABLE, topic: 'greeting' });
      await bob.message({ type: 'data', text: 'two', from: 'alice', kind: LOSSY, topic: 'greeting' });
      await bob.sendData('back', { reliable: true });
      await alice.message({ type: 'data', text: 'back', from: 'bob', kind: RELIABLE });
    });

    test('text and byte streams arrive whole, small and large', async (t) => {
      const [alice, bob] = await suite.pair(t, { mode });
      const sent = {
        smallText: await alice.sendText(20, { attributes: { colour: 'blue' } }),
        largeText: await alice.sendText(300_000),
        largeBytes: await bob.sendBytes(2_000_000, { name: 'noise.bin', mimeType: 'application/x-noise' }),
      };
      const small = await bob.message({ type: 'text', digest: sent.smallText, from: 'alice' });
      assert.equal(small.attributes.colour, 'blue');
      await bob.message({ type: 'text', digest: sent.largeText, from: 'alice' });
      const bytes = await alice.message({ type: 'bytes', digest: sent.largeBytes, from: 'bob' });
      assert.deepEqual([bytes.length, bytes.name, bytes.mimeType], [2_000_000, 'noise.bin', 'application/x-noise']);
    });

    test('an RPC is answered, and its failures carry their code', async (t) => {
      const [alice, bob] = await suite.pair(t, { mode });
      await bob.answerRpc('reverse');
      assert.deepEqual(await alice.callRpc('bob', 'reverse', 'abc'), { answer: 'alice:cba' });
      const large = 'x'.repeat(14_000);
      assert.deepEqual(await alice.callRpc('bob', 'reverse', large), { answer: `alice:${large}` });
      assert.deepEqual(await alice.callRpc('bob', 'reverse', 'fail'), { code: 4711, message: 'the handler failed' });
      assert.equal((await alice.callRpc('bob', 'unknown', '')).code, 1400, 'unsupported method');
    });
  });
}

describe('one peer connection', AT_ONCE, () => {
  test('a packet reaches its destinations only', async (t) => {
    const [alice, bob] = await suite.pair(t);
    const carol = await suite.join(t, 'carol');
    await Promise.all([alice.sees('carol'), carol.sees('alice'), carol.sees('bob')]);
    await alice.sendData('for carol', { reliable: true, destinationIdentities: ['carol'] });
    await alice.sendData('for all', { reliable: true });
    await carol.message({ text: 'for carol' });
    await Promise.all([bob.message({ text: 'for all' }), carol.message({ text: 'for all' })]);
    const leaked = (await bob.messages()).some(({ text }) => text === 'for carol');
    assert.equal(leaked, false, 'bob is no destination');
    assert.deepEqual(await alice.messages(), [], 'the sender receives no packet of its own');
  });

  test('a stream reaches its destinations only', async (t) => {
    const [alice, bob] = await suite.pair(t);
    const carol = await suite.join(t, 'carol');
    await Promise.all([alice.sees('carol'), carol.sees('alice')]);
    const digest = await alice.sendText(50_000, { destinationIdentities: ['carol'] });
    await carol.message({ type: 'text', digest });
    assert.deepEqual(await bob.messages(), []);
  });

  test('a packet of the largest size that the client sends arrives', async (t) => {
    const [alice, bob] = await suite.pair(t);
    const text = 'x'.repeat(63_000);
    await alice.sendData(text, { reliable: true });
    const { length } = await bob.message({ type: 'data', text });
    assert.equal(length, text.length);
  });

  test('hundreds of reliable packets arrive complete and in order', async (t) => {
    const [alice, bob] = await suite.pair(t);
    const sent = Array.from({ length: 300 }, (_, number) => `${number}:${'x'.repeat(number * 10)}`);
    for (const text of sent) await alice.sendData(text, { reliable: true });
    await until('bob receives 300 packets', async () => (await bob.messages()).length >= sent.length);
    assert.deepEqual((await bob.messages()).map(({ text }) => text), sent);
  });

  test('packets between clients of one and of two peer connections arrive', async (t) => {
    const alice = await suite.join(t, 'alice', { mode: 'single' });
    const bob = await suite.join(t, 'bob', { mode: 'dual' });
    await Promise.all([alice.sees('bob'), bob.sees('alice')]);
    await alice.sendData('to dual', { reliable: true });
    await bob.sendData('to single', { reliable: true });
    await Promise.all([bob.message({ text: 'to dual' }), alice.message({ text: 'to single' })]);
  });

  test('data of a participant without canPublishData reaches nobody', async (t) => {
    const mute = await suite.join(t, 'mute', { grants: { canPublish: true, canPublishData: false } });
    const [alice, bob] = await suite.pair(t);
    await Promise.all([mute.sees('bob'), bob.sees('mute')]);
    await mute.sendData('refused', { reliable: true }).catch(() => {});
    await alice.sendData('allowed', { reliable: true });
    await bob.message({ text: 'allowed' });
    await never('a packet of the participant who may not send', async () => {
      return (await bob.messages()).find(({ text }) => text === 'refused');
    });
  });

  test('a hidden participant receives data, and what it sends has no sender', async (t) => {
    const hidden = await suite.join(t, 'ghost', { grants: { hidden: true } });
    const alice = await suite.join(t, 'alice');
    await hidden.sees('alice');
    await alice.sendData('to the ghost', { reliable: true });
    await hidden.message({ text: 'to the ghost', from: 'alice' });
    await hidden.sendData('boo', { reliable: true });
    await alice.message({ text: 'boo', from: null });
  });

  for (const mode of MODES) {
    test(`a participant who joins while others send misses nothing from its first packet on, ${mode} peer connection`, async (t) => {
      const [alice] = await suite.pair(t);
      const carol = await suite.participant(t, 'carol', { mode });
      let sent = 0;
      let joining = true;
      const sending = (async () => {
        while (joining) await alice.sendData(`${sent++}`, { reliable: true });
      })();
      await carol.join();
      await until('carol receives', async () => (await carol.messages()).length > 20);
      joining = false;
      await sending;
      await carol.message({ text: `${sent - 1}` });
      const numbers = (await carol.messages()).map(({ text }) => Number(text));
      const expected = Array.from({ length: sent - numbers[0] }, (_, step) => numbers[0] + step);
      assert.deepEqual(numbers, expected);
    });
  }
});
