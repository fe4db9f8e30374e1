// The few lines of DOM that every part of the page shares. Text from others enters the page only as text nodes.

export const byId = (id) => document.getElementById(id);

// `attributes` are set as attributes, except that false and undefined leave one out.
export function element(name, attributes = {}, ...children) {
  const created = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== false && value !== undefined) created.setAttribute(key, value === true ? '' : value);
  }
  created.append(...children);
  return created;
}

// `name` is one of the symbols in index.html.
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.append(use);
  return svg;
}

// A colour of its own for every name, the same in every browser.
export function hueOf(text) {
  let hash = 7;
  for (const character of text) hash = (hash * 31 + character.codePointAt(0)) % 360;
  return hash;
}

export function initialsOf(name) {
  const words = name.trim().split(/\s+/);
  const letters = words.length > 1 ? [words[0], words.at(-1)].map((word) => [...word][0]) : [...words[0]].slice(0, 2);
  return letters.join('').toUpperCase();
}
