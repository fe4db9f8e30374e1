// Why there is no call, in words that help.

import { Refusal } from './signal.js';

// A server may repeat the token in its answer; on the screen it would only be in the way.
const TOKEN = /[\w-]{20,}\.[\w-]+\.[\w-]+/g;

export function sentenceForRefusal(error) {
  if (!(error instanceof Refusal) || error.status === 0) return error.message;
  const reason = error.message.replace(TOKEN, '…');
  switch (error.status) {
    case 401:
    case 403: return `The node refuses the token: ${reason}. Ask for another link.`;
    case 404: return `The node does not know this room: ${reason}.`;
    case 503: return `The node is full: ${reason}. Try again later.`;
    default: return `The node refuses the join (${error.status}): ${reason}.`;
  }
}

// `reason` is one of the session's own words, or a DisconnectReason of LiveKit.
export function sentenceForEnd({ reason, refusal }) {
  switch (reason) {
    case 'left': return 'You left the call.';
    case 'refused': return sentenceForRefusal(refusal);
    case 'unreachable': return 'The connection was lost and the node could not be reached again.';
    case 'DUPLICATE_IDENTITY': return 'You joined with the same token somewhere else, and a token is good for one place at a time.';
    case 'SERVER_SHUTDOWN': return 'The node was shut down.';
    case 'PARTICIPANT_REMOVED': return 'You were removed from the room.';
    case 'ROOM_DELETED':
    case 'ROOM_CLOSED': return 'The room was closed.';
    case 'CONNECTION_TIMEOUT': return 'The node did not hear from this page any more.';
    default: return `The node ended the call (${reason}).`;
  }
}
