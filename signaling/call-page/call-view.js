// The call on the screen: joins what the session says with tiles, panels and controls.

import { invitation } from './address.js';
import { ChatPanel } from './chat-panel.js';
import { byId, icon } from './dom.js';
import { milliseconds, rate, renderFigures } from './figures-panel.js';
import { renderPeople } from './people.js';
import { Speaking } from './speaking.js';
import { Stats } from './stats.js';
import { Tiles } from './tiles.js';

const FIGURES_INTERVAL_MS = 1000;
const NOTICE_MS = 9000;
const PANELS = ['people', 'chat', 'figures'];

export class CallView {
  #session;
  #media;
  #listening = new AbortController();
  #tiles = new Tiles(byId('tiles'));
  #speaking = new Speaking((sid, speaking) => this.#tiles.setSpeaking(sid, speaking));
  #stats = new Stats();
  #chat;
  #unread = 0;
  #state = 'connected';
  #sentVideo;
  #sentMicrophoneOn;
  #figuresTimer = setInterval(() => this.#measure(), FIGURES_INTERVAL_MS);
  #noticeTimer;

  constructor(session, media) {
    this.#session = session;
    this.#media = media;
    this.#sentVideo = media.video;
    this.#sentMicrophoneOn = media.microphoneOn;
    const { signal } = this.#listening;
    this.#chat = new ChatPanel((text) => session.sendChat(text), signal);
    byId('join').hidden = true;
    byId('call').hidden = false;
    byId('room-name').textContent = session.room;
    byId('second-tab').href = invitation(session.room);
    this.#hear(signal);
    this.#listen(signal);
    this.#showPanel(null);
    this.#enter('connected');
  }

