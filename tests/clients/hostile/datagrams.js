// What a stranger can send to a media port, and connectivity checks by hand.
import { createHmac, randomBytes } from 'node:crypto';
import dgram from 'node:dgram';

const MAGIC_COOKIE = 0x2112a442;
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const USERNAME = 0x0006;
const MESSAGE_INTEGRITY = 0x0008;
const XOR_MAPPED_ADDRESS = 0x0020;
const PRIORITY = 0x0024;
const USE_CANDIDATE = 0x0025;
const ICE_CONTROLLING = 0x802a;
const FINGERPRINT = 0x8028;

/** A binding request as ICE sends it: to `ufrag`, signed with `password`. */
export function check({ ufrag, password, from = 'them' }) {
  return signed(BINDING_REQUEST, randomBytes(12), password, [
    [USERNAME, Buffer.from(`${ufrag}:${from}`)],
    [PRIORITY, Buffer.from([0x6e, 0, 0x1e, 0xff])],
    [ICE_CONTROLLING, Buffer.alloc(8, 7)],
    [USE_CANDIDATE, Buffer.alloc(0)],
  ]);
}

/** Whether a datagram is a check of the server's: it asks whether media is wanted where checks came from. */
export function isCheck(datagram) {
  return datagram.length >= 20 && datagram.readUInt16BE(0) === BINDING_REQUEST;
}

/** The answer to a check of the server's, signed with `password`: that of who answers. */
export function answerTo(request, password) {
  // The address that the server is seen at: 127.0.0.1 and any port, XORed with the cookie (RFC 8489 section 14.2).
  const mapped = Buffer.from([0, 1, 0x21, 0x12, 0x7f ^ 0x21, 0x12, 0xa4, 0x01 ^ 0x42]);
  return signed(BINDING_SUCCESS, request.subarray(8, 20), password, [[XOR_MAPPED_ADDRESS, mapped]]);
}

/** A STUN message with MESSAGE-INTEGRITY and FINGERPRINT behind its attributes. */
function signed(type, transaction, password, attributes) {
  let message = Buffer.alloc(20);
  message.writeUInt16BE(type, 0);
  message.writeUInt32BE(MAGIC_COOKIE, 4);
  transaction.copy(message, 8);
  const add = (attribute, value) => {
    const header = Buffer.alloc(4);
    header.writeUInt16BE(attribute, 0);
    header.writeUInt16BE(value.length, 2);
    message = Buffer.concat([message, header, value, Buffer.alloc(-value.length & 3)]);
  };
  const announce = (length) => message.writeUInt16BE(message.length - 20 + length, 2);
  for (const [attribute, value] of attributes) add(attribute, value);
  announce(24);
  add(MESSAGE_INTEGRITY, createHmac('sha1', password).update(message).digest());
  announce(8);
  const fingerprint = Buffer.alloc(4);
  fingerprint.writeUInt32BE((crc32(message) ^ 0x5354554e) >>> 0);
  add(FINGERPRINT, fingerprint);
  return message;
}

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** A DTLS 1.2 ClientHello as WebRTC clients send it: ECDHE with ECDSA, AES-128-GCM, SRTP. */
export function clientHello() {
  const extension = (type, ...bytes) => Buffer.from([0, type, 0, bytes.length, ...bytes]);
  const extensions = Buffer.concat([
    extension(10, 0, 4, 0, 29, 0, 23), // supported_groups: x25519, secp256r1
    extension(11, 1, 0), // ec_point_formats
    extension(13, 0, 4, 4, 3, 8, 4), // signature_algorithms
    extension(14, 0, 4, 0, 7, 0, 1, 0), // use_srtp
    extension(23), // extended_master_secret
    Buffer.from([0xff, 1, 0, 1, 0]), // renegotiation_info
  ]);
  const body = Buffer.concat([
    Buffer.from([0xfe, 0xfd]), randomBytes(32), Buffer.from([0, 0, 0, 2, 0xc0, 0x2b, 1, 0, 0, extensions.length]), extensions,
  ]);
  const handshake = Buffer.concat([Buffer.from([1, 0, 0, body.length, 0, 0, 0, 0, 0, 0, 0, body.length]), body]);
  return Buffer.concat([Buffer.from([22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, handshake.length]), handshake]);
}

