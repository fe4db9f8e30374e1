// The processes of a case: the link between two namespaces, and a participant at either end.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

const HERE = path.dirname(fileURLToPath(import.meta.url));

/** Where the server is, and the near end's participants. */
export const NEAR = '198.18.0.1';

const ended = (child) => new Promise((resolve) => {
  if (child.exitCode !== null || child.signalCode !== null) resolve();
  else child.once('exit', resolve);
});

/** Starts a link by a script; returns `{ far, begunAt, end() }`, where `end` gives what it counted. */
export async function startLink(script) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-link-'));
  const [scriptFile, json] = ['script', 'json'].map((name) => path.join(folder, name));
  fs.writeFileSync(scriptFile, script);
  const far = `bench-${process.pid}`;
  const harness = process.env.LOADTEST_BIN ?? 'loadtest';
  const args = ['link', '--script', scriptFile, '--json', json, '--far', far, '--near-address', NEAR];
  const child = spawn(harness, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const said = readline.createInterface({ input: child.stderr })[Symbol.asyncIterator]();
  const { value = 'nothing' } = await said.next();
  if (!value.startsWith('link: ')) throw new Error(`loadtest link said ${value}`);
  const begunAt = Date.now();
  return {
    far,
    begunAt,
    async end() {
      child.kill('SIGTERM');
      child.stderr.resume();
      await ended(child);
      const counted = JSON.parse(fs.readFileSync(json, 'utf8'));
      fs.rmSync(folder, { recursive: true });
      return counted;
    },
  };
}

/** Starts a participant in a namespace, or in this one, with libwebrtc's field trials; `perform(operation, ...args)` has it do something. */
export function startActor(namespace, fieldTrials = '') {
  const inside = namespace ? ['ip', 'netns', 'exec', namespace] : [];
  const [command, ...args] = [...inside, process.execPath, path.join(HERE, 'actor.js'), fieldTrials];
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async perform(...operation) {
      child.stdin.write(`${JSON.stringify(operation)}\n`);
      const { value, done } = await answers.next();
      if (done) throw new Error(`the browser ended during ${operation[0]}`);
      const { result, error } = JSON.parse(value);
      if (error) throw new Error(error);
      return result;
    },
    async end() {
      child.stdin.end();
      await ended(child);
    },
  };
}
