// The signalling connection: one WebSocket to `/rtc`. Requests go out as JSON text frames (protojson of
// SignalRequest). A server answers in the encoding that the client used last and begins in binary, so the first
// responses are read from binary and all later ones from JSON.

import { decode } from './protobuf.js';
import { SignalResponse } from './messages.js';

const SIGNAL_PROTOCOL = 16;
const FIRST_RESPONSE_TIMEOUT_MS = 8000;

// The server declined the join. `status` is the HTTP status, 0 when no server answered at all.
export class Refusal extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

export class Signal {
  #socket;
  #onResponse;
  #onLost;
  #lastHeard = performance.now();
  #pingTimer;
  #closed = false;
  roundTripMs = 0;

  constructor(socket, onResponse, onLost) {
    this.#socket = socket;
    this.#onResponse = onResponse;
    this.#onLost = onLost;
  }

  // Opens the socket and resolves with `{ signal, first }` when the first response is here; `onResponse(kind, value)`
  // gets the later ones and `onLost()` is called once if the connection ends without `close()`.
  // `resumeSid` names the participant whose session is taken up again. Rejects with Refusal.
  static async open({ token, resumeSid, onResponse, onLost }) {
    const query = new URLSearchParams({ access_token: token, protocol: SIGNAL_PROTOCOL, auto_subscribe: 1 });
    if (resumeSid) {
      query.set('reconnect', '1');
      query.set('sid', resumeSid);
    }
    const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/rtc?${query}`);
    socket.binaryType = 'arraybuffer';
    const signal = new Signal(socket, onResponse, onLost);
    try {
      const first = await signal.#firstResponse();
      return { signal, first };
    } catch (error) {
      signal.close();
      throw (await refusalOf(query)) ?? error;
    }
  }

  send(kind, value) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ [kind]: value }));
  }

  // Pings every `interval` seconds and gives the connection up after `timeout` seconds of silence.
  keepAlive(interval = 5, timeout = 15) {
    this.#pingTimer = setInterval(() => {
      if (performance.now() - this.#lastHeard > timeout * 1000) this.#lose();
      else this.#ping();
    }, interval * 1000);
  }

  close() {
    this.#closed = true;
    clearInterval(this.#pingTimer);
    this.#socket.close();
  }

  #firstResponse() {
    return new Promise((resolve, reject) => {
      const late = () => reject(new Refusal(0, 'The node did not answer in time.'));
      const timer = setTimeout(late, FIRST_RESPONSE_TIMEOUT_MS);
      this.#socket.onopen = () => this.#ping(); // the first text frame turns the server's responses to JSON
      this.#socket.onclose = () => {
        clearTimeout(timer);
        reject(new Refusal(0, 'The node cannot be reached.'));
      };
      this.#socket.onmessage = ({ data }) => {
        clearTimeout(timer);
        this.#socket.onmessage = (event) => this.#receive(event.data);
        this.#socket.onclose = () => this.#lose();
        resolve(parse(data));
      };
    });
  }

  #receive(data) {
    this.#lastHeard = performance.now();
    const { kind, value } = parse(data);
    if (kind === 'pongResp') this.roundTripMs = Date.now() - Number(value.lastPingTimestamp);
    else if (!this.#closed) this.#onResponse(kind, value);
  }

  #ping() {
    this.send('pingReq', { timestamp: String(Date.now()), rtt: String(this.roundTripMs) });
  }

  #lose() {
    if (this.#closed) return;
    this.close();
    this.#onLost();
  }
}

function parse(data) {
  const response = typeof data === 'string' ? JSON.parse(data) : decode(SignalResponse, new Uint8Array(data));
  const [kind, value] = Object.entries(response)[0] ?? ['unknown', {}];
  return { kind, value };
}

// A browser hides why a WebSocket failed to open; the validate endpoint answers the same question in plain HTTP.
async function refusalOf(query) {
  try {
    const response = await fetch(`/rtc/validate?${query}`);
    return response.ok ? null : new Refusal(response.status, (await response.text()).trim());
  } catch {
    return null;
  }
}
