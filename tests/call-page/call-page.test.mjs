// The call page that a node serves at `/call` in development mode, in Chromium with fake devices.
//
//     SLUICE_URL=http://127.0.0.1:7880 node --test tests/call-page/
//
// The packages are those of tests/clients (`npm ci` there first).
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';

import { until } from '../clients/lib/until.js';

const clients = createRequire(new URL('../clients/package.json', import.meta.url));
const { chromium } = clients('playwright-core');

const NODE = (process.env.SLUICE_URL ?? 'http://127.0.0.1:7880').replace(/^ws/, 'http').replace(/\/$/, '');
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required', '--allow-loopback-in-peer-connection',
];
// Fake cameras beep once a second: this much energy is a few beeps, and silence has none.
const AUDIBLE_ENERGY = 0.001;

let browser;
before(async () => {
  browser = await chromium.launch({ executablePath: process.env.SLUICE_CHROMIUM ?? '/usr/bin/chromium', headless: true, args: FLAGS });
});
after(() => browser?.close());

/** Opens a tab on the call page. The page's peer connections and WebSockets are kept within the test's reach. */
async function openTab(t, address) {
  const context = await browser.newContext({ permissions: ['camera', 'microphone'], bypassCSP: true });
  t.after(() => context.close());
  const page = await context.newPage();
  page.errors = [];
  page.on('pageerror', (error) => page.errors.push(error.stack));
  page.sockets = [];
  await page.routeWebSocket(/\/rtc\?/, (socket) => page.sockets.push({ socket, server: socket.connectToServer() }));
  await page.addInitScript(() => {
    const Original = window.RTCPeerConnection;
    window.connections = [];
    window.RTCPeerConnection = class extends Original {
      constructor(...parameters) {
        super(...parameters);
        window.connections.push(this);
      }
    };
  });
  await page.goto(`${NODE}/call#${new URLSearchParams(address)}`);
  return page;
}

async function joinedTab(t, address, { generated = false } = {}) {
  const page = await openTab(t, address);
  await page.waitForFunction(() => document.getElementById('preview-video').videoWidth > 0);
  if (generated) {
    await page.selectOption('#video-kind', 'generated');
    await page.selectOption('#audio-kind', 'generated');
    await page.waitForFunction(() => document.getElementById('audio-kind').value === 'generated');
    await page.click('#preview-microphone'); // a generated tone begins switched off
  }
  await page.click('#join-button');
  await page.waitForSelector('#call:not([hidden])');
  return page;
}

/** Ada with the browser's fake camera, Grace with the generated picture and tone, in a room of the test's own. */
async function pairOfTabs(t) {
  const room = `call-page-${Date.now()}-${Math.floor(Math.random() * 1e6)}`;
  const ada = await joinedTab(t, { room, name: 'Ada' });
  const grace = await joinedTab(t, { room, name: 'Grace' }, { generated: true });
  await Promise.all([tile(ada, 'Grace').waitFor(), tile(grace, 'Ada').waitFor()]);
  return { room, ada, grace };
}

const tile = (page, name) => page.locator('.tile').filter({ hasText: new RegExp(`^\\w*${name}$`) });

/** Sums over the streams that a page receives. */
function received(page) {
  return page.evaluate(async () => {
    const sums = { framesDecoded: 0, totalAudioEnergy: 0 };
    for (const connection of window.connections) {
      for (const report of (await connection.getStats()).values()) {
        if (report.type !== 'inbound-rtp') continue;
        for (const key of Object.keys(sums)) sums[key] += report[key] ?? 0;
      }
    }
    return sums;
  });
}

async function seesAndHears(page, since = { framesDecoded: 0, totalAudioEnergy: 0 }) {
  await until('the page decodes pictures and receives sound', async () => {
    const { framesDecoded, totalAudioEnergy } = await received(page);
    return framesDecoded > since.framesDecoded + 20 && totalAudioEnergy > since.totalAudioEnergy + AUDIBLE_ENERGY;
  }, { seen: () => received(page) });
}

async function say(page, text) {
  if (await page.locator('#chat').isHidden()) await page.click('[data-panel=chat]');
  await page.fill('#chat-text', text);
  await page.press('#chat-text', 'Enter');
}

const heard = (page, author, text) => page.locator('#messages li', { hasText: author }).getByText(text, { exact: true }).waitFor({ state: 'attached' });

test('two tabs see and hear each other and show who is there', async (t) => {
  const { room, ada, grace } = await pairOfTabs(t);
  await Promise.all([seesAndHears(ada), seesAndHears(grace)]);
  const playing = await tile(ada, 'Grace').locator('video').evaluate((video) => !video.paused && video.videoWidth > 0);
  assert.ok(playing, 'the tile plays the other picture');

  await ada.click('[data-panel=people]');
  const people = await ada.locator('#people-list .person').evaluateAll((rows) => rows.map((row) => row.firstChild.textContent));
  assert.deepEqual(people, ['Ada (you)', 'Grace']);
  assert.equal(await ada.locator('#room-name').textContent(), room);
  assert.deepEqual([...ada.errors, ...grace.errors], []);
});

