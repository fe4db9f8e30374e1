// What the browser tests of one file share: a server, a browser, and participants that leave when their test ends.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { startChromium } from './chromium.js';
import { limitsMet } from './limits.js';
import { Participant } from './participant.js';
import { servePages } from './pages.js';
import { startServer } from './server.js';
import { freshRoom } from './token.js';

/** One peer connection (`/rtc/v1`) and two (`/rtc`): how livekit-client names what `new Room()` is given. */
export const MODES = ['single', 'dual'];

/** Options of a `describe` whose tests wait more than they compute: as many at a time as two cores carry. */
export const AT_ONCE = { concurrency: 3 };

/**
 * Registers the set-up of a test file. `config` goes to a server that the file starts; `startAnother` starts a second
 * browser, `suite.other`.
 */
export function callSuite({ config = {}, startAnother } = {}) {
  const suite = { server: undefined, pages: undefined, browser: undefined, idle: [] };
  before(async () => {
    suite.server = await startServer(config);
    suite.pages = await servePages();
    suite.browser = await startChromium(suite.pages.url);
    suite.other = await startAnother?.(suite.pages.url);
  });
  after(async () => {
    await suite.browser?.close();
    await suite.other?.close();
    await suite.pages?.close();
    const met = suite.server?.metrics ? await limitsMet(suite.server) : [];
    await suite.server?.stop();
    assert.deepEqual(met, [], 'limits that clients met who did nothing but use the server');
  });

  /** A participant that has not joined yet; its page is used again after the test. */
  suite.participant = async (t, identity, { room = roomOf(t), mode = 'single' } = {}) => {
    const page = suite.idle.pop() ?? await suite.browser.page();
    const participant = new Participant(page, suite.server, { room, identity, mode });
    t.after(async () => {
      await participant.leave();
      suite.idle.push(page);
    });
    return participant;
  };

  /** A participant that has joined the room of this test. */
  suite.join = async (t, identity, { room, mode, ...options } = {}) => {
    const participant = await suite.participant(t, identity, { room, mode });
    await participant.join(options);
    return participant;
  };

  /** A joined participant whose page the test changes (`prepare`) and ends itself. */
  suite.joinAlone = async (t, identity, { room = roomOf(t), mode, prepare } = {}) => {
    const page = await suite.browser.page();
    await prepare?.(page);
    const participant = new Participant(page, suite.server, { room, identity, mode });
    await participant.join();
    return participant;
  };

  /** Two participants who see each other. */
  suite.pair = async (t, options = {}) => {
    const alice = await suite.join(t, 'alice', options);
    const bob = await suite.join(t, 'bob', options);
    await Promise.all([alice.sees('bob'), bob.sees('alice')]);
    return [alice, bob];
  };

  return suite;
}

const rooms = new WeakMap();

/** The room of a test: every participant of one test meets there unless told otherwise. */
export function roomOf(t) {
  if (!rooms.has(t)) rooms.set(t, freshRoom('test'));
  return rooms.get(t);
}
