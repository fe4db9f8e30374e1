// One participant in a Chromium of its own, for a network namespace of its own: `ip netns exec NAME node actor.js`.
// An argument is libwebrtc's field trials.
//
// Reads one JSON array a line from standard input, and writes one JSON object a line: ["start", server, { room, identity }]
// first, then the operations of Participant with their arguments.
import readline from 'node:readline';

import { startChromium } from '../../lib/chromium.js';
import { servePages } from '../../lib/pages.js';
import { Participant } from '../../lib/participant.js';

const pages = await servePages();
const chromium = await startChromium(pages.url, { camera: false, fieldTrials: process.argv[2] });
let participant;

async function perform([operation, ...args]) {
  if (operation !== 'start') return participant[operation](...args);
  const [server, options] = args;
  participant = new Participant(await chromium.page(), server, options);
  return participant.join();
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const answer = await perform(JSON.parse(line)).then((result) => ({ result }), (error) => ({ error: error.message }));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await chromium.close();
await pages.close();
