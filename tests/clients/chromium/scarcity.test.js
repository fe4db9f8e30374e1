// A link that carries half of what is shown on it: who is told what, and what goes on.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { harness } from '../lib/harness.js';
import { callSuite, roomOf } from '../lib/suite.js';
import { until } from '../lib/until.js';

const suite = callSuite({ config: { rtc: { congestion_control: { allow_pause: true } } } });

/** Each publisher's lowest layer takes 150 kbit/s: three of six fit. */
const PUBLISHERS = Array.from({ length: 6 }, (_, place) => `loadtest_pub_${place}`);
const ROOM_FOR_THREE = 560_000;

/** Frames that may still be shown of a track that was paused. */
const UNDER_WAY = 5;

describe('a link that carries three of six cameras', () => {
  test('three are seen, the client is told that the others are paused, and all are seen again once there is room', async (t) => {
    harness(t, suite.server, roomOf(t), ['--video-publishers', `${PUBLISHERS.length}`]);
    const viewer = await suite.join(t, 'viewer');
    await Promise.all(PUBLISHERS.map((identity) => viewer.decodesVideo(identity, { within: 30_000 })));

    await viewer.simulate('subscriber-bandwidth', ROOM_FOR_THREE);
    const paused = await until('three are paused', async () => {
      const states = await streamStates(viewer);
      const now = PUBLISHERS.filter((identity) => states[identity] === 'paused');
      return now.length === 3 ? now : null;
    }, { seen: () => streamStates(viewer) });
    const seen = PUBLISHERS.filter((identity) => !paused.includes(identity));
    const frames = await Promise.all(paused.map((identity) => decoded(viewer, identity)));
    await Promise.all(seen.map((identity) => viewer.decodesVideo(identity, { frames: 30 })));
    const later = await Promise.all(paused.map((identity) => decoded(viewer, identity)));
    const more = later.map((count, place) => count - frames[place]);
    assert.ok(more.every((count) => count <= UNDER_WAY), `frames of those that are paused: ${more}`);

    await viewer.simulate('subscriber-bandwidth', 0);
    await until('nobody is paused', async () => {
      const states = Object.values(await streamStates(viewer));
      return states.every((state) => state === 'active');
    }, { seen: () => streamStates(viewer) });
    await Promise.all(PUBLISHERS.map((identity) => viewer.decodesVideo(identity, { within: 30_000 })));
  });
});

/** What the viewer was last told of each publisher's camera. */
async function streamStates(viewer) {
  const told = (await viewer.events()).filter(({ event }) => event === 'trackStreamStateChanged');
  return Object.fromEntries(told.map(({ identity, state }) => [identity, state]));
}

const decoded = async (viewer, identity) => (await viewer.received(identity, 'camera')).framesDecoded;
