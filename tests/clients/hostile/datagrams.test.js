// Datagrams and ICE-TCP connections of strangers, while a call goes on: they are not answered, and nobody notices.
import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, test } from 'node:test';

import { openSingle, sdpOffer } from '../lib/signal.js';
import { freshRoom, participantToken } from '../lib/token.js';
import { until } from '../lib/until.js';
import { ongoingCall } from './call.js';
import { addressesOf, answerTo, check, clientHello, credentialsOf, isCheck, JUNK, rtcp, rtp, stranger } from './datagrams.js';

const call = ongoingCall();

/** How often each datagram is sent: enough that a fault which takes a while would show. */
const ROUNDS = 200;

/** The credentials of a session that the stranger has itself, and where its media would go. */
async function ownSession(t) {
  const token = await participantToken(call.server, { room: freshRoom('own'), identity: 'stranger' });
  const publisherOffer = { type: 'offer', sdp: sdpOffer({ audio: 1 }), id: 1 };
  const signal = await openSingle(call.server, token, { publisherOffer });
  t.after(() => signal.close());
  const { sdp } = await signal.next('answer');
  const self = credentialsOf(publisherOffer.sdp);
  return { ...credentialsOf(sdp), from: self.ufrag, ownPassword: self.password, ...addressesOf(sdp) };
}

/**
 * Sends `datagrams` over and over; all that comes back is the answer to a valid check behind them, which proves the way open,
 * and the server's own check of where that came from.
 */
async function unanswered(t, datagrams) {
  const own = await ownSession(t);
  const socket = await stranger(t, own.udp);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const datagram of datagrams()) await socket.send(datagram);
  }
  await until('an answer to the valid check', async () => {
    await socket.send(check(own));
    return socket.answers.length > 0;
  });
  for (const answer of socket.answers) {
    if (!isCheck(answer)) assert.equal(answer.readUInt16BE(0), 0x0101, 'a success response');
  }
  return { own, socket };
}

describe('datagrams', () => {
  for (const [name, datagrams] of Object.entries(JUNK)) {
    test(`${name}: dropped`, (t) => call.isUndisturbedBy(() => unanswered(t, datagrams)));
  }

  test('checks with the ufrag of a participant and a wrong password: dropped', (t) => call.isUndisturbedBy(async () => {
    const { ufrag } = credentialsOf(call.wire.answers.at(-1));
    await unanswered(t, () => [check({ ufrag, password: 'not-the-password-of-them' })]);
  }));

  test('DTLS from an address that ICE has not validated: no handshake', (t) => call.isUndisturbedBy(async () => {
    const { own, socket } = await unanswered(t, () => [clientHello()]);
    // The same is answered once the address is validated: the server's check of it was answered.
    const question = await until('a check of the server', async () => socket.answers.find(isCheck));
    await socket.send(answerTo(question, own.ownPassword));
    await until('an answer of DTLS', async () => {
      await socket.send(clientHello());
      return socket.answers.some(([first]) => first === 22);
    });
  }));

  test('RTP and RTCP with the SSRCs of participants: no effect', (t) => call.isUndisturbedBy(async () => {
    const descriptions = [...call.wire.offers, ...call.wire.answers].join('\n');
    const ssrcs = [...new Set([...descriptions.matchAll(/a=ssrc:(\d+)/g)].map(([, ssrc]) => Number(ssrc)))];
    assert.ok(ssrcs.length >= 2, `SSRCs of the call: ${ssrcs}`);
    await unanswered(t, () => ssrcs.flatMap((ssrc) => [rtp(ssrc), rtp(ssrc, 111), ...rtcp(ssrc)]));
  }));
});

/** A TCP connection to the media port; `closed` resolves to what was received before its end. */
function connect(t, { host, port }) {
  const socket = net.connect(port, host);
  t.after(() => socket.destroy());
  const received = [];
  socket.on('data', (chunk) => received.push(chunk));
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.once('close', () => resolve(Buffer.concat(received))));
  return { socket, received, closed };
}

function framed(packet) {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(packet.length);
  return Buffer.concat([length, packet]);
}

describe('ICE-TCP', () => {
  test('what is no check closes its connection unanswered', (t) => call.isUndisturbedBy(async () => {
    const { tcp } = await ownSession(t);
    const junk = Object.values(JUNK).flatMap((datagrams) => datagrams()).filter(({ length }) => length > 0 && length < 60_000);
    const closed = junk.map((packet) => {
      const connection = connect(t, tcp);
      connection.socket.write(framed(packet));
      // Where it can still become a check, time ends it.
      return connection.closed;
    });
    for (const received of await Promise.all(closed)) assert.equal(received.length, 0);
  }));

  test('a thousand idle connections do not keep a peer out', (t) => call.isUndisturbedBy(async () => {
    const own = await ownSession(t);
    for (let number = 0; number < 1_000; number += 1) {
      const { socket } = connect(t, own.tcp);
      if (number % 2) socket.write(Buffer.from([0]));
    }
    const peer = connect(t, own.tcp);
    peer.socket.write(framed(check(own)));
    await until('an answer to the valid check', async () => peer.received.length > 0);
    assert.equal(peer.received[0].readUInt16BE(2), 0x0101, 'a success response');
  }));

  test('connections that flood without proof do not hold up the call', (t) => call.isUndisturbedBy(async () => {
    const own = await ownSession(t);
    const { ufrag } = credentialsOf(call.wire.answers.at(-1));
    const flood = Buffer.concat(Array.from({ length: 500 }, () => framed(rtp(1))));
    const flooding = Array.from({ length: 20 }, () => {
      const { socket, closed } = connect(t, own.tcp);
      socket.write(framed(check({ ufrag, password: 'not-the-password-of-them' })));
      const pump = () => { while (!socket.destroyed && socket.write(flood)); };
      socket.on('drain', pump);
      pump();
      return closed;
    });
    // Each is closed, because none has proven anything.
    for (const received of await Promise.all(flooding)) assert.equal(received.length, 0);
  }));
});