/** An RTP packet of `ssrc` with a payload that nobody can decrypt. */
export function rtp(ssrc, payloadType = 96) {
  const header = Buffer.from([0x80, payloadType, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  randomBytes(6).copy(header, 2);
  header.writeUInt32BE(ssrc, 8);
  return Buffer.concat([header, randomBytes(200)]);
}

/** RTCP packets about `ssrc`: sender report, receiver report, BYE, NACK, PLI. */
export function rtcp(ssrc) {
  return [[0x80, 200, 6], [0x81, 201, 7], [0x81, 203, 1], [0x81, 205, 3], [0x81, 206, 2]].map(([first, type, words]) => {
    const packet = Buffer.alloc(4 + 4 * words);
    packet.set([first, type, 0, words]);
    packet.writeUInt32BE(ssrc, 4);
    if (words > 1) packet.writeUInt32BE(ssrc, 8);
    return Buffer.concat([packet, randomBytes(20)]);
  });
}

/** Datagrams of every class that a demultiplexer knows (RFC 7983), and of none. */
export const JUNK = {
  'STUN without attributes': () => [Buffer.concat([Buffer.from('000100002112a442', 'hex'), randomBytes(12)])],
  'STUN cut short': () => [Buffer.from('000100082112a442', 'hex'), check({ ufrag: 'AAxx', password: 'p' }).subarray(0, 40)],
  'STUN to nobody': () => [check({ ufrag: randomBytes(6).toString('hex'), password: 'p'.repeat(24) })],
  'STUN success and error responses': () => ['0101', '0111'].map((type) => Buffer.concat([Buffer.from(`${type}00002112a442`, 'hex'), randomBytes(12)])),
  DTLS: () => [clientHello(), Buffer.concat([Buffer.from([22, 0xfe, 0xfd]), randomBytes(500)]), Buffer.from([20, 0xfe, 0xfd, 0, 0])],
  RTP: () => [rtp(1), rtp(0xffffffff, 127), Buffer.from([0x80, 96]), Buffer.from([0xbf, 0xff, ...Array(20).fill(0xff)])],
  RTCP: () => [...rtcp(1), Buffer.from([0x9f, 202, 0xff, 0xff, 1, 2, 3, 4])],
  'TURN channels': () => [Buffer.from([0x40, 0, 0, 4, 1, 2, 3, 4]), Buffer.from([0x7f, 0xff, 0xff, 0xff])],
  'nothing and one byte': () => [Buffer.alloc(0), Buffer.from([0]), Buffer.from([22]), Buffer.from([0x80]), Buffer.from([0xff])],
  'the longest datagrams': () => [Buffer.alloc(65_507, 0x80), Buffer.alloc(65_507), Buffer.alloc(2_049, 0x16)],
  noise: () => Array.from({ length: 20 }, () => randomBytes(1 + Math.floor(Math.random() * 1_400))),
};

/** Where media goes, as the candidates of a description have it: `{ udp, tcp }`, each `{ host, port }`. */
export function addressesOf(sdp) {
  const find = (protocol) => {
    const found = new RegExp(`a=candidate:\\S+ 1 ${protocol} \\d+ (\\S+) (\\d+) `, 'i').exec(sdp);
    return found && { host: found[1], port: Number(found[2]) };
  };
  return { udp: find('udp'), tcp: find('tcp') };
}

/** The ICE credentials of a description. */
export function credentialsOf(sdp) {
  return { ufrag: /a=ice-ufrag:(\S+)/.exec(sdp)[1], password: /a=ice-pwd:(\S+)/.exec(sdp)[1] };
}

/** A socket that remembers what it is answered. */
export async function stranger(t, { host, port }) {
  const socket = dgram.createSocket('udp4');
  const answers = [];
  socket.on('message', (message) => answers.push(message));
  await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve));
  t.after(() => socket.close());
  const send = (message) => new Promise((resolve, reject) => {
    socket.send(message, port, host, (error) => (error ? reject(error) : resolve()));
  });
  return { answers, send, close: () => socket.close() };
}
