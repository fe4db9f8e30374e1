// Data packets, text and byte streams, and RPC.
import { RpcError } from '/livekit-client.mjs';

const STREAM_TOPIC = 'stream';

/** Keeps everything that arrives for `client` in its `received`. */
export function listen(client) {
  const { room, received } = client;
  room.on('dataReceived', (payload, participant, kind, topic) => {
    received.push({ type: 'data', from: participant?.identity ?? null, kind, topic: topic ?? null, ...content(payload) });
  });
  room.registerTextStreamHandler(STREAM_TOPIC, async (reader, { identity }) => {
    const text = await reader.readAll();
    const { attributes } = reader.info;
    received.push({ type: 'text', from: identity, length: text.length, digest: await digest(new TextEncoder().encode(text)), attributes });
  });
  room.registerByteStreamHandler(STREAM_TOPIC, async (reader, { identity }) => {
    const bytes = join(await reader.readAll());
    const { name, mimeType } = reader.info;
    received.push({ type: 'bytes', from: identity, length: bytes.length, digest: await digest(bytes), name, mimeType });
  });
}

export const operations = {
  messages: ({ received }) => received,

  async sendData({ room }, text, options = {}) {
    await room.localParticipant.publishData(new TextEncoder().encode(text), options);
  },

  async sendText({ room }, length, options = {}) {
    const text = pseudoText(length);
    await room.localParticipant.sendText(text, { topic: STREAM_TOPIC, ...options });
    return digest(new TextEncoder().encode(text));
  },

  async sendBytes({ room }, length, options = {}) {
    const bytes = pseudoBytes(length);
    const writer = await room.localParticipant.streamBytes({ topic: STREAM_TOPIC, totalSize: length, ...options });
    await writer.write(bytes);
    await writer.close();
    return digest(bytes);
  },

  /** Answers the RPC `method`: with the payload reversed, or with an error where the payload is `fail`. */
  answerRpc({ room }, method) {
    room.registerRpcMethod(method, async ({ payload, callerIdentity }) => {
      if (payload === 'fail') throw new RpcError(4711, 'the handler failed');
      return `${callerIdentity}:${[...payload].reverse().join('')}`;
    });
  },

  async callRpc({ room }, destinationIdentity, method, payload) {
    try {
      return { answer: await room.localParticipant.performRpc({ destinationIdentity, method, payload }) };
    } catch (error) {
      return { code: error.code, message: error.message };
    }
  },
};

function content(payload) {
  return { text: new TextDecoder().decode(payload), length: payload.length };
}

function join(chunks) {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

async function digest(bytes) {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return [...hash].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function pseudoBytes(length) {
  let state = 12345;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state >>> 16;
  });
}

/** Text whose UTF-8 form has sequences of two to four bytes, so that a chunk border may fall inside one. */
function pseudoText(length) {
  const alphabet = ['a', 'ß', '€', '😀', 'z'];
  const bytes = pseudoBytes(length);
  return Array.from(bytes, (byte) => alphabet[byte % alphabet.length]).join('');
}
