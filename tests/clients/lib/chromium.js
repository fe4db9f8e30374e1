// Debian's Chromium with fake devices.
import { chromium } from 'playwright-core';

const EXECUTABLE = process.env.SLUICE_CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-background-timer-throttling',
  '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows',
  '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required', '--allow-loopback-in-peer-connection',
];

/**
 * Starts one Chromium; `page()` gives a page that shows `url` and has the client loaded. `camera` keeps the fake one
 * running, `fieldTrials` are libwebrtc's (`Name/Enabled/`).
 */
export async function startChromium(url, { camera = true, fieldTrials = '' } = {}) {
  const args = [...FLAGS, ...(fieldTrials && [`--force-fieldtrials=${fieldTrials}`])];
  const browser = await chromium.launch({ executablePath: EXECUTABLE, headless: true, args });
  const context = await browser.newContext({ permissions: ['camera', 'microphone'] });
  const open = async () => {
    const page = await context.newPage();
    page.on('console', (message) => {
      if (process.env.SLUICE_PAGE_LOGS) console.log(`[page] ${message.text()}`);
    });
    await page.goto(url);
    await page.waitForFunction(() => window.perform);
    return page;
  };
  if (camera) await (await open()).evaluate(() => window.keepCameraRunning());
  return { page: open, close: () => browser.close() };
}
