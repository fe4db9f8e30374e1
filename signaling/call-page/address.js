// What the page's address says about the call, and the tokens that the node hands out.
//
// `name`, `room` and `token` may stand in the fragment or in the query. The fragment is the better place, for a
// browser does not send it and so it stays out of logs; a token in the query is moved out of sight at once.

import { Refusal } from './signal.js';

const BIRDS = ['Avocet', 'Bittern', 'Curlew', 'Dipper', 'Egret', 'Grebe', 'Heron', 'Kingfisher', 'Lapwing', 'Osprey', 'Plover', 'Sandpiper', 'Teal', 'Wagtail'];
const DEFAULT_ROOM = 'lobby';

export function readAddress() {
  const query = new URLSearchParams(location.search);
  const fragment = new URLSearchParams(location.hash.slice(1));
  const value = (key) => fragment.get(key) ?? query.get(key) ?? '';
  const token = value('token');
  if (query.has('token')) history.replaceState(null, '', `${location.pathname}#token=${token}`);
  const claims = token ? claimsOf(token) : {};
  return {
    token,
    name: claims.name || claims.sub || value('name') || randomName(),
    room: claims.video?.room || value('room') || DEFAULT_ROOM,
  };
}

export function invitation(room) {
  return `${location.origin}${location.pathname}#${new URLSearchParams({ room })}`;
}

// A node in development mode gives everyone a token with an identity of its own, so that every tab is another
// participant. Rejects with Refusal.
export async function fetchToken(room, name) {
  const response = await fetch(`/call/token?${new URLSearchParams({ room, name })}`).catch(() => null);
  if (!response) throw new Refusal(0, 'The node cannot be reached.');
  if (response.status === 404) throw new Error('This node hands out no tokens; it does so in development mode only. Open a link that has one.');
  if (!response.ok) throw new Refusal(response.status, (await response.text()).trim());
  return (await response.json()).token;
}

// Read without verifying, only to show the name and the room: the node is the one who judges a token.
function claimsOf(token) {
  try {
    const payload = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)) ?? {};
  } catch {
    return {};
  }
}

function randomName() {
  return `${BIRDS[Math.floor(Math.random() * BIRDS.length)]} ${Math.floor(Math.random() * 90) + 10}`;
}
