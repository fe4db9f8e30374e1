// Reliable data packets over the `_reliable` data channels. Every packet that we send carries a sequence number, so
// that a server which resumed the session can name the last one it got and the page sends the others once more.

import { decode, encode } from './protobuf.js';
import { DataPacket } from './messages.js';

// Packets kept for a replay. A chat message is three packets.
const KEPT_PACKETS = 192;

export class ReliableData {
  #channel;
  #kept = [];
  #sequence = 0;
  #transmitted = 0; // sequence number of the last packet that was given to the channel
  #lastFrom = new Map(); // participant sid -> last sequence number received

  constructor(channel) {
    this.#channel = channel;
    channel.addEventListener('open', () => this.#flush());
  }

  send(packet) {
    const sequence = ++this.#sequence;
    this.#kept.push({ sequence, bytes: encode(DataPacket, { ...packet, sequence }) });
    if (this.#kept.length > KEPT_PACKETS) this.#kept.shift();
    this.#flush();
  }

  // Returns the packet, or null when it is a replay of one that was received before.
  receive(buffer) {
    const packet = decode(DataPacket, new Uint8Array(buffer));
    const { participantSid = '', sequence = 0 } = packet;
    if (sequence > 0 && sequence <= (this.#lastFrom.get(participantSid) ?? 0)) return null;
    if (sequence > 0) this.#lastFrom.set(participantSid, sequence);
    return packet;
  }

  replayAfter(sequence) {
    this.#transmitted = sequence;
    this.#flush();
  }

  // What a resumed server needs in order to replay what we missed.
  receiveStates() {
    return [...this.#lastFrom].map(([publisherSid, lastSeq]) => ({ publisherSid, lastSeq }));
  }

  #flush() {
    if (this.#channel.readyState !== 'open') return;
    for (const { sequence, bytes } of this.#kept) {
      if (sequence <= this.#transmitted) continue;
      this.#channel.send(bytes);
      this.#transmitted = sequence;
    }
  }
}
