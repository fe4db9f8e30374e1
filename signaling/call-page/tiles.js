// The tiles: one per participant, as large as the space allows.

import { element, hueOf, icon, initialsOf } from './dom.js';

const GAP = 12;

export class Tiles {
  #container;
  #tiles = new Map(); // sid -> Tile
  #resize = new ResizeObserver(() => this.#fit());

  constructor(container) {
    this.#container = container;
    container.replaceChildren();
    this.#resize.observe(container);
  }

  // Each participant has { sid, identity, name, local, video, audio }, where video and audio are null or
  // { track, muted } and a video may be `mirrored`.
  render(participants) {
    const present = new Set(participants.map(({ sid }) => sid));
    for (const [sid, tile] of this.#tiles) {
      if (present.has(sid)) continue;
      tile.remove();
      this.#tiles.delete(sid);
    }
    for (const participant of participants) {
      if (!this.#tiles.has(participant.sid)) this.#tiles.set(participant.sid, new Tile(this.#container, participant));
      this.#tiles.get(participant.sid).update(participant);
    }
    this.#fit();
  }

  setSpeaking(sid, speaking) {
    this.#tiles.get(sid)?.setSpeaking(speaking);
  }

  close() {
    this.#resize.disconnect();
    for (const tile of this.#tiles.values()) tile.remove();
  }

  // The number of columns that gives the largest tiles.
  #fit() {
    const { clientWidth: width, clientHeight: height } = this.#container;
    const shape = width < height ? 4 / 3 : 16 / 9;
    let best = 0;
    for (let columns = 1; columns <= this.#tiles.size; columns++) {
      const rows = Math.ceil(this.#tiles.size / columns);
      const byWidth = (width - GAP * (columns - 1)) / columns;
      const byHeight = ((height - GAP * (rows - 1)) / rows) * shape;
      best = Math.max(best, Math.min(byWidth, byHeight));
    }
    this.#container.style.setProperty('--tile-width', `${Math.floor(best)}px`);
    this.#container.style.setProperty('--tile-height', `${Math.floor(best / shape)}px`);
  }
}

class Tile {
  #root;
  #video = element('video', { autoplay: true, playsinline: true });
  #audio = element('audio', { autoplay: true });
  #avatar = element('div', { class: 'avatar', 'aria-hidden': 'true' });
  #name = element('span', { class: 'tile-name' });
  #marker = element('span', { class: 'tile-muted' }, icon('mic-off'));

  constructor(container, { sid, identity, name }) {
    const caption = element('div', { class: 'tile-caption' }, this.#marker, this.#name);
    this.#root = element('article', { class: 'tile', role: 'listitem', 'data-sid': sid, 'data-identity': identity });
    this.#root.append(this.#avatar, this.#video, this.#audio, caption);
    this.#root.style.setProperty('--hue', hueOf(name));
    // Sound comes from the audio element, so that it goes on while there is no picture.
    this.#video.muted = true;
    container.append(this.#root);
  }

  update({ name, local, video, audio }) {
    const shown = Boolean(video?.track) && !video.muted;
    const muted = !audio || audio.muted;
    play(this.#video, shown ? video.track : null);
    if (!local) play(this.#audio, audio?.track ?? null);
    this.#avatar.textContent = initialsOf(name);
    this.#name.textContent = local ? `${name} (you)` : name;
    this.#marker.hidden = !muted;
    this.#root.classList.toggle('has-video', shown);
    this.#root.classList.toggle('mirrored', Boolean(video?.mirrored));
    this.#root.setAttribute('aria-label', [
      local ? `${name}, you` : name,
      muted ? 'microphone off' : 'microphone on',
      shown ? 'camera on' : 'camera off',
    ].join(', '));
  }

  setSpeaking(speaking) {
    this.#root.classList.toggle('speaking', speaking);
  }

  remove() {
    play(this.#video, null);
    play(this.#audio, null);
    this.#root.remove();
  }
}

function play(player, track) {
  const playing = player.srcObject?.getTracks()[0] ?? null;
  if (playing === track) return;
  player.srcObject = track ? new MediaStream([track]) : null;
}
