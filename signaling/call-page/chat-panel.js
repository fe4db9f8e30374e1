// The chat: the messages so far and the line to write the next one.

import { MAX_CHARACTERS } from './chat.js';
import { byId, element, hueOf } from './dom.js';

const KEPT_MESSAGES = 500;

export class ChatPanel {
  #list = byId('messages');
  #input = byId('chat-text');

  // `onSend(text)` is called for a message that is not empty. The listeners end with the abort signal.
  constructor(onSend, signal) {
    this.#list.replaceChildren(element('li', { class: 'quiet' }, 'Messages go to everyone who is here now.'));
    this.#input.maxLength = MAX_CHARACTERS;
    byId('chat-form').addEventListener('submit', (event) => {
      event.preventDefault();
      const text = this.#input.value.trim();
      if (text) onSend(text);
      this.#input.value = '';
    }, { signal });
  }

  add({ name, text, at, local }) {
    const author = element('span', { class: 'author' }, local ? 'You' : name);
    author.style.setProperty('--hue', hueOf(name));
    const time = element('time', { datetime: at.toISOString() }, at.toTimeString().slice(0, 5));
    this.#list.append(element('li', { class: local ? 'message-own' : false }, author, time, element('p', {}, text)));
    while (this.#list.children.length > KEPT_MESSAGES) this.#list.firstElementChild.remove();
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  // An empty reason lets the user write.
  block(reason) {
    this.#input.disabled = Boolean(reason);
    this.#input.placeholder = reason || 'Message to everyone';
  }
}
