// The server under test: one that runs already (SLUICE_URL), or one started from a binary (SLUICE_BIN) on free ports.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { freeTcpPort, freeUdpPort } from './ports.js';
import { until } from './until.js';

const START_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 5_000;
const OWN_KEY = 'testkey';
const OWN_SECRET = 'a-secret-of-the-tests-with-more-than-32-characters';

/** True when the tests were pointed at a server whose configuration they cannot choose. */
export const serverIsGiven = Boolean(process.env.SLUICE_URL);

/**
 * Returns the server to test: `{ url, http, apiKey, apiSecret, pid, stop() }`, and with `metrics` (a URL) if it is started here.
 *
 * `config` is merged into the configuration of a server that this call starts; it has no effect on a given one.
 */
export async function startServer(config = {}) {
  if (serverIsGiven) return runningServer(process.env.SLUICE_URL, Number(process.env.SLUICE_PID) || undefined);
  const binary = process.env.SLUICE_BIN;
  if (!binary) throw new Error('set SLUICE_URL (with SLUICE_API_KEY and SLUICE_API_SECRET) or SLUICE_BIN');
  return startBinary(binary, config);
}

/** A server that runs already. Its key is in SLUICE_API_KEY and SLUICE_API_SECRET: `devkey` and `secret` by default. */
export function runningServer(address, pid) {
  const url = address.replace(/\/$/, '');
  return {
    url,
    http: url.replace(/^ws/, 'http'),
    apiKey: process.env.SLUICE_API_KEY ?? 'devkey',
    apiSecret: process.env.SLUICE_API_SECRET ?? 'secret',
    pid,
    stop: async () => {},
  };
}

/** Starts `binary` on free ports; `config` may be a function of that of HTTP. */
export async function startBinary(binary, config) {
  const [port, tcpPort, metricsPort] = [await freeTcpPort(), await freeTcpPort(), await freeTcpPort()];
  const udpPort = await freeUdpPort();
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-data-'));
  const own = typeof config === 'function' ? config(port) : config;
  const body = {
    port,
    prometheus: { port: metricsPort },
    bind_addresses: ['127.0.0.1'],
    keys: { [OWN_KEY]: OWN_SECRET },
    data_dir: dataDir,
    ...own,
    rtc: {
      tcp_port: tcpPort,
      udp_port: udpPort,
      node_ip: '127.0.0.1',
      enable_loopback_candidate: true,
      use_external_ip: false,
      ...own.rtc,
    },
  };
  const logFile = path.join(logDirectory(), `server-${port}.log`);
  const log = fs.openSync(logFile, 'a');
  const http = `http://127.0.0.1:${port}`;
  let child;
  let ended;
  const start = async () => {
    ended = undefined;
    // JSON is YAML: the configuration needs no second syntax here.
    child = spawn(binary, ['--config-body', JSON.stringify(body)], { stdio: ['ignore', log, log] });
    child.once('exit', (code, signal) => { ended = `exit code ${code}, signal ${signal}`; });
    child.once('error', (error) => { ended = error.message; });
    await until(`${binary} answers on ${http}`, async () => {
      if (ended) return true;
      return (await fetch(http)).ok;
    }, { within: START_TIMEOUT_MS });
    if (ended) throw new Error(`the server ended at once (${ended}):\n${tail(logFile)}`);
  };
  await start();

  const end = async () => {
    if (ended) throw new Error(`the server ended during the tests (${ended}):\n${tail(logFile)}`);
    child.kill('SIGTERM');
    const gone = new Promise((resolve) => child.once('exit', resolve));
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await gone;
    clearTimeout(force);
  };
  const restart = async () => {
    await end();
    await start();
  };
  const stop = async () => {
    await end();
    fs.rmSync(dataDir, { recursive: true, force: true });
  };
  const metrics = `http://127.0.0.1:${metricsPort}/metrics`;
  return {
    url: `ws://127.0.0.1:${port}`, http, metrics, apiKey: OWN_KEY, apiSecret: OWN_SECRET,
    pid: child.pid, udpPort, tcpPort, logFile, stop, restart,
  };
}

function logDirectory() {
  const directory = process.env.SLUICE_TEST_LOGS ?? path.join(os.tmpdir(), 'sluice-client-tests');
  fs.mkdirSync(directory, { recursive: true });
  return directory;
}

function tail(file, lines = 30) {
  return fs.readFileSync(file, 'utf8').split('\n').slice(-lines).join('\n');
}
