// Times of joins, taken inside the page so that the driver's own delay does not count.
import { Room } from '/livekit-client.mjs';

export const operations = {
  /** Joins and leaves; returns the milliseconds from the call to `connected`. */
  async timeJoin(_key, { url, token }) {
    const room = new Room();
    const started = performance.now();
    await room.connect(url, token);
    const elapsed = performance.now() - started;
    await room.disconnect();
    return elapsed;
  },

  /** Joins a room where someone publishes a picture; returns the milliseconds until a frame of it is shown. */
  async timeFirstFrame(_key, { url, token }) {
    const room = new Room();
    const shown = new Promise((resolve) => {
      room.on('trackSubscribed', (track) => {
        if (track.kind !== 'video') return;
        const element = track.attach();
        element.requestVideoFrameCallback(() => resolve(performance.now()));
        document.body.append(element);
      });
    });
    const started = performance.now();
    await room.connect(url, token);
    const elapsed = await shown - started;
    document.querySelectorAll('video').forEach((element) => element.remove());
    await room.disconnect();
    return elapsed;
  },

  /** Joins with every token at once; returns the milliseconds until each client lists all others. */
  async timeMeeting(_key, { url, tokens }) {
    const rooms = tokens.map(() => new Room());
    const started = performance.now();
    const complete = rooms.map((room) => new Promise((resolve) => {
      const check = () => room.remoteParticipants.size >= tokens.length - 1 && resolve();
      room.on('participantConnected', check);
      room.on('signalConnected', check);
      room.on('connected', check);
    }));
    await Promise.all(rooms.map((room, index) => room.connect(url, tokens[index])));
    await Promise.all(complete);
    const elapsed = performance.now() - started;
    await Promise.all(rooms.map((room) => room.disconnect()));
    return elapsed;
  },
};
