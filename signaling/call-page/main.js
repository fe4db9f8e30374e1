// The call page: a form, a call, and the form again.

import { fetchToken, readAddress } from './address.js';
import { CallView } from './call-view.js';
import { askToJoin } from './join-form.js';
import { LocalMedia } from './local-media.js';
import { sentenceForEnd, sentenceForRefusal } from './sentences.js';
import { Session } from './session.js';

const address = readAddress();
const media = new LocalMedia();
let message = '';
for (;;) {
  const { name, room } = await askToJoin({ address, media, message });
  try {
    const session = await join(name, room);
    message = await call(session);
  } catch (error) {
    message = sentenceForRefusal(error);
  }
}

async function join(name, room) {
  const session = new Session(address.token || (await fetchToken(room, name)));
  await session.setTrack('MICROPHONE', media.audio, !media.microphoneOn);
  await session.setTrack('CAMERA', media.video);
  await session.join();
  return session;
}

// Resolves with the sentence that says why the call is over.
function call(session) {
  const view = new CallView(session, media);
  return new Promise((resolve) => {
    session.addEventListener('ended', ({ detail }) => {
      view.close();
      resolve(sentenceForEnd(detail));
    });
  });
}
