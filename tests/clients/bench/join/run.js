// How long joins take and what they cost the server, side by side for any number of servers.
//
//   node bench/join/run.js [--joins=50] [--measures=memory,chromium,python,frame,meeting] name=binary|name=ws://host:port=pid ...
//
// A binary is started on free ports; a running server needs its process id for CPU and memory (SLUICE_API_KEY and
// SLUICE_API_SECRET hold its key: devkey and secret by default). The servers take turns within each measure. Joins are
// made by Chromium with livekit-client and by the Python SDK, both with one peer connection, each in a room of its own.
import { startChromium } from '../../lib/chromium.js';
import { servePages } from '../../lib/pages.js';
import { Participant } from '../../lib/participant.js';
import { runningServer, startBinary } from '../../lib/server.js';
import { freshRoom, participantToken } from '../../lib/token.js';
import { cpuNanoseconds, residentBytes } from './process.js';
import { startPython } from './python.js';

const WARM_UP_JOINS = 5;
const IDLE_PARTICIPANTS = 60;
const PER_ROOM = 10;
const MEETINGS = 7;
const SETTLE_MS = 4_000;
/**
 * Between joins to a first frame. Servers ask a publisher for a key frame of one layer at most every 500 ms: without a
 * pause, that is what would be measured. The random part spreads the joins over the time from one frame to the next.
 */
const KEY_FRAME_PAUSE_MS = 600;
const FRAME_RATE = 15;

const options = process.argv.slice(2).filter((argument) => argument.startsWith('--'));
const option = (name) => options.find((given) => given.startsWith(`--${name}=`))?.split('=')[1];
const joins = Number(option('joins') ?? 50);
const specifications = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
if (specifications.length === 0) {
  console.error('name at least one server: name=binary or name=ws://host:port=pid');
  process.exit(2);
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const percentile = (values, share) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.ceil(values.length * share) - 1)];

async function openServer(specification) {
  const [name, target, pid] = specification.split('=');
  return { name, ...await (target.startsWith('ws') ? runningServer(target, Number(pid)) : startBinary(target, {})) };
}

const token = (server, room, identity) => participantToken(server, { room, identity });
const tokens = (server, room, count) => Promise.all(Array.from({ length: count }, (_, number) => token(server, room, `p${number}`)));
const inPage = (page, operation, argument) => page.evaluate(([name, value]) => window.perform(name, '', [value]), [operation, argument]);

/** Runs `join` one after another; returns the times and the server's CPU for each join and leave. */
async function series(server, join, rest = async () => {}) {
  for (let number = 0; number < WARM_UP_JOINS; number += 1) await join();
  const idle = await idleCpuShare(server);
  const [startedAt, cpu] = [performance.now(), cpuNanoseconds(server.pid)];
  const times = [];
  for (let number = 0; number < joins; number += 1) {
    await rest();
    times.push(await join());
  }
  await pause(500);
  const used = (cpuNanoseconds(server.pid) - cpu) / 1e6 - idle * (performance.now() - startedAt);
  return { times, cpuPerJoin: used / joins };
}

/** The share of one core that the server uses while nothing happens. */
async function idleCpuShare(server) {
  await pause(1_000);
  const [startedAt, cpu] = [performance.now(), cpuNanoseconds(server.pid)];
  await pause(2_000);
  return (cpuNanoseconds(server.pid) - cpu) / 1e6 / (performance.now() - startedAt);
}

