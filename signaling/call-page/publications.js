// Our own tracks in the room, by source: announcing them to the server, muting them, and announcing them again after
// the connection was lost.

import { Publication } from './publication.js';

const ANSWER_TIMEOUT_MS = 10_000;

export class Publications {
  #bySource = new Map();
  #awaiting = new Map(); // cid -> { resolve, reject } of an announcement that has no answer yet
  #signal = null;
  #publisher = null;
  #onRefused;

  // `onRefused(source, sentence)` is called when the server does not accept a track.
  constructor(onRefused) {
    this.#onRefused = onRefused;
  }

  // A session began afresh: everything that has a track is published over the given publisher.
  async start(signal, publisher) {
    this.#signal = signal;
    this.#publisher = publisher;
    for (const publication of this.#all()) {
      publication.info = null;
      // A camera that is off has no track to announce; it is published when it is turned on.
      if (!publication.track) this.#bySource.delete(publication.source);
    }
    // The first offer holds only the data channels: the path to the server is found while it judges our tracks.
    await publisher.negotiate();
    await Promise.all(this.#all().map((publication) => this.#publish(publication)));
  }

  // The same session over another WebSocket: says again what may have been lost with the old one.
  async resume(signal) {
    this.#signal = signal;
    for (const { source, muted } of this.#all()) this.setMuted(source, muted);
    await Promise.all(this.#all().filter(({ info }) => !info).map((publication) => this.#publish(publication)));
  }

  // No answer comes any more; the tracks stay and are announced when the session is back.
  suspend() {
    this.#signal = null;
    for (const { resolve } of [...this.#awaiting.values()]) resolve(null);
  }

  // A null track stops sending and shows as muted to the others.
  async set(source, track, muted) {
    const publication = this.#bySource.get(source);
    if (publication) {
      await publication.replace(track);
      this.setMuted(source, track ? muted : true);
    } else if (track) {
      const added = new Publication(source, track, muted);
      this.#bySource.set(source, added);
      if (this.#signal) await this.#publish(added);
    }
  }

  setMuted(source, muted) {
    const publication = this.#bySource.get(source);
    if (!publication) return;
    publication.muted = muted;
    if (publication.info) this.#signal?.send('mute', { sid: publication.info.sid, muted });
  }

  handlePublished({ cid, track }) {
    this.#awaiting.get(cid)?.resolve(track);
  }

  handleResponse({ reason = 'OK', message = '', addTrack }) {
    if (!addTrack || reason === 'OK' || reason === 'QUEUED') return;
    const what = addTrack.type === 'VIDEO' ? 'camera' : 'microphone';
    const why = reason === 'NOT_ALLOWED' ? 'the token does not allow it' : message || reason;
    this.#awaiting.get(addTrack.cid)?.reject(new Error(`The node does not accept the ${what}: ${why}.`));
  }

  // Returns the source of the track that the server muted, or undefined.
  handleMute({ sid, muted = false }) {
    const publication = this.#all().find(({ info }) => info?.sid === sid);
    if (!publication || !muted) return undefined;
    publication.muted = true;
    return publication.source;
  }

  // For SyncState: what the server is expected to know.
  published() {
    return this.#all().filter(({ info }) => info).map(({ cid, info }) => ({ cid, track: info }));
  }

  #all() {
    return [...this.#bySource.values()];
  }

  async #publish(publication) {
    const publisher = this.#publisher;
    try {
      publication.info = await this.#answer(publication);
    } catch (error) {
      this.#bySource.delete(publication.source);
      this.#onRefused(publication.source, error.message);
    }
    if (!publication.info) return;
    publication.sendOver(publisher.connection);
    await publisher.negotiate();
    // It may have been turned on or off while the server was asked.
    this.setMuted(publication.source, publication.muted);
  }

  #answer(publication) {
    const request = publication.request();
    const { cid } = request;
    return new Promise((resolve, reject) => {
      const settle = (outcome) => (value) => {
        clearTimeout(timer);
        this.#awaiting.delete(cid);
        outcome(value);
      };
      const late = () => settle(reject)(new Error('The node did not answer in time whether it accepts a track.'));
      const timer = setTimeout(late, ANSWER_TIMEOUT_MS);
      this.#awaiting.set(cid, { resolve: settle(resolve), reject: settle(reject) });
      this.#signal.send('addTrack', request);
    });
  }
}
