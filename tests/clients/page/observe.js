// A log of livekit-client's room events in plain JSON, and waiting for an entry of it.

const describers = {
  disconnected: (reason) => ({ reason }),
  connectionStateChanged: (state) => ({ state }),
  participantConnected: (p) => ({ identity: p.identity }),
  participantDisconnected: (p, reason) => ({ identity: p.identity, reason }),
  participantActive: (p) => ({ identity: p.identity }),
  trackPublished: remoteTrack,
  trackUnpublished: remoteTrack,
  trackSubscribed: (_track, publication, p) => remoteTrack(publication, p),
  trackUnsubscribed: (_track, publication, p) => remoteTrack(publication, p),
  trackSubscriptionFailed: (sid, p, error) => ({ sid, identity: p.identity, error }),
  trackStreamStateChanged: (publication, state, p) => ({ ...remoteTrack(publication, p), state }),
  trackMuted: remoteTrack,
  trackUnmuted: remoteTrack,
  localTrackPublished: (publication) => ({ source: publication.source, sid: publication.trackSid }),
  localTrackUnpublished: (publication) => ({ source: publication.source, sid: publication.trackSid }),
  localTrackSubscribed: (publication) => ({ source: publication.source, sid: publication.trackSid }),
  participantMetadataChanged: (previous, p) => ({ identity: p.identity, metadata: p.metadata, previous }),
  participantNameChanged: (name, p) => ({ identity: p.identity, name }),
  participantAttributesChanged: (changed, p) => ({ identity: p.identity, changed: { ...changed } }),
  participantPermissionsChanged: (_previous, p) => ({ identity: p.identity, canPublish: p.permissions?.canPublish }),
  trackSubscriptionPermissionChanged: (publication, status, p) => ({ ...remoteTrack(publication, p), status }),
  trackSubscriptionStatusChanged: (publication, status, p) => ({ ...remoteTrack(publication, p), status }),
  roomMetadataChanged: (metadata) => ({ metadata }),
  activeSpeakersChanged: (speakers) => ({ identities: speakers.map((p) => p.identity) }),
  connectionQualityChanged: (quality, p) => ({ quality, identity: p.identity }),
  moved: (room) => ({ room }),
  encryptionError: (error) => ({ message: error.message }),
};

function remoteTrack(publication, participant) {
  return { identity: participant.identity, source: publication.source, sid: publication.trackSid };
}

/** Records every room event of `client` in its `events`, with the describers' details where there are any. */
export function observe(client, RoomEvent) {
  for (const name of Object.values(RoomEvent)) {
    client.room.on(name, (...args) => {
      const details = describers[name]?.(...args) ?? {};
      client.events.push({ event: name, at: performance.now(), ...details });
    });
  }
}

/**
 * Waits for an event `name` whose details contain `match`, looking also at those recorded from index `from` on.
 * Fails with the events that did come.
 */
export async function waitForEvent(client, name, match = {}, within = 15_000, from = 0) {
  const fits = (entry) => entry.event === name
    && Object.entries(match).every(([key, value]) => JSON.stringify(entry[key]) === JSON.stringify(value));
  const deadline = performance.now() + within;
  while (performance.now() < deadline) {
    const found = client.events.slice(from).find(fits);
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const seen = client.events.slice(from).map(({ at: _at, ...rest }) => JSON.stringify(rest));
  throw new Error(`no event ${name} ${JSON.stringify(match)} within ${within} ms; seen:\n${seen.join('\n')}`);
}
