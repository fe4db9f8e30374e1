// Debian's Firefox ESR with fake devices, driven by WebDriver BiDi.
import puppeteer from 'puppeteer-core';

const EXECUTABLE = process.env.SLUICE_FIREFOX ?? '/usr/bin/firefox-esr';
const PREFERENCES = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.autoplay.default': 0,
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'app.update.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
};

/** Starts one Firefox; `page()` gives a page that shows `url` and has the client loaded. */
export async function startFirefox(url) {
  const browser = await puppeteer.launch({
    browser: 'firefox', executablePath: EXECUTABLE, headless: true, protocol: 'webDriverBiDi', extraPrefsFirefox: PREFERENCES,
  });
  return {
    async page() {
      const page = await browser.newPage();
      await page.goto(url);
      await page.waitForFunction(() => Boolean(window.perform));
      return page;
    },
    close: () => browser.close(),
  };
}
