// Sessions that survive: every case of livekit-client's simulateScenario, with media both ways before and after.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { AT_ONCE, callSuite, MODES } from '../lib/suite.js';
import { until } from '../lib/until.js';

const suite = callSuite();
const SERVER_SHUTDOWN = 3;

/** Two participants who see and hear each other. */
async function call(t, mode) {
  const [alice, bob] = await suite.pair(t, { mode });
  await Promise.all([alice.publishVideo(), alice.publishAudio(), bob.publishVideo(), bob.publishAudio()]);
  await flows(alice, bob);
  return [alice, bob];
}

/** Picture, sound and data arrive in both directions. */
async function flows(alice, bob) {
  await Promise.all([
    bob.decodesVideo('alice'), bob.hearsAudio('alice'), alice.decodesVideo('bob'), alice.hearsAudio('bob'),
  ]);
  await Promise.all([delivers(alice, bob), delivers(bob, alice)]);
}

/**
 * Sends reliable packets until one arrives: after a full reconnect livekit-client keeps the first one for a replay that
 * no server asks for.
 */
async function delivers(from, to) {
  const text = `data ${Math.random()}`;
  await until(`${to.identity} receives data of ${from.identity}`, async () => {
    await from.sendData(text, { reliable: true });
    return (await to.messages()).some((message) => message.text === text);
  });
}

/** Runs a scenario at alice and waits until her client says that it is back; returns the index of her first event. */
async function reconnect(alice, scenario, argument) {
  const from = await alice.mark();
  await alice.simulate(scenario, argument);
  await alice.event('reconnected', {}, { from, within: 30_000 });
  return from;
}

for (const mode of MODES) {
  describe(`${mode} peer connection`, AT_ONCE, () => {
    test('signal-reconnect: the session is resumed, and nobody else notices', async (t) => {
      const [alice, bob] = await call(t, mode);
      const { sid, tracks } = (await alice.state()).me;
      const bobsMark = await bob.mark();
      const from = await reconnect(alice, 'signal-reconnect');
      await flows(alice, bob);
      const after = (await alice.state()).me;
      assert.equal(after.sid, sid, 'the same session');
      assert.equal(after.tracks.camera.sid, tracks.camera.sid, 'the same track');
      const seenByBob = (await bob.events()).slice(bobsMark).map(({ event }) => event);
      for (const event of ['participantDisconnected', 'trackUnpublished', 'trackUnsubscribed', 'reconnecting']) {
        assert.ok(!seenByBob.includes(event), `bob sees no ${event}`);
      }
      const seenByAlice = (await alice.events()).slice(from).map(({ event }) => event);
      assert.ok(!seenByAlice.includes('trackUnsubscribed'), 'alice keeps her subscriptions');
    });

    // The client lets its resume fail in `resume-reconnect`, and goes on to a full reconnect.
    for (const scenario of ['full-reconnect', 'node-failure', 'migration', 'resume-reconnect']) {
      test(`${scenario}: the client comes back, and everything flows again`, async (t) => {
        const [alice, bob] = await call(t, mode);
        await reconnect(alice, scenario);
        await bob.sees('alice');
        await bob.until('lists both tracks of alice', (state) => {
          return state.others.alice?.tracks.camera?.hasTrack && state.others.alice.tracks.microphone?.hasTrack;
        });
        await flows(alice, bob);
      });
    }

    test('full-reconnect: a session of its own, with its tracks published anew', async (t) => {
      const [alice, bob] = await call(t, mode);
      const { sid } = (await alice.state()).me;
      await reconnect(alice, 'full-reconnect');
      await bob.until('lists alice once, with her new session', (state) => state.others.alice?.sid !== sid && state.others.alice?.tracks.camera);
      assert.notEqual((await alice.state()).me.sid, sid);
    });

    for (const scenario of ['disconnect-signal-on-resume', 'disconnect-signal-on-resume-no-messages']) {
      test(`${scenario}: a resume that is cut off is tried again`, async (t) => {
        const [alice, bob] = await call(t, mode);
        await reconnect(alice, scenario);
        await flows(alice, bob);
      });
    }

    test('force-tcp: media goes on over TCP', async (t) => {
      const [alice, bob] = await call(t, mode);
      await reconnect(alice, 'force-tcp');
      await flows(alice, bob);
      const protocols = (await alice.transports()).map(({ protocol }) => protocol);
      assert.ok(protocols.length > 0 && protocols.every((protocol) => protocol === 'tcp'), `transports: ${protocols}`);
    });

    test('server-leave: the session ends, as the server says', async (t) => {
      const [alice, bob] = await call(t, mode);
      await alice.simulate('server-leave');
      await alice.event('disconnected', { reason: SERVER_SHUTDOWN });
      await bob.event('participantDisconnected', { identity: 'alice' });
    });

    test('what others publish, mute and leave during a resume is known after it', async (t) => {
      const [alice, bob] = await call(t, mode);
      const carol = await suite.join(t, 'carol', { mode });
      await alice.sees('carol');
      const from = await alice.mark();
      await alice.simulate('signal-reconnect', 1_500);
      await alice.event('signalReconnecting', {}, { from });
      await Promise.all([bob.setMuted('microphone', true), bob.publishVideo({ source: 'screen_share' }), carol.leave()]);
      await alice.event('reconnected', {}, { from, within: 30_000 });
      await alice.until('knows what happened meanwhile', (state) => {
        const { bob: others, carol: gone } = state.others;
        return others.tracks.microphone.muted && others.tracks.screen_share && !gone;
      });
      await alice.decodesVideo('bob', { source: 'screen_share' });
    });

    test('reliable data that is sent during a resume is delivered once', async (t) => {
      const [alice, bob] = await suite.pair(t, { mode });
      await delivers(alice, bob);
      await delivers(bob, alice);
      const from = await alice.mark();
      await alice.simulate('signal-reconnect', 800);
      await alice.event('signalReconnecting', {}, { from });
      const sent = Array.from({ length: 10 }, (_, number) => `during ${number}`);
      for (const text of sent) await bob.sendData(text, { reliable: true });
      await alice.event('reconnected', {}, { from, within: 30_000 });
      await alice.message({ text: sent.at(-1) });
      const received = (await alice.messages()).map(({ text }) => text).filter((text) => text.startsWith('during'));
      assert.deepEqual(received, sent);
    });
  });
}

