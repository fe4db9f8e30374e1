// livekit-client behind functions that take and return JSON. A page can hold several clients, each under a key.
import * as livekit from '/livekit-client.mjs';

import * as media from '/media.js';
import * as messages from '/messages.js';
import { observe, waitForEvent } from '/observe.js';
import * as timing from '/timing.js';

/** key -> { room, events, received, sources } */
const clients = new Map();

const lifecycle = {
  /** Joins; returns how long it took. A failure is thrown with livekit-client's class, reason and status. */
  async join(key, { url, token, roomOptions = {}, connectOptions = {}, passphrase }) {
    const options = { ...roomOptions };
    if (passphrase) options.encryption = await encryption(passphrase);
    const room = new livekit.Room(options);
    const client = { room, events: [], received: [], sources: new Map() };
    clients.set(key, client);
    observe(client, livekit.RoomEvent);
    messages.listen(client);
    const started = performance.now();
    if (passphrase) await room.setE2EEEnabled(true);
    await room.connect(url, token, connectOptions);
    return { ms: performance.now() - started };
  },

  /** Joins with what LiveKit's `TokenSource.endpoint` gets from an address; returns what that was. */
  async joinBySource(key, { endpoint, options, fetchOptions }) {
    const source = livekit.TokenSource.endpoint(endpoint, options);
    const { serverUrl, participantToken } = await source.fetch(fetchOptions);
    await lifecycle.join(key, { url: serverUrl, token: participantToken });
    return { serverUrl, participantToken };
  },

  /** Like `join`, for joins that must fail: returns what livekit-client threw, or null. */
  async joinError(key, options) {
    try {
      await lifecycle.join(key, options);
      return null;
    } catch (error) {
      return {
        name: error.name,
        reason: error.reason,
        reasonName: error.reasonName,
        status: error.status,
        message: error.message,
      };
    }
  },

  async leave(key) {
    const client = clients.get(key);
    clients.delete(key);
    if (!client) return;
    await client.room.disconnect();
    media.release(client);
  },

  /** What the client knows of itself and of the others. */
  state({ room }) {
    const pcManager = room.engine.pcManager;
    return {
      connection: room.state,
      room: room.name,
      roomMetadata: room.metadata,
      numParticipants: room.numParticipants,
      serverInfo: { version: room.serverInfo?.version, edition: room.serverInfo?.edition },
      peerConnections: pcManager?.subscriber ? 2 : 1,
      me: describe(room.localParticipant),
      others: Object.fromEntries([...room.remoteParticipants].map(([identity, p]) => [identity, describe(p)])),
    };
  },

  events: ({ events }) => events,

  waitForEvent: (client, name, match, within, from) => waitForEvent(client, name, match, within, from),

  simulate: ({ room }, scenario, argument) => room.simulateScenario(scenario, argument),

  /** The token by which the client would come back. */
  token: ({ room }) => room.engine.token,

  async roomSid({ room }) {
    return room.getSid();
  },
};

const identityAndSubscriptions = {
  setMetadata: ({ room }, metadata) => room.localParticipant.setMetadata(metadata),
  setName: ({ room }, name) => room.localParticipant.setName(name),
  setAttributes: ({ room }, attributes) => room.localParticipant.setAttributes(attributes),

  setSubscribed({ room }, identity, source, subscribed) {
    remotePublication(room, identity, source).setSubscribed(subscribed);
  },

  setVideoQuality({ room }, identity, source, quality) {
    remotePublication(room, identity, source).setVideoQuality(livekit.VideoQuality[quality]);
  },

  setTrackEnabled({ room }, identity, source, enabled) {
    remotePublication(room, identity, source).setEnabled(enabled);
  },

  allowSubscribers({ room }, all, permissions) {
    room.localParticipant.setTrackSubscriptionPermissions(all, permissions);
  },
};

function remotePublication(room, identity, source) {
  const publication = room.remoteParticipants.get(identity)?.getTrackPublication(source);
  if (!publication) throw new Error(`${identity} has no track of source ${source} here`);
  return publication;
}

function describe(participant) {
  return {
    identity: participant.identity,
    sid: participant.sid,
    name: participant.name,
    metadata: participant.metadata,
    attributes: { ...participant.attributes },
    permissions: permissions(participant.permissions),
    isSpeaking: participant.isSpeaking,
    connectionQuality: participant.connectionQuality,
    tracks: Object.fromEntries([...participant.trackPublications.values()].map((p) => [p.source, publication(p)])),
  };
}

function permissions(granted) {
  if (!granted) return undefined;
  const { canPublish, canSubscribe, canPublishData, canPublishSources, canUpdateMetadata, hidden } = granted;
  return { canPublish, canSubscribe, canPublishData, canPublishSources, canUpdateMetadata, hidden };
}

function publication(p) {
  return {
    sid: p.trackSid,
    kind: p.kind,
    name: p.trackName,
    muted: p.isMuted,
    mimeType: p.mimeType,
    simulcasted: p.simulcasted,
    encrypted: p.isEncrypted,
    dimensions: p.dimensions && { ...p.dimensions },
    subscribed: p.isSubscribed,
    subscriptionStatus: p.subscriptionStatus,
    permissionStatus: p.permissionStatus,
    hasTrack: Boolean(p.track),
  };
}

async function encryption(passphrase) {
  const keyProvider = new livekit.ExternalE2EEKeyProvider();
  await keyProvider.setKey(passphrase);
  return { keyProvider, worker: new Worker('/livekit-client.e2ee.worker.mjs', { type: 'module' }) };
}

const withoutClient = new Set(['join', 'joinBySource', 'joinError', 'leave', ...Object.keys(timing.operations)]);
const operations = {
  ...lifecycle, ...identityAndSubscriptions, ...media.operations, ...messages.operations, ...timing.operations,
};

window.keepCameraRunning = media.keepCameraRunning;

/** The one entry point of the tests: runs an operation on the client with this key. */
window.perform = (operation, key, args) => {
  const run = operations[operation];
  if (!run) throw new Error(`the page has no operation ${operation}`);
  if (withoutClient.has(operation)) return run(key, ...args);
  const client = clients.get(key);
  if (!client) throw new Error(`the page has no client ${key}`);
  return run(client, ...args);
};
