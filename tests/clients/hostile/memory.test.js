// What thousands of sessions that came to nothing leave behind: no room, no handle, no memory.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import fs from 'node:fs';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { RoomServiceClient } from 'livekit-server-sdk';

import { serverIsGiven, startServer } from '../lib/server.js';
import { openDual, openSingle, sdpOffer } from '../lib/signal.js';
import { freshRoom, participantToken } from '../lib/token.js';
import { until } from '../lib/until.js';
import { addressesOf, answerTo, check, clientHello, credentialsOf, isCheck } from './datagrams.js';

/** Sessions before the first measurement: allocators and tables have their size then. */
const WARM_UP = 2_000;
const ROUND = 1_000;
/** As many rounds as fit into the time, so that slow machines and builds are measured too. */
const ROUNDS = { least: 3, most: 9, within: 25_000 };
const AT_A_TIME = 20;
/**
 * What may remain: a share of the memory before, and what allocators keep in pieces. Resident memory goes up and down
 * by that much from round to round however long this runs; what sessions leave behind adds up instead.
 */
const GROWTH = 1.05;
const SLACK_KB = 6 * 1024;
/** A datagram that is lost is sent again, as ICE and DTLS do. */
const RETRANSMIT_MS = 200;

let server;
before(async () => { server = await startServer({ room: { empty_timeout: 1, departure_timeout: 1 } }); });
after(() => server?.stop());

const residentKb = () => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]);
const openHandles = () => fs.readdirSync(`/proc/${server.pid}/fd`).length;

/** The first bytes of what answers a connectivity check and a ClientHello. */
const [STUN_ANSWER, DTLS_HANDSHAKE] = [1, 22];

/** Sends `datagram` until it is answered by one that begins with `first`. */
async function exchange(socket, { host, port }, datagram, first) {
  const send = () => socket.send(datagram, port, host);
  const timer = setInterval(send, RETRANSMIT_MS);
  const answered = new Promise((resolve) => {
    socket.on('message', (message) => { if (message[0] === first) resolve(); });
  });
  send();
  await answered;
  clearInterval(timer);
}

/** Sessions of every kind that end badly. */
const KINDS = [
  async (token) => {
    const signal = await openDual(server, token);
    await signal.next('offer');
    signal.close();
  },
  async (token) => {
    const publisherOffer = { type: 'offer', sdp: sdpOffer({ audio: 3, video: 3 }), id: 1 };
    const signal = await openSingle(server, token, { publisherOffer, metadata: 'm'.repeat(20_000) }, { gzip: true });
    await signal.next('answer');
    signal.close();
  },
  async (token) => {
    const signal = await openDual(server, token);
    await signal.next('join');
    signal.sendRaw(Buffer.from([0xff, 0xff, 0xff]));
    await signal.closing();
  },
  async (token) => {
    const signal = await openDual(server, token);
    await signal.next('join');
    const tracks = Array.from({ length: 5 }, (_, number) => ({ cid: `cid${number}`, kind: number % 2 ? 'audio' : 'video' }));
    for (const { cid, kind } of tracks) signal.send('addTrack', { cid, type: kind === 'audio' ? 0 : 1, source: 0 });
    signal.send('offer', { type: 'offer', sdp: sdpOffer({ tracks }), id: 1 });
    await signal.next('answer');
    signal.close();
  },
  // A peer that ICE knows, and that begins DTLS and falls silent.
  async (token) => {
    const publisherOffer = { type: 'offer', sdp: sdpOffer({ audio: 1 }), id: 1 };
    const signal = await openSingle(server, token, { publisherOffer });
    const { sdp } = await signal.next('answer');
    const { udp } = addressesOf(sdp);
    const self = credentialsOf(publisherOffer.sdp);
    const socket = dgram.createSocket('udp4');
    // DTLS is taken from where the server's own check was answered.
    socket.on('message', (message) => {
      if (isCheck(message)) socket.send(answerTo(message, self.password), udp.port, udp.host);
    });
    await exchange(socket, udp, check({ ...credentialsOf(sdp), from: self.ufrag }), STUN_ANSWER);
    await exchange(socket, udp, clientHello(), DTLS_HANDSHAKE);
    socket.close();
    signal.close();
  },
  // Gone before the join is answered.
  async (token) => {
    const { hostname, port } = new URL(server.http);
    const socket = net.connect(Number(port), hostname);
    socket.on('error', () => {});
    socket.resume();
    socket.write(`GET /rtc?access_token=${token} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n`
      + 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n');
    socket.end();
    await new Promise((resolve) => socket.once('close', resolve));
  },
];

async function churn(count) {
  const shared = freshRoom('shared');
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const number = next++;
      // Every third meets others of its kind in one room.
      const room = number % 3 ? freshRoom('junk') : shared;
      const token = await participantToken(server, { room, identity: `junk-${number}` });
      await KINDS[number % KINDS.length](token);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
}

async function settled() {
  const service = new RoomServiceClient(server.http, server.apiKey, server.apiSecret);
  await until('no room is left', async () => (await service.listRooms()).length === 0, {
    within: 60_000, seen: async () => (await service.listRooms()).map(({ name }) => name),
  });
}

const options = { skip: serverIsGiven && 'another server', timeout: 150_000 };
test('thousands of sessions that end badly leave nothing behind', options, async (t) => {
  await churn(WARM_UP);
  await settled();
  const handles = openHandles();
  const before = residentKb();
  const readings = [];
  const deadline = Date.now() + ROUNDS.within;
  while (readings.length < ROUNDS.least || (readings.length < ROUNDS.most && Date.now() < deadline)) {
    await churn(ROUND);
    await settled();
    readings.push(residentKb());
  }
  t.diagnostic(`resident: ${before} kB before, then after each ${ROUND} sessions ${readings.join(' ')} kB`);

  await until(`no more than ${handles} handles are open`, () => openHandles() <= handles, { seen: openHandles });
  const rest = Math.min(...readings.slice(-ROUNDS.least + 1));
  assert.ok(rest <= before * GROWTH + SLACK_KB, `resident memory goes from ${before} to ${rest} kB in ${readings.length * ROUND} sessions`);
});
