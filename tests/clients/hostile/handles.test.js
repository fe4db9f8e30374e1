// A server that runs out of file handles serves those who are connected, and everybody again afterwards.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { serverIsGiven, startBinary } from '../lib/server.js';
import { openDual } from '../lib/signal.js';
import { freshRoom, participantToken } from '../lib/token.js';
import { until } from '../lib/until.js';
import { addressesOf, check, credentialsOf } from './datagrams.js';

const HANDLES = 100;
let server;
let directory;

before(async () => {
  if (serverIsGiven) return;
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-handles-'));
  const few = path.join(directory, 'sluice-with-few-handles');
  fs.writeFileSync(few, `#!/bin/sh\nulimit -n ${HANDLES}\nexec '${path.resolve(process.env.SLUICE_BIN)}' "$@"\n`, { mode: 0o755 });
  server = await startBinary(few, {});
});
after(async () => {
  await server?.stop();
  if (directory) fs.rmSync(directory, { recursive: true });
});

async function session(t, identity) {
  const signal = await openDual(server, await participantToken(server, { room: freshRoom(), identity }));
  t.after(() => signal.close());
  return signal;
}

/** Connects until the server has no handle left, and further still: the kernel goes on accepting. */
async function exhaust(port) {
  const sockets = await Promise.all(Array.from({ length: HANDLES + 50 }, () => new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(socket));
    socket.on('error', () => {});
  })));
  await until('the server is out of handles', async () => fs.readdirSync(`/proc/${server.pid}/fd`).length >= HANDLES - 1);
  return sockets;
}

for (const door of ['HTTP', 'ICE-TCP']) {
  test(`too many connections to the ${door} port`, { skip: serverIsGiven && 'another server' }, async (t) => {
    const early = await session(t, 'early');
    const { sdp } = await early.next('offer');
    const { tcp } = addressesOf(sdp);
    const sockets = await exhaust(door === 'HTTP' ? Number(new URL(server.http).port) : tcp.port);
    const from = early.messages.length;
    early.send('ping', 1n);
    await early.next('pong', { from });

    for (const socket of sockets) socket.destroy();
    const late = await session(t, 'late');
    await late.next('join');
    const peer = net.connect(tcp.port, tcp.host);
    t.after(() => peer.destroy());
    const request = check(credentialsOf(sdp));
    const length = Buffer.alloc(2);
    length.writeUInt16BE(request.length);
    peer.write(Buffer.concat([length, request]));
    const answer = await new Promise((resolve, reject) => { peer.once('data', resolve); peer.once('close', reject); });
    assert.equal(answer.readUInt16BE(2), 0x0101, 'a success response');
  });
}
