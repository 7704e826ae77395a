// Walks the dashboard's main path in headless Chromium, by mouse and by keyboard, takes the
// screenshots, and fails on any console error, failed request or call to another host.
//
//   node tests/web/shots.mjs BASE_URL COLLECTION OUT_DIR [PICTURE]
//
// PICTURE is a file to drop as the query; without it the first stored picture's bytes are taken.
// Chromium: env CHROMIUM, default /usr/bin/chromium. Needs `npm ci` in src/dashboard/web.

import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(new URL('../../src/dashboard/web/package.json', import.meta.url));
const { chromium } = require('playwright-core');

const [base = '', collection = '', out = '', picture] = process.argv.slice(2);
if (out === '') {
  console.error('usage: node tests/web/shots.mjs BASE_URL COLLECTION OUT_DIR [PICTURE]');
  process.exit(2);
}
mkdirSync(out, { recursive: true });

const faults = [];
const home = new URL(base);
const start = `${home.origin}/dashboard/#/${encodeURIComponent(collection)}`;

function check(condition, what) {
  if (condition) return;
  faults.push(`check failed: ${what}`);
}

function watch(page, name) {
  page.on('console', (m) => m.type() === 'error' && faults.push(`${name}: console: ${m.text()}`));
  page.on('pageerror', (e) => faults.push(`${name}: ${e.message}`));
  page.on('request', (r) => {
    const url = new URL(r.url());
    const own = url.origin === home.origin || ['data:', 'blob:'].includes(url.protocol);
    if (!own) faults.push(`${name}: call outward: ${r.url()}`);
  });
}

/** Waits until the pictures in sight are there. */
async function settled(page) {
  await page.waitForFunction(() => {
    const images = [...document.querySelectorAll('[data-cell] img')].filter((img) => {
      const box = img.getBoundingClientRect();
      return box.top < innerHeight && box.bottom > 0;
    });
    return images.length > 0 && images.every((img) => img.dataset.state);
  });
  await page.waitForTimeout(250);
}

const shot = (page, name) => page.screenshot({ path: path.join(out, `${name}.png`) });

async function queryBytes() {
  if (picture) return readFileSync(picture);
  const at = `${home.origin}/v1/collections/${encodeURIComponent(collection)}`;
  const headers = { 'content-type': 'application/json' };
  const init = { method: 'POST', headers, body: '{"limit":1}' };
  const { points } = await (await fetch(`${at}/points/scroll`, init)).json();
  return Buffer.from(await (await fetch(`${at}/points/${points[0].id}/thumbnail`)).arrayBuffer());
}

/** Drops bytes on the page, as a person would a file. */
async function drop(page, bytes, name) {
  const data = await page.evaluateHandle(
    ([list, file]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array(list)], file, { type: 'image/jpeg' }));
      return transfer;
    },
    [[...bytes], name],
  );
  await page.dispatchEvent('body', 'dragenter', { dataTransfer: data });
  await page.dispatchEvent('body', 'drop', { dataTransfer: data });
}

async function walk(browser, width, height, scheme) {
  const name = `${width}-${scheme}`;
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  watch(page, name);
  await page.goto(start);
  await settled(page);
  await shot(page, `${name}-1-browse`);

  // By keyboard: the third picture, its neighbours, then open one.
  for (const key of ['ArrowRight', 'ArrowRight', 'ArrowRight', 's']) await page.keyboard.press(key);
  await page.waitForSelector('section[aria-label="Query"] h1');
  await page.waitForSelector('.says .faint');
  await settled(page);
  await shot(page, `${name}-2-neighbours`);
  check(page.url().includes('like='), 'the address holds the query');

  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await page.waitForSelector('aside[aria-label="Picture"] section');
  await settled(page);
  await shot(page, `${name}-3-detail`);
  check(page.url().includes('open='), 'the address holds the open picture');

  await page.keyboard.press('c');
  await page.waitForSelector('dialog[aria-label="Compare"]');
  await page.keyboard.press('+');
  await page.waitForTimeout(300);
  await shot(page, `${name}-4-compare`);
  await page.keyboard.press('Escape');
  await page.waitForSelector('dialog[aria-label="Compare"]', { state: 'detached' });

  // The same address in a fresh tab shows the same.
  const address = page.url();
  const again = await context.newPage();
  watch(again, `${name} again`);
  await again.goto(address);
  await settled(again);
  const title = 'section[aria-label="Query"] h1';
  check(
    (await again.textContent(title)) === (await page.textContent(title)),
    'the address restores the query',
  );
  await again.close();

  await page.keyboard.press('Escape');
  await drop(page, await queryBytes(), 'dropped.jpg');
  await page.waitForFunction(() => location.hash.includes('picture='));
  await page.waitForSelector('.says .faint');
  await settled(page);
  await shot(page, `${name}-5-dropped`);

  await page.keyboard.press('Escape');
  await settled(page);
  await page.keyboard.press('/');
  await page.keyboard.type('s?/'); // Typed, not taken as keys of the page.
  check((await page.inputValue('nav .find input')) === 's?/', 'typing is not stolen');
  await page.fill('nav .find input', '');
  const value = page.locator('nav .cards .value').first();
  if (await value.count()) {
    await value.click();
    await settled(page);
    check(/[?&]is=/.test(page.url()), 'the address holds the filter');
    await shot(page, `${name}-6-filtered`);
  }
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press('Escape');
  await page.keyboard.press('?');
  await page.waitForSelector('dialog[aria-label="Keys and help"]');
  await shot(page, `${name}-7-help`);
  await context.close();
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--force-color-profile=srgb'],
});
try {
  for (const [width, height] of [
    [1280, 800],
    [800, 1000],
  ]) {
    for (const scheme of ['light', 'dark']) await walk(browser, width, height, scheme);
  }
} catch (cause) {
  faults.push(String(cause));
} finally {
  await browser.close();
}
for (const fault of faults) console.error(fault);
console.log(faults.length === 0 ? `ok: screenshots in ${out}` : `${faults.length} faults`);
process.exit(faults.length === 0 ? 0 : 1);
