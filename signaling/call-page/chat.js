// Chat as LiveKit's clients and components do it: a text stream (header, chunk, trailer) on the topic `lk.chat`.
// The older ChatMessage packet is understood as well.

const TOPIC = 'lk.chat';
export const MAX_CHARACTERS = 2000; // at most 6,000 bytes of UTF-8: always one chunk, which may have 15,000

// Bounds on what a stranger can make this page hold.
const MAX_OPEN_STREAMS = 64;
const MAX_RECEIVED_BYTES = 65536;

export class Chat {
  #send;
  #onMessage;
  #streams = new Map();

  constructor(send, onMessage) {
    this.#send = send;
    this.#onMessage = onMessage;
  }

  send(text) {
    const content = new TextEncoder().encode(text);
    const streamId = randomId();
    const timestamp = Date.now();
    this.#send({
      streamHeader: { streamId, timestamp, topic: TOPIC, mimeType: 'text/plain', totalLength: content.length, textHeader: {} },
    });
    this.#send({ streamChunk: { streamId, chunkIndex: 0, content } });
    this.#send({ streamTrailer: { streamId } });
  }

  receive({ participantIdentity: identity = '', chatMessage, streamHeader, streamChunk, streamTrailer }) {
    if (chatMessage?.message) this.#deliver(identity, chatMessage.message, chatMessage.timestamp);
    if (streamHeader) this.#open(identity, streamHeader);
    if (streamChunk) this.#append(identity, streamChunk);
    if (streamTrailer) this.#finish(identity, streamTrailer);
  }

  #open(identity, { streamId, topic, textHeader, timestamp }) {
    if (topic !== TOPIC || !textHeader || this.#streams.size >= MAX_OPEN_STREAMS) return;
    this.#streams.set(`${identity}/${streamId}`, { chunks: [], bytes: 0, timestamp });
  }

  #append(identity, { streamId, content = new Uint8Array() }) {
    const stream = this.#streams.get(`${identity}/${streamId}`);
    if (!stream) return;
    stream.bytes += content.length;
    if (stream.bytes > MAX_RECEIVED_BYTES) this.#streams.delete(`${identity}/${streamId}`);
    else stream.chunks.push(content);
  }

  #finish(identity, { streamId, reason }) {
    const key = `${identity}/${streamId}`;
    const stream = this.#streams.get(key);
    this.#streams.delete(key);
    // A reason is given only when the sender gave up before the end.
    if (!stream || reason) return;
    const decoder = new TextDecoder();
    const text = stream.chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join('') + decoder.decode();
    this.#deliver(identity, text, stream.timestamp);
  }

  #deliver(identity, text, timestamp) {
    this.#onMessage({ identity, text, at: new Date(timestamp || Date.now()) });
  }
}

// crypto.randomUUID exists only on https and localhost; the page also runs without a camera on plain http.
function randomId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
