// Clients that misbehave on the signalling side, in the room of a call and beside it.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { describe, test } from 'node:test';
import { DisconnectReason, LeaveRequest_Action } from '@livekit/protocol';

import { joinRequest, openDual, openSignal, sdpOffer } from '../lib/signal.js';
import { freshRoom, participantToken } from '../lib/token.js';
import { ongoingCall } from './call.js';

const call = ongoingCall();
const MALLORY = 'mallory';

/** Mallory's signalling connection to the room of the call, or another. */
async function mallory(t, { room = call.room, identity = MALLORY } = {}) {
  const signal = await openDual(call.server, await participantToken(call.server, { room, identity }));
  t.after(() => signal.close());
  await signal.next('join');
  return signal;
}

/** A test in whose course the call is undisturbed; that mallory comes and goes may be seen. */
function besides(name, attack) {
  test(name, (t) => call.isUndisturbedBy(() => attack(t), { by: MALLORY }));
}

describe('participants of the call', { concurrency: 1 }, () => {
  besides('one who never answers the offer is told to reconnect after fifteen seconds', async (t) => {
    const signal = await mallory(t);
    const begun = performance.now();
    await signal.next('offer');
    const leave = await signal.next('leave', { within: 25_000 });
    const seconds = (performance.now() - begun) / 1000;
    assert.equal(leave.reason, DisconnectReason.STATE_MISMATCH);
    assert.equal(leave.action, LeaveRequest_Action.RECONNECT);
    assert.ok(seconds > 14 && seconds < 20, `after ${seconds} s`);
    await signal.closing();
  });

  besides('one who crashes with all its tracks is gone after a while', async () => {
    const carol = await call.guest(MALLORY);
    await carol.join();
    await Promise.all([carol.publishVideo(), carol.publishAudio()]);
    await call.alice.decodesVideo(MALLORY);
    const from = await call.alice.mark();
    await carol.vanish();
    await call.alice.event('participantDisconnected', { identity: MALLORY }, { from, within: 60_000 });
  });

  const JUNK_FRAMES = {
    'binary noise': () => Buffer.concat([Buffer.from([0xff]), randomBytes(300)]),
    'text that is no JSON': () => '{"offer":{',
    'JSON nested a hundred thousand deep': () => '{"a":'.repeat(100_000),
    'three mebibytes': () => Buffer.alloc(3 << 20),
  };
  for (const [name, frame] of Object.entries(JUNK_FRAMES)) {
    besides(`a frame of ${name} ends its connection`, async (t) => {
      for (let round = 0; round < 5; round += 1) {
        const signal = await mallory(t);
        signal.sendRaw(frame());
        await signal.closing();
      }
    });
  }

  besides('a message of a kind that the server does not know is passed over', async (t) => {
    const signal = await mallory(t);
    signal.sendRaw(Buffer.from([0xfa, 0x3e, 2, 1, 2]));
    signal.send('ping', 1n);
    await signal.next('pong');
  });

  besides('descriptions, answers and candidates that are none disturb nobody', async (t) => {
    const signal = await mallory(t);
    const good = sdpOffer({ audio: 3, video: 3 });
    const broken = [
      '', 'v=0', good.slice(0, 300), good.replaceAll('m=audio', 'm=nothing'), good.replaceAll('a=mid:1', 'a=mid:0'),
      good.replaceAll(/a=rtpmap:\d+/g, 'a=rtpmap:999'), good.replaceAll('a=setup:actpass', 'a=setup:passive'),
      `${good}${'a=ssrc:1 cname:x\r\n'.repeat(20_000)}`, randomBytes(5_000).toString('latin1'),
    ];
    for (const [id, sdp] of broken.entries()) {
      signal.send('offer', { type: 'offer', sdp, id: id + 1 });
      signal.send('answer', { type: 'answer', sdp, id });
      signal.send('trickle', { candidateInit: sdp, target: id % 2 });
      if (signal.closed) break;
    }
    signal.send('ping', 1n);
    await signal.until('a pong or the end', () => signal.closed || signal.messages.some((m) => m.case === 'pong'));
  });

  besides('requests about everything that is not theirs disturb nobody', async (t) => {
    const signal = await mallory(t);
    const { sid, tracks } = (await call.alice.state()).me;
    const requests = [
      ['mute', { sid: tracks.camera.sid, muted: true }],
      ['subscriptionPermission', { allParticipants: false, trackPermissions: [{ participantSid: sid, allTracks: false }] }],
      ['trackSetting', { trackSids: [tracks.camera.sid, 'TR_none'], disabled: true, width: 0xffffffff, fps: 0xffffffff }],
      ['subscription', { trackSids: Array.from({ length: 10_000 }, (_, n) => `TR_${n}`), subscribe: true }],
      ['updateLayers', { trackSid: tracks.camera.sid, layers: [{ quality: 2, width: 1, height: 1 }] }],
      ['addTrack', { cid: tracks.camera.sid, sid: tracks.camera.sid, type: 1, source: 1, muted: true }],
      ['syncState', { publishTracks: [{ cid: 'x', track: { sid: tracks.camera.sid } }] }],
      ['leave', { reason: 1, action: 1 }],
    ];
    for (const [kind, value] of requests) {
      if (!signal.closed) signal.send(kind, value);
    }
    await signal.until('the end that was asked for', () => signal.closed);
  });

  besides('somebody who joins and goes a hundred times in a row disturbs nobody', async (t) => {
    for (let round = 0; round < 100; round += 1) (await mallory(t)).close();
  });
});