test('microphone and camera that are switched off show at the other side and come back', async (t) => {
  const { ada, grace } = await pairOfTabs(t);
  const shown = (state) => tile(grace, 'Ada').and(grace.locator(`[aria-label*="${state}"]`)).waitFor();
  await shown('microphone on, camera on');
  await ada.keyboard.press('m');
  await shown('microphone off');
  await ada.click('#camera');
  await shown('camera off');
  await ada.click('#microphone');
  await ada.click('#camera');
  await shown('microphone on, camera on');
  await seesAndHears(grace, await received(grace));
});

test('chat arrives both ways', async (t) => {
  const { ada, grace } = await pairOfTabs(t);
  await say(ada, 'Is the water high? <b>~</b> ✓');
  await heard(grace, 'Ada', 'Is the water high? <b>~</b> ✓');
  assert.equal(await grace.locator('#unread').textContent(), '1');
  await say(grace, 'Rising.');
  await heard(ada, 'Grace', 'Rising.');
  await heard(grace, 'You', 'Rising.');
});

test('the figures of the connection are shown', async (t) => {
  const { ada } = await pairOfTabs(t);
  await ada.click('[data-panel=figures]');
  const streams = () => ada.locator('.stream').allTextContents();
  await until('pictures and sound with codec, size and rate', async () => {
    const all = (await streams()).join('\n');
    return /Grace, picture[1-9][\d.]* [kM]bit\/sVP8 · \d+×\d+ · \d+ fps/.test(all)
      && /Grace, sound[1-9][\d.]* kbit\/sopus/.test(all) && /Picture, low/.test(all) && /Sound/.test(all);
  }, { seen: streams });
  assert.match(await ada.locator('[data-figure=round-trip]').textContent(), /^(< )?\d+ ms$/);
  assert.match(await ada.locator('[data-figure=path]').textContent(), /^(UDP|TCP) to /);
  assert.match(await ada.locator('[data-figure=loss-down]').textContent(), /^\d+\.\d %$/);
});

test('a call goes on after its WebSocket was lost', async (t) => {
  const { ada, grace } = await pairOfTabs(t);
  await Promise.all([seesAndHears(ada), seesAndHears(grace)]);
  const connections = await ada.evaluate(() => window.connections.length);
  const { socket, server } = ada.sockets.at(-1);
  await Promise.all([ada.locator('#banner', { hasText: 'Reconnecting' }).waitFor(), socket.close(), server.close()]);
  await ada.locator('#banner').waitFor({ state: 'hidden' });

  await say(ada, 'Still here');
  await heard(grace, 'Ada', 'Still here');
  await Promise.all([ada, grace].map(async (page) => seesAndHears(page, await received(page))));
  assert.equal(await ada.evaluate(() => window.connections.length), connections, 'resumed over the same peer connections');
  assert.equal(await grace.locator('.tile').count(), 2);
});

test('who leaves disappears from the others and may join again', async (t) => {
  const { ada, grace } = await pairOfTabs(t);
  await grace.click('#leave');
  await tile(ada, 'Grace').waitFor({ state: 'detached' });
  await ada.locator('#alone').waitFor();
  assert.equal(await grace.locator('#join-message').textContent(), 'You left the call.');
  await grace.click('#join-button');
  await tile(ada, 'Grace').waitFor();
  await seesAndHears(ada);
});

test('a refused token is explained with the reason that the node gives', async (t) => {
  const page = await openTab(t, { token: 'not.a.token' });
  await page.click('#join-button');
  await page.locator('#join-message', { hasText: 'The node refuses the token: invalid' }).waitFor();
});

test('the chat is the one of LiveKit clients', async (t) => {
  const room = `call-page-chat-${Date.now()}`;
  const ada = await joinedTab(t, { room, name: 'Ada' });
  const context = await browser.newContext({ bypassCSP: true });
  t.after(() => context.close());
  const other = await context.newPage();
  await other.goto(NODE);
  await other.addScriptTag({ path: clients.resolve('livekit-client').replace(/[^/]*$/, 'livekit-client.umd.js') });
  await other.evaluate(async ([url, query]) => {
    const { token } = await (await fetch(`/call/token?${query}`)).json();
    window.messages = [];
    window.room = new LivekitClient.Room();
    window.room.registerTextStreamHandler('lk.chat', async (reader) => window.messages.push(await reader.readAll()));
    await window.room.connect(url, token);
  }, [NODE.replace(/^http/, 'ws'), String(new URLSearchParams({ room, name: 'Joan' }))]);
  await tile(ada, 'Joan').waitFor();

  await say(ada, 'Good morning');
  await until('the LiveKit client reads the message', () => other.evaluate(() => window.messages.includes('Good morning')));
  await other.evaluate(() => window.room.localParticipant.sendText('And to you', { topic: 'lk.chat' }));
  await heard(ada, 'Joan', 'And to you');
});
