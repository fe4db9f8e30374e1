// The figures of the connection as tables.

import { element } from './dom.js';

const LAYER_NAMES = { q: 'low', h: 'medium', f: 'high' };

// `nameOf(trackId)` names the participant whose track is received.
export function renderFigures(container, figures, nameOf) {
  container.replaceChildren(
    facts([
      ['Media path', figures.path || 'none yet', 'path'],
      ['Round trip', milliseconds(figures.roundTripMs), 'round-trip'],
      ['Streams', `${figures.sending.length} up, ${figures.receiving.length} down`, 'streams'],
      ['Upload', rate(figures.upload), 'upload'],
      ['Download', rate(figures.download), 'download'],
      ['Loss up', percent(figures.lossUp), 'loss-up'],
      ['Loss down', percent(figures.lossDown), 'loss-down'],
    ]),
    element('h3', {}, 'Sending'),
    ...streams(figures.sending, ({ kind, layer, limit }) => [
      kind === 'audio' ? 'Sound' : `Picture${layer ? `, ${LAYER_NAMES[layer] ?? layer}` : ''}`,
      limit && limit !== 'none' ? `limited by ${limit}` : '',
    ]),
    element('h3', {}, 'Receiving'),
    ...streams(figures.receiving, ({ trackId, kind, jitterMs }) => [
      `${nameOf(trackId)}, ${kind === 'audio' ? 'sound' : 'picture'}`,
      `jitter ${milliseconds(jitterMs)}`,
    ]),
  );
}

export function rate(bitsPerSecond) {
  if (bitsPerSecond >= 1e6) return `${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s`;
  return `${Math.round(bitsPerSecond / 1e3)} kbit/s`;
}

export function milliseconds(value) {
  return value < 1 ? '< 1 ms' : `${Math.round(value)} ms`;
}

function percent(fraction) {
  return `${(fraction * 100).toFixed(1)} %`;
}

function facts(rows) {
  const list = element('dl', { class: 'facts' });
  for (const [label, value, key] of rows) {
    list.append(element('div', {}, element('dt', {}, label), element('dd', { 'data-figure': key }, value)));
  }
  return list;
}

function streams(rows, describe) {
  if (rows.length === 0) return [element('p', { class: 'quiet' }, 'Nothing')];
  return rows.map((row) => {
    const [title, remark] = describe(row);
    const moving = row.framesPerSecond === undefined ? '' : `${Math.round(row.framesPerSecond)} fps`;
    const details = [row.codec, row.size, moving, remark].filter(Boolean).join(' · ');
    return element('div', { class: 'stream', 'data-kind': row.kind },
      element('span', { class: 'stream-title' }, title),
      element('span', { class: 'stream-rate' }, rate(row.rate)),
      element('span', { class: 'stream-details' }, details));
  });
}
