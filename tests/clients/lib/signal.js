// A signalling connection by hand: what goes over the WebSocket, without a client library's own ideas.
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { JoinRequest, SignalRequest, SignalResponse, WrappedJoinRequest } from '@livekit/protocol';
import WebSocket from 'ws';

import { PATIENCE_MS } from './until.js';

/** The newest signalling protocol that the clients of these tests speak. */
const PROTOCOL = 16;

/**
 * Opens `path` with `query`. Resolves to a `Signal` when the socket is open, or to `{ status, body, headers }` when the
 * server refused the upgrade.
 */
export function openSignal(server, { path = '/rtc', query = {}, token, headers = {} }) {
  const search = new URLSearchParams({ ...query, ...(token ? { access_token: token } : {}) });
  const socket = new WebSocket(`${server.url}${path}?${search}`, { headers });
  const signal = new Signal(socket);
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(signal));
    socket.once('error', reject);
    socket.once('unexpected-response', async (_request, response) => {
      let body = '';
      for await (const part of response.setEncoding('utf8')) body += part;
      resolve({ status: response.statusCode, body, headers: response.headers });
    });
  });
}

/** Joins over `/rtc` (two peer connections). */
export function openDual(server, token, query = {}) {
  return openSignal(server, { token, query: { protocol: PROTOCOL, sdk: 'js', version: '2.23.0', ...query } });
}

/** Joins over `/rtc/v1` (one peer connection); `join` holds fields of JoinRequest. */
export function openSingle(server, token, join = {}, options = {}) {
  return openSignal(server, { path: '/rtc/v1', token, query: { join_request: joinRequest(join, options) } });
}

/** The `join_request` parameter: base64url of a WrappedJoinRequest, its inside gzipped where `gzip` is set. */
export function joinRequest(join, { gzip = false, padded = true } = {}) {
  const request = new JoinRequest({ clientInfo: { sdk: 1, protocol: PROTOCOL, version: '2.23.0' }, ...join });
  const inner = request.toBinary();
  const wrapped = new WrappedJoinRequest(gzip
    ? { compression: 1, joinRequest: gzipSync(inner) }
    : { compression: 0, joinRequest: inner });
  const text = Buffer.from(wrapped.toBinary()).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
  return padded ? text : text.replace(/=+$/, '');
}

