// The form before the call: who, where, and a preview of what the others will see.

import { byId, icon } from './dom.js';

// Shows the form and resolves with { name, room } when it is sent; the media then are as the preview shows them.
export function askToJoin({ address, media, message }) {
  const listening = new AbortController();
  const { signal } = listening;
  show(address, message);
  media.name = byId('name').value;
  media.addEventListener('change', () => preview(media), { signal });
  media.addEventListener('note', ({ detail }) => { byId('media-note').textContent = detail; }, { signal });
  listen(media, signal);
  preview(media);
  if (!media.audio) media.start();

  return new Promise((resolve) => {
    byId('join-form').addEventListener('submit', (event) => {
      event.preventDefault();
      listening.abort();
      setBusy(true);
      resolve({ name: byId('name').value.trim(), room: byId('room').value.trim() });
    }, { signal });
  });
}

function show({ token, name, room }, message) {
  byId('call').hidden = true;
  byId('join').hidden = false;
  byId('join-message').hidden = !message;
  byId('join-message').textContent = message;
  for (const [id, value] of [['name', name], ['room', room]]) {
    byId(id).value ||= value;
    byId(id).readOnly = Boolean(token);
    byId(id).title = token ? 'Given by the token in the link' : '';
  }
  setBusy(false);
}

function setBusy(busy) {
  byId('join-button').disabled = busy;
  byId('join-button').textContent = busy ? 'Joining…' : 'Join';
}

function listen(media, signal) {
  const on = (id, event, act) => byId(id).addEventListener(event, act, { signal });
  on('preview-camera', 'click', () => media.setCameraOn(!media.cameraOn));
  on('preview-microphone', 'click', () => media.setMicrophoneOn(!media.microphoneOn));
  on('video-kind', 'change', ({ target }) => media.chooseVideo(target.value));
  on('audio-kind', 'change', ({ target }) => media.chooseAudio(target.value));
  on('name', 'change', ({ target }) => media.rename(target.value.trim()));
}

function preview(media) {
  const video = byId('preview-video');
  video.srcObject = media.video ? new MediaStream([media.video]) : null;
  video.classList.toggle('mirrored', media.videoKind === 'camera');
  byId('preview-off').hidden = media.cameraOn;
  byId('video-kind').value = media.videoKind;
  byId('audio-kind').value = media.audioKind;
  renderSwitch(byId('preview-camera'), 'cam', 'Camera', media.cameraOn);
  renderSwitch(byId('preview-microphone'), 'mic', 'Microphone', media.microphoneOn);
}

function renderSwitch(button, symbol, label, on) {
  button.replaceChildren(icon(on ? symbol : `${symbol}-off`));
  button.setAttribute('aria-pressed', String(on));
  button.setAttribute('aria-label', label);
  button.title = `Turn ${label.toLowerCase()} ${on ? 'off' : 'on'}`;
}
