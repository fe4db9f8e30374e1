// The first messages of a session and what clients rely on in them: several clients panic or give up where these fail.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ParticipantInfo_State, SignalTarget } from '@livekit/protocol';
import { decodeJwt } from 'jose';
import { RoomServiceClient } from 'livekit-server-sdk';

import { startServer } from '../lib/server.js';
import { openDual, openSingle, sdpOffer } from '../lib/signal.js';
import { freshRoom, participantToken } from '../lib/token.js';
import { until } from '../lib/until.js';

let server;
before(async () => { server = await startServer(); });
after(() => server?.stop());

const service = () => new RoomServiceClient(server.http, server.apiKey, server.apiSecret);
const GENERATIONS = { '/rtc': openDual, '/rtc/v1': openSingle };
const tokenFor = (identity, room = freshRoom(), grants, claims) => participantToken(server, { room, identity, grants, claims });

/** Opens a connection that closes with the test. */
async function opened(t, promise) {
  const signal = await promise;
  assert.ok(signal.socket, `refused with ${signal.status}: ${signal.body}`);
  t.after(() => signal.close());
  return signal;
}

for (const [path, open] of Object.entries(GENERATIONS)) {
  describe(path, () => {
    test('the first message is a join that names room, participant and server', async (t) => {
      const room = freshRoom();
      const claims = { name: 'Alice', metadata: 'm', attributes: { k: 'v' } };
      const signal = await opened(t, open(server, await tokenFor('alice', room, {}, claims)));
      const join = await signal.next('join');
      assert.equal(signal.messages[0].case, 'join', 'the first message');
      assert.match(join.room.sid, /^RM_\w{12}$/);
      assert.equal(join.room.name, room);
      assert.ok(join.room.creationTime > 0n, 'creation time of the room');
      assert.match(join.participant.sid, /^PA_\w{12}$/);
      const { identity, name, metadata, attributes, permission } = join.participant;
      assert.deepEqual([identity, name, metadata, attributes], ['alice', 'Alice', 'm', { k: 'v' }]);
      assert.deepEqual([permission.canPublish, permission.canSubscribe, permission.canPublishData], [true, true, true]);
      assert.deepEqual(join.otherParticipants, []);
      assert.ok(join.sifTrailer.length > 0, 'sif_trailer');
    });

    test('server_info has a semantic version from 1.8.0 on: clients panic or refuse RPC otherwise', async (t) => {
      const signal = await opened(t, open(server, await tokenFor('alice')));
      const { serverInfo, serverVersion } = await signal.next('join');
      const parts = /^(\d+)\.(\d+)\.(\d+)(-[\w.]+)?$/.exec(serverInfo.version);
      assert.ok(parts, `not a semantic version: ${JSON.stringify(serverInfo.version)}`);
      const [major, minor] = parts.slice(1).map(Number);
      assert.ok(major > 1 || (major === 1 && minor >= 8), `older than 1.8.0: ${serverInfo.version}`);
      assert.equal(serverVersion, serverInfo.version, 'the older field says the same');
      assert.ok(serverInfo.protocol >= 13, `protocol ${serverInfo.protocol}`);
      assert.ok(serverInfo.nodeId, 'node_id');
    });

    test('ping_interval and ping_timeout are above zero: an interval of zero makes clients panic', async (t) => {
      const signal = await opened(t, open(server, await tokenFor('alice')));
      const join = await signal.next('join');
      assert.ok(join.pingInterval > 0, `ping_interval ${join.pingInterval}`);
      assert.ok(join.pingTimeout > join.pingInterval, `ping_timeout ${join.pingTimeout}`);
    });

    test('the list of codecs begins with VP8, has H264, and no retransmission format', async (t) => {
      const signal = await opened(t, open(server, await tokenFor('alice')));
      const { enabledPublishCodecs } = await signal.next('join');
      const mimes = enabledPublishCodecs.map(({ mime }) => mime.toLowerCase());
      assert.equal(mimes[0], 'video/vp8');
      for (const mime of ['video/h264', 'video/vp9', 'video/av1', 'audio/opus', 'audio/red']) {
        assert.ok(mimes.includes(mime), `${mime} in ${mimes}`);
      }
      assert.ok(!mimes.some((mime) => mime.includes('rtx')), `no rtx in ${mimes}`);
    });

    test('a refresh token follows, with the same grants and signed with a known key', async (t) => {
      const room = freshRoom();
      const signal = await opened(t, open(server, await tokenFor('alice', room, { canPublish: false }, { metadata: 'm' })));
      const claims = decodeJwt(await signal.next('refreshToken'));
      assert.deepEqual([claims.sub, claims.iss, claims.metadata], ['alice', server.apiKey, 'm']);
      assert.deepEqual([claims.video.room, claims.video.roomJoin, claims.video.canPublish], [room, true, false]);
      assert.ok(claims.exp * 1000 > Date.now() + 5 * 60_000, 'valid for minutes to come');
    });

    test('ping and ping_req are answered with the time of the server', async (t) => {
      const signal = await opened(t, open(server, await tokenFor('alice')));
      await signal.next('join');
      const sentAt = BigInt(Date.now());
      signal.send('ping', sentAt);
      signal.send('pingReq', { timestamp: sentAt, rtt: 5n });
      const pong = await signal.next('pong');
      const response = await signal.next('pongResp');
      assert.equal(response.lastPingTimestamp, sentAt);
      for (const time of [pong, response.timestamp]) {
        assert.ok(Math.abs(Number(time - sentAt)) < 10_000, `${time} are milliseconds of the server`);
      }
    });

    test('a client that sends JSON is answered in JSON', async (t) => {
      const signal = await opened(t, open(server, await tokenFor('alice')));
      await signal.next('join');
      const from = signal.messages.length;
      signal.sendJson('pingReq', { timestamp: 7n, rtt: 1n });
      const { lastPingTimestamp } = await signal.next('pongResp', { from });
      assert.equal(lastPingTimestamp, 7n);
      assert.ok(signal.frames.text > 0, 'text frames arrived');
    });

    test('a leave ends the session with a normal close', async (t) => {
      const signal = await opened(t, open(server, await tokenFor('alice')));
      await signal.next('join');
      signal.send('leave', { reason: 1 });
      const { code } = await signal.closing();
      assert.equal(code, 1000);
    });

    test('candidates are in the description, or trickle with sdpMid and sdpMLineIndex: clients panic on null', async (t) => {
      const signal = await opened(t, open(server, await tokenFor('alice'), path === '/rtc/v1'
        ? { publisherOffer: { type: 'offer', sdp: sdpOffer({ audio: 3, video: 3 }), id: 1 } } : {}));
      const { sdp } = await signal.next(path === '/rtc' ? 'offer' : 'answer');
      if (/a=candidate:/.test(sdp)) return;
      const trickle = await signal.next('trickle');
      const candidate = JSON.parse(trickle.candidateInit);
      assert.match(candidate.candidate, /^candidate:/);
      assert.equal(typeof candidate.sdpMid, 'string', trickle.candidateInit);
      assert.equal(typeof candidate.sdpMLineIndex, 'number', trickle.candidateInit);
      await signal.next('trickle', { accepts: ({ final }) => final });
    });
  });
}

