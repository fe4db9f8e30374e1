// The list of people, each with the state of microphone and camera.

import { element, hueOf, icon, initialsOf } from './dom.js';

export function renderPeople(list, participants) {
  list.replaceChildren(...participants.map(({ name, identity, local, video, audio }) => {
    const avatar = element('span', { class: 'avatar small', 'aria-hidden': 'true' }, initialsOf(name));
    avatar.style.setProperty('--hue', hueOf(name));
    return element('li', { 'data-identity': identity },
      avatar,
      element('span', { class: 'person' }, local ? `${name} (you)` : name, element('small', {}, identity)),
      device('mic', 'Microphone', Boolean(audio) && !audio.muted),
      device('cam', 'Camera', Boolean(video) && !video.muted));
  }));
}

function device(symbol, label, on) {
  const state = `${label} ${on ? 'on' : 'off'}`;
  return element('span', { class: on ? 'device' : 'device off', role: 'img', 'aria-label': state, title: state }, icon(on ? symbol : `${symbol}-off`));
}
