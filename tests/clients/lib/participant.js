// One participant of a room, played by livekit-client in a browser page.
import { randomUUID } from 'node:crypto';
import { SignalResponse } from '@livekit/protocol';

import { participantToken } from './token.js';
import { until, PATIENCE_MS } from './until.js';

/** Operations of the page (page/client.js) that every participant offers under the same name. */
const OPERATIONS = [
  'state', 'events', 'simulate', 'roomSid', 'token',
  'setMetadata', 'setName', 'setAttributes',
  'setSubscribed', 'setVideoQuality', 'setTrackEnabled', 'allowSubscribers',
  'publishVideo', 'publishAudio', 'unpublish', 'setMuted', 'received', 'shownAt', 'sent', 'transports',
  'messages', 'sendData', 'sendText', 'sendBytes', 'answerRpc', 'callRpc',
];

/** Room and identity -> the participant who joined last: for what the far end of a failure sends. */
const joined = new Map();

export class Participant {
  constructor(page, server, { room, identity, mode }) {
    this.page = page;
    this.server = server;
    this.room = room;
    this.identity = identity;
    this.mode = mode;
    this.key = `${identity}-${randomUUID().slice(0, 6)}`;
  }

  perform(operation, ...args) {
    return this.page.evaluate(([name, key, rest]) => window.perform(name, key, rest), [operation, this.key, args]);
  }

  async #joinOptions({ grants, claims, token, roomOptions, connectOptions, passphrase }) {
    const { room, identity } = this;
    return {
      url: this.server.url,
      token: token ?? await participantToken(this.server, { room, identity, grants, claims }),
      roomOptions: { singlePeerConnection: this.mode !== 'dual', ...roomOptions },
      connectOptions,
      passphrase,
    };
  }

  async join(options = {}) {
    joined.set(`${this.room}/${this.identity}`, this);
    return this.perform('join', await this.#joinOptions(options));
  }

  async joinError(options = {}) {
    return this.perform('joinError', await this.#joinOptions(options));
  }

  /** Begins to record the SDP answers that the page's WebSockets receive; call the result for those so far. */
  recordAnswers() {
    const answers = [];
    const onSocket = (socket) => socket.on('framereceived', ({ payload }) => {
      if (typeof payload === 'string') return;
      const { message } = SignalResponse.fromBinary(payload);
      if (message.case === 'answer') answers.push(message.value);
    });
    this.page.on('websocket', onSocket);
    return async () => {
      this.page.off('websocket', onSocket);
      return answers;
    };
  }

  leave() {
    return this.perform('leave');
  }

  /** Another participant, in this page. */
  beside(t, identity) {
    const participant = new Participant(this.page, this.server, { room: this.room, identity, mode: this.mode });
    t.after(() => participant.leave());
    return participant;
  }

  /** Ends the page as a crash would: nothing is said to the server. */
  async vanish() {
    const session = await this.page.context().newCDPSession(this.page);
    session.send('Page.crash').catch(() => {});
    await this.page.waitForEvent('crash');
    await this.page.close();
  }

  /** Waits for a room event; `from` skips the events before that index (see `mark`). */
  event(name, match = {}, { within = PATIENCE_MS, from = 0 } = {}) {
    return this.perform('waitForEvent', name, match, within, from).catch((error) => {
      throw new Error(`${this.identity}: ${error.message}`);
    });
  }

  /** The index of the next event, for `event(..., { from })`. */
  async mark() {
    return (await this.events()).length;
  }

  /** Waits until the client's state satisfies `predicate`. */
  until(expectation, predicate, options = {}) {
    return until(`${this.identity}: ${expectation}`, async () => {
      const state = await this.state();
      return predicate(state) ? state : null;
    }, { seen: () => this.state(), ...options });
  }

  sees(identity, options) {
    return this.until(`sees ${identity}`, (state) => state.others[identity], options);
  }

  /** Waits until frames of this source of `identity` are decoded, `frames` more than at the time of the call. */
  async decodesVideo(identity, { source = 'camera', frames = 5, within = PATIENCE_MS } = {}) {
    let first;
    return until(`${this.identity} decodes ${identity}'s ${source}`, async () => {
      const stats = await this.received(identity, source);
      if (!stats?.framesDecoded) return null;
      first ??= stats.framesDecoded;
      return stats.framesDecoded >= first + frames ? stats : null;
    }, { within, seen: () => this.#receptionOf(identity, source) });
  }

  /** Waits until sound of `identity` arrives that has energy. */
  async hearsAudio(identity, { source = 'microphone', within = PATIENCE_MS } = {}) {
    let first;
    return until(`${this.identity} hears ${identity}'s ${source}`, async () => {
      const stats = await this.received(identity, source);
      if (!stats?.packetsReceived) return null;
      first ??= stats.totalAudioEnergy;
      return stats.totalAudioEnergy > first ? stats : null;
    }, { within, seen: () => this.#receptionOf(identity, source) });
  }

  /** What a failure of reception prints: the figures, what the client knows of the track, and its last events. */
  async #receptionOf(identity, source) {
    const [stats, state, events] = [await this.received(identity, source), await this.state(), await this.events()];
    const track = state.others[identity]?.tracks[source];
    const sent = await joined.get(`${this.room}/${identity}`)?.sent(source).catch((error) => error.message);
    return { stats, sent, connection: state.connection, knows: Object.keys(state.others), track, events: events.slice(-12) };
  }

  /** Waits for a message (data, text or bytes) that contains `match`. */
  async message(match, { within = PATIENCE_MS } = {}) {
    const fits = (entry) => Object.entries(match).every(([key, value]) => entry[key] === value);
    return until(`${this.identity} receives ${JSON.stringify(match)}`, async () => {
      return (await this.messages()).find(fits);
    }, { within, seen: () => this.messages() });
  }
}

for (const operation of OPERATIONS) {
  Participant.prototype[operation] = function (...args) {
    return this.perform(operation, ...args);
  };
}
