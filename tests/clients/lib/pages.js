// A web server for the pages of the tests: our page, and livekit-client's own build from node_modules.
import fs from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const LIVEKIT_CLIENT = path.join(ROOT, 'node_modules/livekit-client/dist');
const FILES = {
  '/': [path.join(ROOT, 'page/client.html'), 'text/html'],
  '/client.js': [path.join(ROOT, 'page/client.js'), 'text/javascript'],
  '/observe.js': [path.join(ROOT, 'page/observe.js'), 'text/javascript'],
  '/media.js': [path.join(ROOT, 'page/media.js'), 'text/javascript'],
  '/messages.js': [path.join(ROOT, 'page/messages.js'), 'text/javascript'],
  '/timing.js': [path.join(ROOT, 'page/timing.js'), 'text/javascript'],
  '/livekit-client.mjs': [path.join(LIVEKIT_CLIENT, 'livekit-client.esm.mjs'), 'text/javascript'],
  '/livekit-client.e2ee.worker.mjs': [path.join(LIVEKIT_CLIENT, 'livekit-client.e2ee.worker.mjs'), 'text/javascript'],
};

/** Serves the pages on a free loopback port; returns `{ url, close() }`. Loopback is a secure context for browsers. */
export async function servePages() {
  const server = http.createServer(async (request, response) => {
    const file = FILES[new URL(request.url, 'http://localhost').pathname];
    if (!file) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': file[1] }).end(await fs.readFile(file[0]));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); });
  return { url: `http://127.0.0.1:${server.address().port}/`, close };
}
