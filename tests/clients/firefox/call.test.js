// Sound and picture between Firefox and Chromium, both ways.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { startFirefox } from '../lib/firefox.js';
import { Participant } from '../lib/participant.js';
import { outsideAddress } from '../lib/ports.js';
import { callSuite, MODES, roomOf } from '../lib/suite.js';
import { until } from '../lib/until.js';

// Firefox has no candidates of the loopback interface and pairs no others with 127.0.0.1: the server must advertise
// another address of this machine.
const suite = callSuite({ startAnother: startFirefox, config: { rtc: { node_ip: outsideAddress() } } });

/**
 * Losses that Firefox recovers from. In the last it waits 15 s for the answer to an offer that went down with its
 * connection.
 */
const SCENARIOS = [
  'signal-reconnect', 'full-reconnect', 'node-failure', 'migration',
  'disconnect-signal-on-resume-no-messages', 'disconnect-signal-on-resume',
];

/** A participant in a Firefox page of its own. */
async function joinFirefox(t, identity, { mode, ...options } = {}) {
  const page = await suite.other.page();
  const participant = new Participant(page, suite.server, { room: roomOf(t), identity, mode });
  t.after(async () => {
    await participant.leave();
    await page.close();
  });
  await participant.join(options);
  return participant;
}

/** Firefox has no Web Audio without a sound card: what it hears is judged by the packets. */
async function receivesSound(participant, identity) {
  let first;
  await until(`${participant.identity} receives sound of ${identity}`, async () => {
    const stats = await participant.received(identity, 'microphone');
    first ??= stats?.packetsReceived;
    return stats?.packetsReceived > first + 20;
  }, { seen: () => participant.received(identity, 'microphone') });
}

for (const mode of MODES) {
  describe(`${mode} peer connection`, () => {
    test('Firefox and Chromium see and hear each other', async (t) => {
      const fox = await joinFirefox(t, 'fox', { mode });
      const chrome = await suite.join(t, 'chrome', { mode });
      await Promise.all([fox.sees('chrome'), chrome.sees('fox')]);
      assert.equal((await fox.state()).peerConnections, mode === 'single' ? 1 : 2);
      for (const participant of [fox, chrome]) {
        await participant.publishVideo();
        await participant.publishAudio();
      }
      await Promise.all([
        fox.decodesVideo('chrome'), receivesSound(fox, 'chrome'), chrome.decodesVideo('fox'), receivesSound(chrome, 'fox'),
      ]);
    });

    test('Firefox mutes, unsubscribes, subscribes again and sends data', async (t) => {
      const fox = await joinFirefox(t, 'fox', { mode });
      const chrome = await suite.join(t, 'chrome', { mode });
      await Promise.all([fox.sees('chrome'), chrome.sees('fox')]);
      await Promise.all([fox.publishAudio(), chrome.publishVideo()]);
      await fox.decodesVideo('chrome');
      await fox.setMuted('microphone', true);
      await chrome.event('trackMuted', { identity: 'fox', source: 'microphone' });
      await fox.setSubscribed('chrome', 'camera', false);
      await fox.event('trackUnsubscribed', { identity: 'chrome', source: 'camera' });
      await fox.setSubscribed('chrome', 'camera', true);
      await fox.decodesVideo('chrome');
      await fox.sendData('from the fox', { reliable: true });
      await chrome.message({ text: 'from the fox', from: 'fox' });
      await chrome.sendData('to the fox', { reliable: true });
      await fox.message({ text: 'to the fox', from: 'chrome' });
    });

    test('Firefox resumes and reconnects', async (t) => {
      const fox = await joinFirefox(t, 'fox', { mode });
      const chrome = await suite.join(t, 'chrome', { mode });
      await Promise.all([fox.publishVideo(), chrome.publishVideo()]);
      await Promise.all([fox.decodesVideo('chrome'), chrome.decodesVideo('fox')]);
      for (const scenario of SCENARIOS) {
        const from = await fox.mark();
        await fox.simulate(scenario);
        await fox.event('reconnected', {}, { from, within: 30_000 });
        await Promise.all([fox.decodesVideo('chrome'), chrome.decodesVideo('fox')]);
      }
    });
  });
}