test('the server pings at the level of the WebSocket too', async (t) => {
  const signal = await opened(t, openDual(server, await tokenFor('alice')));
  await signal.until('a WebSocket ping', () => signal.pings > 0, 13_000);
});

describe('/rtc, two peer connections', () => {
  test('the server offers to the subscriber at once, with its data channels', async (t) => {
    const signal = await opened(t, openDual(server, await tokenFor('alice')));
    const join = await signal.next('join');
    assert.equal(join.subscriberPrimary, true);
    const offer = await signal.next('offer');
    assert.equal(offer.type, 'offer');
    assert.ok(offer.id > 0, `offer id ${offer.id}`);
    assert.match(offer.sdp, /m=application 9 (UDP|TCP)\/DTLS\/SCTP webrtc-datachannel/);
    assert.match(offer.sdp, /a=ice-ufrag:/);
  });

  test('a participant without canSubscribe has the publisher as primary', async (t) => {
    const signal = await opened(t, openDual(server, await tokenFor('alice', freshRoom(), { canSubscribe: false })));
    assert.equal((await signal.next('join')).subscriberPrimary, false);
  });

  for (const id of [0, 77]) {
    test(`the answer to an offer of id ${id} has this id`, async (t) => {
      const signal = await opened(t, openDual(server, await tokenFor('alice')));
      await signal.next('join');
      signal.send('offer', { type: 'offer', sdp: sdpOffer(), id });
      const answer = await signal.next('answer');
      assert.deepEqual([answer.type, answer.id], ['answer', id]);
    });
  }
});

