// One participant's session: join, publish, mute, chat, leave, and coming back after the connection was lost. A
// resume keeps the session and its media; a restart joins afresh with the same tracks.
//
// Events: `state` (detail: 'joining', 'connected', 'reconnecting'), `roster`, `chat` ({ identity, text, at }),
// `muted` ({ source }: the server muted our track), `notice` (a sentence for the user), `ended` ({ reason }).

import { Chat } from './chat.js';
import { ReliableData } from './data.js';
import { Publications } from './publications.js';
import { Roster } from './roster.js';
import { Refusal, Signal } from './signal.js';
import { Publisher, Subscriber } from './transports.js';

const MAX_ATTEMPTS = 10;
const FIRST_DELAY_MS = 300;
const MAX_DELAY_MS = 7000;
const MEDIA_TIMEOUT_MS = 12_000;
// Media that fails again so soon after a resume will not be mended by another one.
const RESUME_TRIAL_MS = 20_000;

export class Session extends EventTarget {
  roster = new Roster();
  room = '';
  #token;
  #signal = null;
  #publisher = null;
  #subscriber = null;
  #data = null;
  #publications = new Publications((source, sentence) => {
    this.#emit('muted', { source });
    this.#emit('notice', sentence);
  });
  #chat = new Chat((packet) => this.#data.send(packet), (message) => this.#emit('chat', message));
  #state = 'joining';
  #keepAlive = {};
  #lost = false; // the connection broke while it was being taken up again
  #resumedAt = -Infinity;
  #mediaTimer;

  constructor(token) {
    super();
    this.#token = token;
  }

  // Rejects with Refusal when the server declines.
  async join() {
    this.#enter('joining');
    await this.#connect();
    this.#enter('connected');
  }

  // `source` is 'CAMERA' or 'MICROPHONE'; a null track stops sending. May be called before `join`.
  async setTrack(source, track, muted = false) {
    await this.#publications.set(source, track, muted);
  }

  sendChat(text) {
    this.#chat.send(text);
    this.#emit('chat', { identity: this.roster.local.identity, text, at: new Date() });
  }

  leave() {
    if (this.#state === 'ended') return;
    this.#signal?.send('leave', { reason: 'CLIENT_INITIATED' });
    this.#end('left');
  }

  // The connections and the signalling round trip, for the figures.
  measured() {
    return {
      publisher: this.#publisher?.connection,
      subscriber: this.#subscriber?.connection,
      signalRoundTripMs: this.#signal?.roundTripMs ?? 0,
    };
  }

  async #connect() {
    this.#closeTransports();
    const { signal, first } = await this.#openSignal();
    if (first.kind !== 'join') throw new Refusal(0, `The node answered with “${first.kind}” instead of a join.`);
    const { room, participant, otherParticipants = [], iceServers = [], pingInterval, pingTimeout } = first.value;
    this.#signal = signal;
    this.#keepAlive = { pingInterval, pingTimeout };
    signal.keepAlive(pingInterval, pingTimeout);
    this.room = room.name;
    this.roster.reset(participant, otherParticipants);
    this.#openTransports(iceServers);
    this.#emit('roster');
    this.#settle(this.#publications.start(signal, this.#publisher));
  }

  async #resume() {
    const { signal, first } = await this.#openSignal(this.roster.local.sid);
    if (first.kind !== 'reconnect') {
      signal.close();
      return false;
    }
    this.#signal = signal;
    const { iceServers = [], lastMessageSeq = 0 } = first.value;
    signal.keepAlive(this.#keepAlive.pingInterval, this.#keepAlive.pingTimeout);
    this.#publisher.resume(signal, iceServers);
    this.#subscriber.resume(signal, iceServers);
    signal.send('syncState', this.#syncState());
    await this.#publisher.negotiate({ iceRestart: true });
    this.#requireSignal();
    this.#settle(this.#publications.resume(signal));
    this.#data.replayAfter(lastMessageSeq);
    this.#resumedAt = performance.now();
    return true;
  }

  #openSignal(resumeSid) {
    this.#lost = false;
    return Signal.open({
      token: this.#token,
      resumeSid,
      // A response that cannot be acted upon must not end the call: the next one may be fine.
      onResponse: (kind, value) => this.#handle(kind, value).catch((error) => console.warn('signal', kind, error)),
      onLost: () => this.#recover('resume'),
    });
  }

  #openTransports(iceServers) {
    const onFailed = () => this.#recover(performance.now() - this.#resumedAt < RESUME_TRIAL_MS ? 'restart' : 'resume');
    this.#publisher = new Publisher(iceServers, this.#signal, onFailed);
    this.#subscriber = new Subscriber(iceServers, this.#signal, onFailed, {
      onTrack: (event) => this.#attach(event),
      onChannel: (channel) => this.#listen(channel),
    });
    this.#data = new ReliableData(this.#publisher.reliable);
    this.#listen(this.#publisher.reliable); // where we may not subscribe, data comes back on our own channel
    this.#mediaTimer = setTimeout(() => {
      const { connectionState } = this.#publisher.connection;
      if (connectionState === 'connected' || this.#state !== 'connected') return;
      this.#emit('notice', 'Signalling works, but no media path to the node was found. Is a firewall blocking its UDP ports?');
    }, MEDIA_TIMEOUT_MS);
  }

  #closeTransports() {
    clearTimeout(this.#mediaTimer);
    this.#signal?.close();
    this.#publisher?.close();
    this.#subscriber?.close();
  }

  async #handle(kind, value) {
    switch (kind) {
      case 'answer': return this.#publisher.handleAnswer(value);
      case 'offer': return this.#subscriber.handleOffer(value);
      case 'trickle': return this.#addCandidate(value);
      case 'update': return this.#update(value.participants ?? []);
      case 'trackPublished': return this.#publications.handlePublished(value);
      case 'requestResponse': return this.#publications.handleResponse(value);
      case 'mute': return this.#emit('muted', { source: this.#publications.handleMute(value) });
      case 'refreshToken': return this.#keepToken(value);
      case 'leave': return this.#sentAway(value);
      default: // the many responses that this page has no use for
    }
  }

  async #addCandidate({ target = 'PUBLISHER', candidateInit }) {
    const transport = target === 'PUBLISHER' ? this.#publisher : this.#subscriber;
    await transport.addCandidate(JSON.parse(candidateInit));
  }

  #update(participants) {
    for (const info of participants) this.roster.apply(info);
    this.#emit('roster');
  }

  #attach({ track, streams }) {
    // The stream is named `<participant sid>|<track sid>`, or `|<stream name>` where streams are kept in step.
    const [, named = ''] = (streams[0]?.id ?? '').split('|');
    this.roster.attach(named.startsWith('TR') ? named : track.id, track);
    this.#emit('roster');
  }

  #listen(channel) {
    channel.binaryType = 'arraybuffer';
    channel.onmessage = ({ data }) => {
      try {
        const packet = this.#data.receive(data);
        if (packet) this.#chat.receive(packet);
      } catch (error) {
        console.warn('a data packet that cannot be read was dropped', error);
      }
    };
  }

  // Publishing goes on while the call is on the screen; what the server refuses is told by events.
  #settle(publishing) {
    publishing.catch((error) => console.warn('publish', error));
  }

  #requireSignal() {
    if (this.#lost) throw new Refusal(0, 'The connection was lost while it was being taken up again.');
  }

  #keepToken(token) {
    this.#token = token;
  }

  #sentAway({ action = 'DISCONNECT', reason = 'UNKNOWN_REASON' }) {
    if (action === 'DISCONNECT') this.#end(reason);
    else this.#recover(action === 'RESUME' ? 'resume' : 'restart');
  }

  async #recover(how) {
    this.#publications.suspend();
    this.#lost = true;
    if (this.#state !== 'connected') return;
    this.#enter('reconnecting');
    this.#signal.close();
    let method = how;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      await pause(Math.min(FIRST_DELAY_MS * 2 ** attempt, MAX_DELAY_MS));
      if (this.#state === 'ended') return;
      try {
        if (method === 'resume' && !(await this.#resume())) method = 'restart';
        if (method === 'restart') await this.#connect();
        return this.#enter('connected');
      } catch (error) {
        if (!(error instanceof Refusal)) console.warn('reconnect', error);
        if (error.status >= 400 && error.status < 500) return this.#end('refused', error);
      }
    }
    this.#end('unreachable');
  }

  #syncState() {
    const described = ({ type, sdp } = {}) => ({ type, sdp });
    const { localDescription, remoteDescription } = this.#subscriber.connection;
    return {
      answer: localDescription ? described(localDescription) : undefined,
      offer: remoteDescription ? described(remoteDescription) : undefined,
      // Everything is subscribed by itself, so there is nothing that differs from that.
      subscription: { trackSids: [], subscribe: false },
      publishTracks: this.#publications.published(),
      dataChannels: [{ label: '_reliable', id: this.#publisher.reliable.id ?? 0, target: 'PUBLISHER' }],
      datachannelReceiveStates: this.#data.receiveStates(),
    };
  }

  #enter(state) {
    if (this.#state === 'ended') return;
    this.#state = state;
    this.#emit('state', state);
  }

  #end(reason, refusal) {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#lost = true;
    this.#closeTransports();
    this.#emit('ended', { reason, refusal });
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

// Waits, but no longer than until the browser says that the network is back.
function pause(milliseconds) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    addEventListener('online', () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