describe('strangers', () => {
  besides('request heads and frames that never end hold up nobody, and are given up', async (t) => {
    const { hostname, port } = new URL(call.server.http);
    const beginnings = ['G', 'GET /rtc HTTP/1.1\r\nHost: x\r\n', `GET /rtc/v1?join_request=${'A'.repeat(100_000)}`];
    const closed = Array.from({ length: 200 }, (_, number) => new Promise((resolve) => {
      const socket = net.connect(Number(port), hostname);
      t.after(() => socket.destroy());
      socket.on('error', () => {});
      socket.on('data', () => {});
      socket.once('close', resolve);
      socket.write(beginnings[number % beginnings.length]);
    }));
    const signal = await mallory(t, { room: freshRoom('slow') });
    // A header that promises 100 kB, then nothing.
    signal.socket._socket.write(Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 1, 0x86, 0xa0, 1, 2, 3, 4]));
    await Promise.all(closed);
  });

  besides('join requests that are none, or bombs, are refused', async () => {
    const token = await participantToken(call.server, { room: freshRoom('bomb'), identity: MALLORY });
    const bomb = joinRequest({ metadata: 'm'.repeat(32 << 20) }, { gzip: true });
    for (const join_request of ['', '!', 'AAAA', randomBytes(30_000).toString('base64url'), bomb]) {
      const answer = await openSignal(call.server, { path: '/rtc/v1', token, query: { join_request } });
      assert.equal(answer.status, 400, `${join_request.slice(0, 10)} ${answer.body}`);
    }
  });

  besides('an offer of many sections is answered in the form that clients send, and 414 where the URL is longer than 64 KiB', async (t) => {
    const token = await participantToken(call.server, { room: freshRoom('long'), identity: MALLORY });
    const sdp = sdpOffer({ audio: 60, video: 60 });
    const request = { publisherOffer: { type: 'offer', sdp, id: 9 } };
    const plain = joinRequest(request);
    assert.ok(plain.length > 100_000, `the URL has ${plain.length} bytes`);
    const refused = await openSignal(call.server, { path: '/rtc/v1', token, query: { join_request: plain } });
    assert.equal(refused.status, 414);
    const join_request = joinRequest(request, { gzip: true });
    const signal = await openSignal(call.server, { path: '/rtc/v1', token, query: { join_request } });
    t.after(() => signal.close?.());
    assert.ok(signal.socket, `refused with ${signal.status} ${signal.body}`);
    assert.equal((await signal.next('answer')).id, 9);
  });
});