const MEASURES = {
  memory: async ({ server, python }) => {
    // First of all, on a server whose memory holds no garbage of other measures.
    for (let number = 0; number < WARM_UP_JOINS; number += 1) {
      await python.do({ do: 'join', url: server.url, token: await token(server, freshRoom(), 'joiner') });
    }
    await pause(SETTLE_MS);
    const before = residentBytes(server.pid);
    const rooms = Array.from({ length: IDLE_PARTICIPANTS / PER_ROOM }, () => freshRoom());
    const everyone = (await Promise.all(rooms.map((room) => tokens(server, room, PER_ROOM)))).flat();
    await python.do({ do: 'stay', url: server.url, tokens: everyone });
    await pause(SETTLE_MS);
    const after = residentBytes(server.pid);
    await python.do({ do: 'leave' });
    return {
      'memory per idle participant (kB)': (after - before) / 1000 / IDLE_PARTICIPANTS,
      'memory of the server with them (MB)': after / 1e6,
    };
  },
  chromium: async ({ server, page }) => {
    const { times, cpuPerJoin } = await series(server, async () => {
      return inPage(page, 'timeJoin', { url: server.url, token: await token(server, freshRoom(), 'joiner') });
    });
    return {
      'Chromium: join to connected, p50 (ms)': percentile(times, 0.5),
      'Chromium: join to connected, p95 (ms)': percentile(times, 0.95),
      'Chromium: server CPU per join (ms)': cpuPerJoin,
    };
  },
  python: async ({ server, python }) => {
    const { times, cpuPerJoin } = await series(server, async () => {
      return python.do({ do: 'join', url: server.url, token: await token(server, freshRoom(), 'joiner') });
    });
    return {
      'Python: join to connected, p50 (ms)': percentile(times, 0.5),
      'Python: join to connected, p95 (ms)': percentile(times, 0.95),
      'Python: server CPU per join (ms)': cpuPerJoin,
    };
  },
  frame: async ({ server, page, publisherPage }) => {
    const room = freshRoom();
    const publisher = new Participant(publisherPage, server, { room, identity: 'publisher' });
    await publisher.join();
    await publisher.publishVideo({ drawn: { width: 320, height: 180, frameRate: FRAME_RATE } });
    const join = async () => inPage(page, 'timeFirstFrame', { url: server.url, token: await token(server, room, 'joiner') });
    const spaced = await series(server, join, () => pause(KEY_FRAME_PAUSE_MS + Math.random() * 1_000 / FRAME_RATE));
    // Each second one comes as soon as the first has seen a frame.
    const late = [];
    for (let number = 0; number < joins; number += 1) {
      await pause(2 * KEY_FRAME_PAUSE_MS);
      await join();
      late.push(await join());
    }
    await publisher.leave();
    return {
      'Chromium: join to first frame, p50 (ms)': percentile(spaced.times, 0.5),
      'Chromium: join to first frame, p95 (ms)': percentile(spaced.times, 0.95),
      'Chromium: to first frame right after another, p50 (ms)': percentile(late, 0.5),
      'Chromium: to first frame right after another, p95 (ms)': percentile(late, 0.95),
    };
  },
  meeting: async ({ server, page, python }) => {
    const [inChromium, inPython] = [[], []];
    for (let number = 0; number < MEETINGS; number += 1) {
      inChromium.push(await inPage(page, 'timeMeeting', { url: server.url, tokens: await tokens(server, freshRoom(), 10) }));
      inPython.push(await python.do({ do: 'meet', url: server.url, tokens: await tokens(server, freshRoom(), 10) }));
    }
    return {
      'Chromium: ten at once see each other, p50 (ms)': percentile(inChromium, 0.5),
      'Python: ten at once see each other, p50 (ms)': percentile(inPython, 0.5),
    };
  },
};

function table(results) {
  const names = [...results.keys()];
  const [first, ...others] = names;
  const format = (value) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
  const header = ['', ...names, ...others.map((other) => `${first}/${other}`)];
  const rows = Object.keys(results.get(first)).map((measure) => [
    measure,
    ...names.map((name) => format(results.get(name)[measure])),
    ...others.map((other) => (results.get(first)[measure] / results.get(other)[measure]).toFixed(2)),
  ]);
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column].length)));
  return [header, ...rows].map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('  ')).join('\n');
}

const measures = option('measures')?.split(',') ?? Object.keys(MEASURES);
const unknown = measures.filter((name) => !MEASURES[name]);
if (unknown.length > 0) {
  console.error(`no such measure: ${unknown.join(', ')} (there are ${Object.keys(MEASURES).join(', ')})`);
  process.exit(2);
}
const servers = [];
for (const specification of specifications) servers.push(await openServer(specification));
const pages = await servePages();
const chromium = await startChromium(pages.url, { camera: false });
const python = startPython();
const results = new Map(servers.map(({ name }) => [name, {}]));
try {
  const [page, publisherPage] = [await chromium.page(), await chromium.page()];
  for (const measure of measures) {
    for (const server of servers) {
      const figures = await MEASURES[measure]({ server, page, publisherPage, python });
      Object.assign(results.get(server.name), figures);
      for (const [name, value] of Object.entries(figures)) console.error(`${server.name}: ${name} = ${value.toFixed(2)}`);
    }
  }
  console.log(`\n${joins} joins each\n${table(results)}`);
} finally {
  python.close();
  await chromium.close();
  await pages.close();
  for (const server of servers) await server.stop();
}
