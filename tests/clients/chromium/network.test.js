// What the network does to a session: a new address of the client, a path that is gone for a while, and one that loses packets.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { divert, Relay } from '../lib/relay.js';
import { serverIsGiven } from '../lib/server.js';
import { AT_ONCE, callSuite, MODES } from '../lib/suite.js';
import { until } from '../lib/until.js';

// With ICE-lite the server never finds a way around the relay by checks of its own.
const suite = callSuite({ config: { rtc: { use_ice_lite: true } } });

/** Alice, whose media goes through a relay, and bob, who see and hear each other. */
async function callThroughRelay(t, mode) {
  const relay = await new Relay(suite.server.udpPort).start();
  t.after(() => relay.close());
  const alice = await suite.joinAlone(t, 'alice', {
    mode, prepare: (page) => divert(page, suite.server.udpPort, relay.port),
  });
  t.after(async () => {
    await alice.leave();
    await alice.page.close();
  });
  const bob = await suite.join(t, 'bob', { mode });
  await Promise.all([alice.publishVideo(), alice.publishAudio(), bob.publishVideo(), bob.publishAudio()]);
  await flows(alice, bob);
  const ports = (await alice.transports()).map(({ remotePort }) => remotePort);
  assert.ok(ports.every((port) => port === relay.port), `alice's media goes to ${ports}, the relay is ${relay.port}`);
  return { relay, alice, bob };
}

const flows = (alice, bob, within) => Promise.all([
  alice.decodesVideo('bob', { within }), alice.hearsAudio('bob', { within }),
  bob.decodesVideo('alice', { within }), bob.hearsAudio('alice', { within }),
]);

for (const mode of MODES) {
  describe(`${mode} peer connection`, { ...AT_ONCE, skip: serverIsGiven && 'the media port of a given server is unknown' }, () => {
    test('media goes on when the address of the client changes', async (t) => {
      const { relay, alice, bob } = await callThroughRelay(t, mode);
      const { sid } = (await alice.state()).me;
      relay.changeAddresses();
      await flows(alice, bob, 30_000);
      assert.equal((await alice.state()).me.sid, sid, 'the same session');
    });

    test('a session whose path is gone for a while comes back', async (t) => {
      const { relay, alice, bob } = await callThroughRelay(t, mode);
      relay.open = false;
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      relay.open = true;
      await flows(alice, bob, 30_000);
    });

    test('who loses packets is told so, and so is who receives it', async (t) => {
      const { relay, alice, bob } = await callThroughRelay(t, mode);
      const both = [alice, bob];
      const told = async (quality, marks) => Promise.all(both.map((one, place) => one.event(
        'connectionQualityChanged', { identity: 'alice', quality }, { within: 60_000, from: marks[place] },
      )));
      await told('excellent', [0, 0]);
      const marks = await Promise.all(both.map((one) => one.mark()));
      relay.loss = 0.2;
      await told('poor', marks);
      const later = await Promise.all(both.map((one) => one.mark()));
      relay.loss = 0;
      // A machine that is busy may keep it from more.
      await told('good', later);
      const ofBob = (await bob.events()).filter(({ event, identity }) => event === 'connectionQualityChanged' && identity === 'bob');
      const worst = ofBob.filter(({ quality }) => quality !== 'excellent' && quality !== 'good');
      assert.deepEqual(worst, [], 'bob loses nothing');
    });

    test('a client that UDP fails soon after it was connected comes back over TCP', async (t) => {
      const { relay, alice, bob } = await callThroughRelay(t, mode);
      relay.open = false;
      await until('alice is connected over TCP', async () => {
        const protocols = (await alice.transports()).map(({ protocol }) => protocol);
        return protocols.length > 0 && protocols.every((protocol) => protocol === 'tcp');
      }, { within: 45_000 });
      await flows(alice, bob, 30_000);
    });
  });
}