export class Signal {
  constructor(socket) {
    this.socket = socket;
    this.messages = [];
    this.closed = null;
    this.frames = { binary: 0, text: 0 };
    this.pings = 0;
    this.waiting = new Set();
    socket.on('message', (data, isBinary) => {
      this.frames[isBinary ? 'binary' : 'text'] += 1;
      const response = isBinary ? SignalResponse.fromBinary(data) : SignalResponse.fromJsonString(data.toString());
      this.messages.push(response.message);
      this.#wake();
    });
    socket.on('ping', () => { this.pings += 1; this.#wake(); });
    socket.on('close', (code, reason) => { this.closed = { code, reason: reason.toString() }; this.#wake(); });
    socket.on('error', () => {});
  }

  #wake() {
    for (const check of this.waiting) check();
  }

  /** Waits until `probe` returns something truthy; looked at again at each arrival. */
  until(expectation, probe, within = PATIENCE_MS) {
    return new Promise((resolve, reject) => {
      const seen = () => JSON.stringify({ closed: this.closed, messages: this.messages.map((m) => m.case) });
      const timer = setTimeout(() => done(reject, new Error(`not seen within ${within} ms: ${expectation}; seen ${seen()}`)), within);
      const check = () => {
        const value = probe();
        if (value) done(resolve, value);
      };
      const done = (settle, value) => {
        clearTimeout(timer);
        this.waiting.delete(check);
        settle(value);
      };
      this.waiting.add(check);
      check();
    });
  }

  /** The first message of this case from index `from` on, optionally one that `accepts` likes. */
  next(name, { from = 0, accepts = () => true, within } = {}) {
    const fits = (message) => message.case === name && accepts(message.value);
    return this.until(`a message ${name}`, () => this.messages.slice(from).find(fits)?.value, within);
  }

  closing(within) {
    return this.until('the connection closes', () => this.closed, within);
  }

  send(name, value) {
    this.socket.send(new SignalRequest({ message: { case: name, value } }).toBinary());
  }

  sendJson(name, value) {
    this.socket.send(new SignalRequest({ message: { case: name, value } }).toJsonString());
  }

  sendRaw(data) {
    this.socket.send(data);
  }

  close() {
    this.socket.terminate();
  }
}

/**
 * A valid SDP offer of a browser's shape with the named sections. Nobody is behind its candidate-less transport: it
 * serves to look at answers.
 */
export function sdpOffer({ audio = 0, video = 0, data = true, direction = 'recvonly', tracks = [] } = {}) {
  const random = () => randomBytes(12).toString('hex');
  const fingerprint = randomBytes(32).toString('hex').toUpperCase().match(/../g).join(':');
  const transport = [
    'c=IN IP4 0.0.0.0', 'a=rtcp:9 IN IP4 0.0.0.0', `a=ice-ufrag:${random().slice(0, 4)}`, `a=ice-pwd:${random()}`,
    'a=ice-options:trickle', `a=fingerprint:sha-256 ${fingerprint}`, 'a=setup:actpass',
  ];
  const kinds = [...Array(audio).fill('audio'), ...Array(video).fill('video'), ...tracks.map(({ kind }) => kind)];
  const sections = kinds.map((kind, mid) => {
    const track = tracks[mid - audio - video];
    const media = kind === 'audio' ? AUDIO : VIDEO;
    const stream = track ? [`a=msid:stream ${track.cid}`, `a=ssrc:${1000 + mid} cname:c`] : [];
    return [...media(transport), `a=mid:${mid}`, `a=${track ? 'sendonly' : direction}`, ...stream];
  });
  if (data) sections.push([...DATA(transport), `a=mid:${kinds.length}`]);
  const session = [
    'v=0', `o=- ${parseInt(random().slice(0, 12), 16)} 2 IN IP4 127.0.0.1`, 's=-', 't=0 0',
    `a=group:BUNDLE ${sections.map((_, mid) => mid).join(' ')}`, 'a=extmap-allow-mixed', 'a=msid-semantic: WMS',
  ];
  return [...session, ...sections.flat(), ''].join('\r\n');
}

const AUDIO = (transport) => [
  'm=audio 9 UDP/TLS/RTP/SAVPF 111 63', ...transport, 'a=rtcp-mux', 'a=rtcp-rsize',
  'a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level', 'a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid',
  'a=rtpmap:111 opus/48000/2', 'a=rtcp-fb:111 transport-cc', 'a=fmtp:111 minptime=10;useinbandfec=1',
  'a=rtpmap:63 red/48000/2', 'a=fmtp:63 111/111',
];
const VIDEO = (transport) => [
  'm=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103', ...transport, 'a=rtcp-mux', 'a=rtcp-rsize',
  'a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time', 'a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid',
  'a=rtpmap:96 VP8/90000', 'a=rtcp-fb:96 goog-remb', 'a=rtcp-fb:96 transport-cc', 'a=rtcp-fb:96 ccm fir',
  'a=rtcp-fb:96 nack', 'a=rtcp-fb:96 nack pli', 'a=rtpmap:97 rtx/90000', 'a=fmtp:97 apt=96',
  'a=rtpmap:102 H264/90000', 'a=rtcp-fb:102 nack', 'a=rtcp-fb:102 nack pli',
  'a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
  'a=rtpmap:103 rtx/90000', 'a=fmtp:103 apt=102',
];
const DATA = (transport) => [
  'm=application 9 UDP/DTLS/SCTP webrtc-datachannel', ...transport, 'a=sctp-port:5000', 'a=max-message-size:262144',
];