describe('/rtc/v1, one peer connection', () => {
  /** Joins with an offer of three sections of each kind, as the browsers' client does, and returns its answer. */
  async function joinWithOffer(t, identity, room, options = {}) {
    const publisherOffer = { type: 'offer', sdp: sdpOffer({ audio: 3, video: 3 }), id: 5 };
    const connectionSettings = { autoSubscribe: true };
    const signal = await opened(t, openSingle(server, await tokenFor(identity, room), { publisherOffer, connectionSettings }, options));
    return [signal, await signal.next('answer')];
  }

  test('the offer inside the URL is answered, echoing its id; the server offers nothing', async (t) => {
    const [signal, answer] = await joinWithOffer(t, 'alice');
    assert.deepEqual([answer.type, answer.id], ['answer', 5]);
    assert.equal(answer.sdp.match(/^m=/gm).length, 7, 'a section for each that was offered');
    assert.equal((await signal.next('join')).subscriberPrimary, false);
    assert.ok(!signal.messages.some((message) => message.case === 'offer'), 'no offer of the server');
  });

  test('a compressed join request is understood', async (t) => {
    await joinWithOffer(t, 'alice', freshRoom(), { gzip: true });
  });

  test('a join request without padding is understood', async (t) => {
    await joinWithOffer(t, 'alice', freshRoom(), { padded: false });
  });

  test('an offer of 40 kB inside the URL is answered', async (t) => {
    const sdp = sdpOffer({ audio: 29, video: 29 });
    const publisherOffer = { type: 'offer', sdp, id: 9 };
    assert.ok(sdp.length > 40_000, `the offer has ${sdp.length} bytes`);
    const signal = await opened(t, openSingle(server, await tokenFor('alice'), { publisherOffer }));
    assert.equal((await signal.next('answer')).id, 9);
  });

  test('sections that carry nothing have no PA_ stream: clients look for its participant', async (t) => {
    const [, answer] = await joinWithOffer(t, 'alice');
    assert.doesNotMatch(answer.sdp, /a=msid:PA_/);
  });
});

/** Announces a microphone track and offers it in a further section; resolves to the TrackPublished message. */
async function publish(signal, cid) {
  signal.send('addTrack', { cid, type: 0, source: 2, name: 'mic' });
  const published = await signal.next('trackPublished');
  assert.equal(published.cid, cid);
  return published;
}