  close() {
    this.#listening.abort();
    clearInterval(this.#figuresTimer);
    clearTimeout(this.#noticeTimer);
    this.#speaking.close();
    this.#tiles.close();
    document.title = 'Sluice call';
  }

  #hear(signal) {
    const on = (source, event, act) => source.addEventListener(event, ({ detail }) => act(detail), { signal });
    on(this.#session, 'roster', () => this.#render());
    on(this.#session, 'state', (state) => this.#enter(state));
    on(this.#session, 'notice', (sentence) => this.#notice(sentence));
    on(this.#session, 'chat', (message) => this.#receive(message));
    on(this.#session, 'muted', ({ source }) => this.#turnOff(source));
    on(this.#media, 'change', () => this.#followMedia());
    on(this.#media, 'note', (sentence) => sentence && this.#notice(sentence));
  }

  #listen(signal) {
    const click = (target, act) => target.addEventListener('click', act, { signal });
    click(byId('microphone'), () => this.#toggleMicrophone());
    click(byId('camera'), () => this.#toggleCamera());
    click(byId('leave'), () => this.#session.leave());
    click(byId('copy-link'), () => this.#copyLink());
    click(byId('pulse'), () => this.#showPanel('figures'));
    for (const button of document.querySelectorAll('[data-panel]')) {
      const { panel } = button.dataset;
      click(button, () => this.#showPanel(byId(panel).hidden ? panel : null));
    }
    for (const button of document.querySelectorAll('[data-close]')) click(button, () => this.#showPanel(null));
    addEventListener('keydown', (event) => this.#key(event), { signal });
    addEventListener('pagehide', () => this.#session.leave(), { signal });
  }

  #key({ key, target, ctrlKey, metaKey, altKey }) {
    if (key === 'Escape') this.#showPanel(null);
    if (ctrlKey || metaKey || altKey || target.closest('input, select, textarea')) return;
    if (key === 'm') this.#toggleMicrophone();
    if (key === 'v') this.#toggleCamera();
  }

  #toggleMicrophone() {
    if (!byId('microphone').disabled) this.#media.setMicrophoneOn(!this.#media.microphoneOn);
  }

  #toggleCamera() {
    if (!byId('camera').disabled) this.#media.setCameraOn(!this.#media.cameraOn);
  }

  // By the server: an administrator muted the track, or the token does not allow it.
  #turnOff(source) {
    if (source === 'MICROPHONE') this.#media.setMicrophoneOn(false);
    if (source === 'CAMERA') this.#media.setCameraOn(false);
  }

  #followMedia() {
    const { video, audio, microphoneOn } = this.#media;
    if (video !== this.#sentVideo) this.#session.setTrack('CAMERA', video);
    if (microphoneOn !== this.#sentMicrophoneOn) this.#session.setTrack('MICROPHONE', audio, !microphoneOn);
    this.#sentVideo = video;
    this.#sentMicrophoneOn = microphoneOn;
    this.#render();
  }

  // Our own tile shows what the switches say, without waiting for the server.
  #participants() {
    const { roster } = this.#session;
    const { video, audio, cameraOn, microphoneOn, videoKind } = this.#media;
    return roster.participants().map((participant) => (participant.local
      ? {
        ...participant,
        video: { track: video, muted: !cameraOn, mirrored: videoKind === 'camera' },
        audio: { track: audio, muted: !microphoneOn },
      }
      : { ...participant, video: roster.mediaOf(participant, 'video'), audio: roster.mediaOf(participant, 'audio') }));
  }

  #render() {
    const participants = this.#participants();
    const { canPublish = false, canPublishData = false } = participants[0].permission ?? { canPublish: true, canPublishData: true };
    this.#tiles.render(participants);
    this.#speaking.watch(participants.filter(({ audio }) => audio?.track && !audio.muted).map(({ sid, audio }) => [sid, audio.track]));
    renderPeople(byId('people-list'), participants);
    byId('people-count').textContent = participants.length;
    byId('alone').hidden = participants.length > 1;
    document.title = `${this.#session.room} (${participants.length}) · Sluice call`;
    renderSwitch('microphone', 'mic', 'Mic', this.#media.microphoneOn, canPublish);
    renderSwitch('camera', 'cam', 'Camera', this.#media.cameraOn, canPublish);
    if (this.#state === 'reconnecting') this.#chat.block('Reconnecting…');
    else this.#chat.block(canPublishData ? '' : 'You may not write here');
  }

  #enter(state) {
    this.#state = state;
    clearTimeout(this.#noticeTimer);
    const banner = byId('banner');
    banner.hidden = state !== 'reconnecting';
    banner.textContent = 'The connection was lost. Reconnecting…';
    byId('pulse').dataset.state = state;
    byId('pulse-text').textContent = state;
    byId('pulse-rates').textContent = '';
    this.#render();
  }

  #notice(sentence) {
    if (this.#state === 'reconnecting') return;
    const banner = byId('banner');
    banner.textContent = sentence;
    banner.hidden = false;
    clearTimeout(this.#noticeTimer);
    this.#noticeTimer = setTimeout(() => { banner.hidden = true; }, NOTICE_MS);
  }

  #receive({ identity, text, at }) {
    const { roster } = this.#session;
    const local = identity === roster.local.identity;
    this.#chat.add({ name: roster.nameOf(identity), text, at, local });
    if (byId('chat').hidden) this.#setUnread(this.#unread + 1);
  }

  #setUnread(count) {
    this.#unread = count;
    byId('unread').hidden = count === 0;
    byId('unread').textContent = count;
  }

  #showPanel(name) {
    for (const panel of PANELS) {
      byId(panel).hidden = panel !== name;
      document.querySelector(`[data-panel=${panel}]`).setAttribute('aria-expanded', String(panel === name));
    }
    if (name !== 'chat') return;
    this.#setUnread(0);
    byId('chat-text').focus();
  }

  async #measure() {
    if (this.#state !== 'connected') return;
    const figures = await this.#stats.sample(this.#session.measured());
    byId('pulse-text').textContent = milliseconds(figures.roundTripMs);
    byId('pulse-rates').textContent = `↑ ${rate(figures.upload)} · ↓ ${rate(figures.download)}`;
    if (!byId('figures').hidden) renderFigures(byId('figures-body'), figures, (trackId) => this.#nameOfTrack(trackId));
  }

  #nameOfTrack(trackId) {
    const owner = this.#participants().find(({ video, audio }) => video?.track?.id === trackId || audio?.track?.id === trackId);
    return owner?.name ?? 'Someone';
  }

  async #copyLink() {
    const link = invitation(this.#session.room);
    try {
      await navigator.clipboard.writeText(link);
      this.#notice('The link to this room was copied.');
    } catch {
      this.#notice(`The link to this room: ${link}`);
    }
  }
}

function renderSwitch(id, symbol, label, on, allowed) {
  const button = byId(id);
  const text = document.createElement('span');
  text.textContent = label;
  button.replaceChildren(icon(on ? symbol : `${symbol}-off`), text);
  button.setAttribute('aria-pressed', String(on));
  button.disabled = !allowed;
  const key = button.getAttribute('aria-keyshortcuts').toUpperCase();
  button.title = allowed ? `Turn ${label.toLowerCase()} ${on ? 'off' : 'on'} (${key})` : 'This token may not publish';
}
