// One room on two media threads: whoever joins after the first lives on the other one. With a UDP port for each thread
// and with one that they share.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { freeUdpPair, freeUdpPort } from '../lib/ports.js';
import { AT_ONCE, callSuite, MODES } from '../lib/suite.js';
import { until } from '../lib/until.js';

const first = await freeUdpPair();
const shared = await freeUdpPort();
const KINDS = [
  { name: 'a UDP port for each media thread', udpPort: `${first}-${first + 1}`, ports: [first, first + 1] },
  { name: 'one UDP port for all media threads', udpPort: shared, ports: [shared, shared] },
];

for (const { name, udpPort, ports } of KINDS) {
  describe(name, () => {
    const rtc = { shards: 2, home_participants: 1, udp_port: udpPort };
    // A fake microphone beeps once a second: that counts as speaking.
    const audio = { active_level: 60, min_percentile: 1 };
    const suite = callSuite({ config: { rtc, audio } });

    for (const mode of MODES) {
      describe(`${mode} peer connection`, AT_ONCE, () => {
        test('participants of both threads see and hear each other', async (t) => {
          const participants = [];
          for (const identity of ['alice', 'bob', 'carol', 'dave']) {
            const participant = await suite.join(t, identity, { mode });
            await participant.publishAudio();
            participants.push(participant);
          }
          const [alice, bob, carol, dave] = participants;
          await Promise.all([alice.publishVideo(), bob.publishVideo()]);
          await Promise.all(participants.flatMap((listener) => {
            const others = participants.filter((other) => other !== listener);
            return others.map((other) => listener.hearsAudio(other.identity));
          }));
          await Promise.all([
            bob.decodesVideo('alice'), carol.decodesVideo('alice'), dave.decodesVideo('alice'),
            alice.decodesVideo('bob'), carol.decodesVideo('bob'), dave.decodesVideo('bob'),
          ]);
          const used = new Set([await portOf(alice), await portOf(bob)]);
          assert.deepEqual([...used].sort(), [...new Set(ports)].sort(), 'server ports of alice and bob');
        });

        test('data and speakers are told across threads', async (t) => {
          const [alice, bob] = await suite.pair(t, { mode });
          await Promise.all([alice.publishAudio(), bob.publishAudio()]);
          await alice.sendData('there', { reliable: true });
          await bob.message({ type: 'data', text: 'there', from: 'alice' });
          await bob.sendData('and back', { reliable: true });
          await alice.message({ type: 'data', text: 'and back', from: 'bob' });
          await Promise.all([alice, bob].map((listener) => until(`${listener.identity} is told of both speakers`, async () => {
            const told = (await listener.events()).filter(({ event }) => event === 'activeSpeakersChanged');
            const identities = new Set(told.flatMap(({ identities: speakers }) => speakers));
            return identities.has('alice') && identities.has('bob');
          })));
        });

        test('a participant who goes and comes again is seen by the other thread', async (t) => {
          const [alice, bob] = await suite.pair(t, { mode });
          await Promise.all([alice.publishVideo(), bob.publishVideo()]);
          await Promise.all([alice.decodesVideo('bob'), bob.decodesVideo('alice')]);
          await alice.simulate('full-reconnect');
          await alice.event('reconnected');
          await Promise.all([alice.decodesVideo('bob'), bob.decodesVideo('alice')]);
        });
      });
    }
  });
}

/** The server's port of a participant's media. */
async function portOf(participant) {
  const [transport] = await participant.transports();
  return transport.remotePort;
}
