// A call that goes on while strangers and guests do their worst.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { SignalRequest, SignalResponse } from '@livekit/protocol';

import { startChromium } from '../lib/chromium.js';
import { servePages } from '../lib/pages.js';
import { Participant } from '../lib/participant.js';
import { startServer } from '../lib/server.js';
import { freshRoom } from '../lib/token.js';

/** Longest time without a new frame that counts as an undisturbed picture on a busy machine. */
const LONGEST_STILL_MS = 5_000;
const LOOK_EVERY_MS = 250;

/** What a participant sees of a disturbance. Who comes and goes is for each test to judge. */
const DISTURBANCES = [
  'reconnecting', 'signalReconnecting', 'reconnected', 'disconnected', 'trackUnpublished', 'trackUnsubscribed',
  'trackSubscriptionFailed', 'trackMuted', 'participantDisconnected', 'participantPermissionsChanged',
];

/** Registers the set-up of a test file: alice and bob see and hear each other all the time. */
export function ongoingCall(config = {}) {
  const call = { room: freshRoom('call') };
  before(async () => {
    call.server = await startServer(config);
    call.pages = await servePages();
    call.browser = await startChromium(call.pages.url);
    call.alice = await call.guest('alice');
    call.wire = watchSignalling(call.alice.page);
    call.bob = await call.guest('bob');
    await Promise.all([call.alice.join(), call.bob.join()]);
    await Promise.all([call.alice, call.bob].map((one) => Promise.all([one.publishVideo(), one.publishAudio()])));
    await flows(call);
  });
  after(async () => {
    await call.browser?.close();
    await call.pages?.close();
    await call.server?.stop();
  });

  /** A participant of the call, who has not joined yet. */
  call.guest = async (identity) => {
    return new Participant(await call.browser.page(), call.server, { room: call.room, identity, mode: 'single' });
  };

  /** Runs `attack`, and fails if it made the picture of either side stand still or was noticed in any other way. */
  call.isUndisturbedBy = async (attack, { by } = {}) => {
    const marks = [await call.alice.mark(), await call.bob.mark()];
    const pictures = watchPictures(call);
    try {
      await attack();
    } finally {
      pictures.stop();
    }
    await flows(call);
    assert.ok(pictures.longestStill() < LONGEST_STILL_MS, `the picture stood still for ${pictures.longestStill()} ms`);
    for (const [index, one] of [call.alice, call.bob].entries()) {
      const seen = (await one.events()).slice(marks[index]);
      const disturbing = seen.filter(({ event, identity }) => DISTURBANCES.includes(event) && identity !== by);
      assert.deepEqual(disturbing, [], `${one.identity} noticed`);
    }
  };
  return call;
}

async function flows({ alice, bob }) {
  await Promise.all([
    alice.decodesVideo('bob', { frames: 10 }), bob.decodesVideo('alice', { frames: 10 }),
    alice.hearsAudio('bob'), bob.hearsAudio('alice'),
  ]);
}

/** Looks at both pictures until told to stop, and remembers how long one stood still. */
function watchPictures({ alice, bob }) {
  let stopped = false;
  let longest = 0;
  const watch = async (one, other) => {
    let frames = -1;
    let since = performance.now();
    while (!stopped) {
      const now = (await one.received(other.identity, 'camera'))?.framesDecoded ?? 0;
      if (now !== frames) since = performance.now();
      frames = now;
      longest = Math.max(longest, performance.now() - since);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  };
  const watching = [watch(alice, bob), watch(bob, alice)];
  Promise.all(watching).catch(() => { longest = Infinity; });
  return { stop: () => { stopped = true; }, longestStill: () => Math.round(longest) };
}

/** Remembers the descriptions that go over a page's signalling connection, in both directions. */
function watchSignalling(page) {
  const wire = { answers: [], offers: [] };
  const read = (Message, { payload }, kind, into) => {
    if (typeof payload === 'string') return;
    const { message } = Message.fromBinary(payload);
    if (message.case === kind) into.push(message.value.sdp);
  };
  page.on('websocket', (socket) => {
    socket.on('framereceived', (frame) => read(SignalResponse, frame, 'answer', wire.answers));
    socket.on('framesent', (frame) => read(SignalRequest, frame, 'offer', wire.offers));
  });
  return wire;
}