describe('what a session answers', () => {
  test('a track is acknowledged at once, before any media', async (t) => {
    const signal = await opened(t, openDual(server, await tokenFor('alice')));
    await signal.next('join');
    const { track } = await publish(signal, 'cid-1');
    assert.match(track.sid, /^TR_AM/, 'kind and source in the sid');
    assert.deepEqual([track.type, track.source, track.name], [0, 2, 'mic']);
    const from = signal.messages.length;
    signal.send('addTrack', { cid: 'cid-1', type: 0, source: 2, name: 'mic' });
    const repeated = await signal.until('an answer to the repetition', () => {
      return signal.messages.slice(from).find((message) => ['trackPublished', 'requestResponse'].includes(message.case));
    });
    if (repeated.case === 'trackPublished') assert.equal(repeated.value.track.sid, track.sid, 'the same cid has the same sid');
    else assert.equal(repeated.value.reason, 4, 'QUEUED');
  });

  test('a track that the grants do not allow is refused by name', async (t) => {
    const signal = await opened(t, openDual(server, await tokenFor('alice', freshRoom(), { canPublish: false })));
    await signal.next('join');
    signal.send('addTrack', { cid: 'cid-1', type: 0, source: 2 });
    const { reason } = await signal.next('requestResponse');
    assert.equal(reason, 2, 'NOT_ALLOWED');
  });

  test('a mute of an unknown track is NOT_FOUND', async (t) => {
    const signal = await opened(t, openDual(server, await tokenFor('alice')));
    await signal.next('join');
    signal.send('mute', { sid: 'TR_unknown', muted: true });
    assert.equal((await signal.next('requestResponse')).reason, 1, 'NOT_FOUND');
  });

  test('a candidate that is no JSON is answered, not fatal', async (t) => {
    const signal = await opened(t, openDual(server, await tokenFor('alice')));
    await signal.next('join');
    signal.send('trickle', { candidateInit: '{', target: SignalTarget.PUBLISHER });
    assert.equal((await signal.next('requestResponse')).reason, 6, 'UNCLASSIFIED_ERROR');
    signal.send('ping', 1n);
    await signal.next('pong');
  });

  test('own metadata without permission is NOT_ALLOWED, with the id of the request', async (t) => {
    const signal = await opened(t, openDual(server, await tokenFor('alice')));
    await signal.next('join');
    signal.send('updateMetadata', { requestId: 42, metadata: 'm', name: 'n' });
    const { requestId, reason, message } = await signal.next('requestResponse');
    assert.deepEqual([requestId, reason], [42, 2]);
    assert.match(message, /does not have permission to update own metadata/);
  });

  test('metadata beyond the limit is LIMIT_EXCEEDED', async (t) => {
    const signal = await opened(t, openDual(server, await tokenFor('alice', freshRoom(), { canUpdateOwnMetadata: true })));
    await signal.next('join');
    signal.send('updateMetadata', { requestId: 43, metadata: 'm'.repeat(600 * 1024) });
    const { requestId, reason } = await signal.next('requestResponse');
    assert.deepEqual([requestId, reason], [43, 3]);
  });

  test('a resume of an unknown participant is told to reconnect', async (t) => {
    const signal = await opened(t, openDual(server, await tokenFor('alice'), { reconnect: 1, sid: 'PA_unknown' }));
    const leave = await signal.next('leave');
    assert.equal(signal.messages[0].case, 'leave', 'the first message');
    assert.deepEqual([leave.action, leave.reason], [2, 6], 'RECONNECT, STATE_MISMATCH');
    await signal.closing();
  });

  test('attributes of the connection are merged into those of the token', async (t) => {
    const attributes = Buffer.from(JSON.stringify({ b: '2' })).toString('base64url');
    const token = await tokenFor('alice', freshRoom(), { canUpdateOwnMetadata: true }, { attributes: { a: '1' } });
    const signal = await opened(t, openDual(server, token, { attributes }));
    assert.deepEqual((await signal.next('join')).participant.attributes, { a: '1', b: '2' });
  });

  test('a client that never connects its media is listed, but not as active', async (t) => {
    const room = freshRoom();
    const signal = await opened(t, openDual(server, await tokenFor('alice', room)));
    await signal.next('join');
    const listed = await service().listParticipants(room);
    assert.deepEqual(listed.map(({ identity }) => identity), ['alice']);
    assert.notEqual(listed[0].state, ParticipantInfo_State.ACTIVE);
  });

  test('a change of permissions brings a refresh token that has it', async (t) => {
    const room = freshRoom();
    const signal = await opened(t, openDual(server, await tokenFor('alice', room)));
    await signal.next('refreshToken');
    const from = signal.messages.length;
    await service().updateParticipant(room, 'alice', {
      metadata: 'changed', permission: { canPublish: false, canSubscribe: true, canPublishData: false },
    });
    const accepts = (token) => decodeJwt(token).video.canPublish === false;
    const refreshed = await signal.next('refreshToken', { from, accepts });
    const { metadata, video } = decodeJwt(refreshed);
    assert.deepEqual([metadata, video.canPublish, video.canPublishData, video.canSubscribe], ['changed', false, false, true]);
    const again = await opened(t, openDual(server, refreshed));
    assert.equal((await again.next('join')).participant.permission.canPublish, false, 'the token is accepted');
  });

  test('a second connection of an identity tells the first why it ends', async (t) => {
    const room = freshRoom();
    const first = await opened(t, openDual(server, await tokenFor('twin', room)));
    await first.next('join');
    await opened(t, openDual(server, await tokenFor('twin', room)));
    const leave = await first.next('leave');
    assert.deepEqual([leave.action, leave.reason], [0, 2], 'DISCONNECT, DUPLICATE_IDENTITY');
    await first.closing();
  });

  test('a WebSocket that closes before media ever connected ends the participant', async (t) => {
    const room = freshRoom();
    const signal = await opened(t, openDual(server, await tokenFor('short', room)));
    await signal.next('join');
    assert.equal((await service().listParticipants(room)).length, 1);
    signal.close();
    await until('nobody is left', async () => (await service().listParticipants(room)).length === 0);
  });
});