describe('the other scenarios', AT_ONCE, () => {
  test('speaker: those who subscribe to the participant are told that it speaks', async (t) => {
    const [alice, bob] = await call(t, 'single');
    await alice.simulate('speaker');
    await bob.event('activeSpeakersChanged', { identities: ['alice'] });
  });

  test('subscriber-bandwidth: the session goes on', async (t) => {
    const [alice, bob] = await call(t, 'single');
    await alice.simulate('subscriber-bandwidth', 200_000);
    await alice.simulate('subscriber-bandwidth', 0);
    await flows(alice, bob);
    assert.equal((await alice.state()).connection, 'connected');
  });

  test('leave-full-reconnect: whether the server plays it or not, everything flows afterwards', async (t) => {
    const [alice, bob] = await call(t, 'single');
    await alice.simulate('leave-full-reconnect');
    await flows(alice, bob);
    await alice.until('is connected', (state) => state.connection === 'connected');
  });

  test('fail-on-v1-path: the client falls back to two peer connections', async (t) => {
    const [alice, bob] = await call(t, 'single');
    await alice.simulate('fail-on-v1-path');
    await reconnect(alice, 'full-reconnect');
    await flows(alice, bob);
    assert.equal((await alice.state()).peerConnections, 2);
  });

  test('force-tls: without TURN over TLS the room goes on for the others', async (t) => {
    const [alice, bob] = await call(t, 'single');
    const from = await alice.mark();
    await alice.simulate('force-tls');
    await alice.event('reconnecting', {}, { from });
    const carol = await suite.join(t, 'carol');
    await carol.decodesVideo('bob');
    assert.equal((await bob.state()).connection, 'connected');
  });
});
