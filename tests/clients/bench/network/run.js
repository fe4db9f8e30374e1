// What participants get on a bad network, side by side for any number of servers.
//
//   LOADTEST_BIN=... node bench/network/run.js [--cases=TEXT;...] name=binary ...
//
// Needs root: `loadtest link` makes the network. The server is at its near end; at its far end the subscriber is, or the
// publisher where its own loss is tried; both are Chromium with livekit-client. The servers take turns within each case. A binary takes LiveKit's
// configuration by --config-body.
import { startBinary } from '../../lib/server.js';
import { freshRoom } from '../../lib/token.js';
import { CASES, MEASURED_S, OUTAGE_S, TROUBLE_S } from './cases.js';
import { NEAR, startActor, startLink } from './process.js';

const options = process.argv.slice(2).filter((argument) => argument.startsWith('--'));
const wanted = options.find((given) => given.startsWith('--cases='))?.slice('--cases='.length).split(';');
const servers = process.argv.slice(2).filter((argument) => !argument.startsWith('--')).map((argument) => {
  const [name, binary] = argument.split('=');
  return { name, binary };
});
const cases = CASES.filter(({ name }) => !wanted || wanted.some((text) => name.includes(text)));
if (servers.length === 0 || cases.length === 0) {
  console.error(`name at least one server: name=binary. Cases (--cases=TEXT;...):\n${CASES.map(({ name }) => `  ${name}`).join('\n')}`);
  process.exit(2);
}

const CONFIG = {
  bind_addresses: ['127.0.0.1', NEAR],
  rtc: { node_ip: NEAR, enable_loopback_candidate: false, tcp_port: 0, allow_tcp_fallback: false },
};

/** How often a case is begun again when the machine is too busy for everybody to join in time. */
const ATTEMPTS = 3;
class TooBusy extends Error {}

const until = (time) => new Promise((resolve) => setTimeout(resolve, Math.max(0, time - Date.now())));

async function measure(server, { script, audio, video, fast, back, up, fieldTrials }) {
  const link = await startLink(script);
  const owned = [() => link.end()];
  try {
    const node = await startBinary(server.binary, CONFIG);
    owned.unshift(() => node.stop());
    const at = { ...node, url: node.url.replace('127.0.0.1', NEAR), http: undefined };
    const room = freshRoom('network');
    const actor = async (identity, namespace) => {
      const started = startActor(namespace, fieldTrials);
      owned.unshift(() => started.end());
      await started.perform('start', at, { room, identity });
      return started;
    };
    const [publisher, subscriber] = await Promise.all([actor('publisher', up && link.far), actor('subscriber', up ? undefined : link.far)]);
    const neighbour = fast ? await actor('neighbour') : undefined;
    if (audio) await publisher.perform('publishAudio', audio);
    if (video) await publisher.perform('publishVideo', video);
    const watching = [subscriber, neighbour].filter(Boolean);
    for (const one of watching) {
      if (audio) await one.perform('hearsAudio', 'publisher');
      if (video) await one.perform('decodesVideo', 'publisher');
    }
    const trouble = link.begunAt + TROUBLE_S * 1_000;
    if (Date.now() > trouble) throw new TooBusy('the machine is too busy: not everybody had joined before the trouble began');
    await until(trouble);
    const seconds = MEASURED_S + (back ? OUTAGE_S : 0);
    const received = (one) => Promise.all([
      audio && one.perform('received', 'publisher', 'microphone'),
      video && one.perform('received', 'publisher', 'camera'),
    ]);
    const before = [];
    for (const one of watching) before.push(await received(one));
    const shown = back && await subscriber.perform('shownAt', 'publisher', 'camera', seconds * 1_000);
    await until(trouble + seconds * 1_000);
    const after = [];
    for (const one of watching) after.push(await received(one));
    const figures = {};
    watching.forEach((one, index) => {
      const whose = one === neighbour ? 'the neighbour: ' : '';
      Object.assign(figures, differences(whose, seconds, before[index], after[index]));
    });
    if (back) {
      const over = trouble + OUTAGE_S * 1_000;
      const first = shown.find((time) => time > over);
      figures['picture back after (s)'] = first === undefined ? Infinity : (first - over) / 1_000;
    }
    return figures;
  } finally {
    for (const end of owned) await end();
  }
}

/** What came between two readings of getStats. */
function differences(whose, seconds, [soundBefore, before], [soundAfter, after]) {
  const figures = {};
  const growth = (from, to, name) => (to[name] ?? 0) - (from[name] ?? 0);
  if (soundAfter) {
    const samples = growth(soundBefore, soundAfter, 'totalSamplesReceived');
    figures[`${whose}audio concealed (%)`] = 100 * growth(soundBefore, soundAfter, 'concealedSamples') / samples;
  }
  if (after) {
    figures[`${whose}frames per second`] = growth(before, after, 'framesDecoded') / seconds;
    figures[`${whose}frozen (s)`] = growth(before, after, 'totalFreezesDuration');
    figures[`${whose}video (kbit/s)`] = growth(before, after, 'bytesReceived') * 8 / 1_000 / seconds;
    figures[`${whose}picture in the end (lines)`] = after.frameHeight ?? 0;
  }
  return figures;
}

/** The figures of a case; what a server cannot do is a result too. */
async function figuresOf(server, one) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await measure(server, one);
    } catch (error) {
      console.error(`${one.name}: ${server.name}: ${error.message}`);
      if (!(error instanceof TooBusy) || attempt === ATTEMPTS) return { failed: error.message.split('\n')[0] };
    }
  }
}

const rows = [];
for (const one of cases) {
  const columns = [];
  for (const server of servers) {
    const figures = await figuresOf(server, one);
    console.error(`${one.name}: ${server.name}: ${JSON.stringify(figures)}`);
    columns.push(figures);
  }
  for (const figure of new Set(columns.flatMap(Object.keys))) rows.push([one.name, figure, columns.map((column) => column[figure])]);
}

const shown = (value) => (typeof value === 'number' ? value.toFixed(Math.abs(value) >= 100 ? 0 : 2) : value ?? '-');
console.log(`\n| case | figure | ${servers.map(({ name }) => name).join(' | ')} |`);
console.log(`|---|---|${'---|'.repeat(servers.length)}`);
for (const [name, figure, columns] of rows) console.log(`| ${name} | ${figure} | ${columns.map(shown).join(' | ')} |`);
