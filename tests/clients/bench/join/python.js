// The Python SDK as a process that joins on command.
import { spawn } from 'node:child_process';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const PYTHON = path.resolve(HERE, '../../.venv/bin/python');

export function startPython() {
  const child = spawn(PYTHON, [path.join(HERE, 'joins.py')], { stdio: ['pipe', 'pipe', 'ignore'] });
  const answers = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async do(command) {
      child.stdin.write(`${JSON.stringify(command)}\n`);
      const { value, done } = await answers.next();
      if (done) throw new Error(`the Python process ended during ${command.do}`);
      return JSON.parse(value);
    },
    close: () => child.stdin.end(),
  };
}
