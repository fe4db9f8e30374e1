// Who is in the room, as the server tells it, and which media tracks have arrived from them.

export class Roster {
  #participants = new Map(); // sid -> participant
  #media = new Map(); // track sid -> MediaStreamTrack
  #localSid = '';

  reset(local, others) {
    this.#participants.clear();
    this.#media.clear();
    this.#localSid = local.sid;
    for (const info of [local, ...others]) this.apply(info);
  }

  // Updates may overtake each other when a session is resumed: the version decides which is the later one.
  apply(info) {
    const known = this.#participants.get(info.sid);
    if (known && (info.version ?? 0) < known.version) return;
    if (info.state === 'DISCONNECTED' && info.sid !== this.#localSid) {
      this.#participants.delete(info.sid);
      return;
    }
    this.#participants.set(info.sid, {
      sid: info.sid,
      identity: info.identity ?? '',
      name: info.name || info.identity || 'Unnamed',
      version: info.version ?? 0,
      local: info.sid === this.#localSid,
      permission: info.permission,
      tracks: info.tracks ?? [],
    });
  }

  attach(trackSid, track) {
    this.#media.set(trackSid, track);
  }

  get local() {
    return this.#participants.get(this.#localSid);
  }

  // We come first, the others in the order in which they were heard of.
  participants() {
    return [...this.#participants.values()].sort((a, b) => Number(b.local) - Number(a.local));
  }

  nameOf(identity) {
    return this.participants().find((participant) => participant.identity === identity)?.name ?? identity;
  }

  // `kind` is 'audio' or 'video'. Returns { muted, track } or null when the participant publishes none;
  // `track` is undefined until its media arrives.
  mediaOf(participant, kind) {
    const type = kind.toUpperCase();
    // protojson leaves out default values, and AUDIO is one.
    const published = participant.tracks.filter((track) => (track.type ?? 'AUDIO') === type);
    // Other clients may share a screen beside their camera: the tile shows what is not muted.
    const info = published.find((track) => !track.muted) ?? published[0];
    return info ? { muted: info.muted ?? false, track: this.#media.get(info.sid) } : null;
  }
}
