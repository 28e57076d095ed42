// Shared by the browser tests: one chromium for a file of tests, pages that fail on any error of theirs, axe, screenshots.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const here = dirname(fileURLToPath(import.meta.url));
// The built front end (services/console/web/build.mjs), as tests/browser/run names it.
export const WEB = process.env.ZK_WEB ?? join(here, '../../build/services/console/web/made');
export const SHOTS = process.env.ZK_SHOTS ?? join(here, 'out');
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let browser;
export async function open() {
  browser ??= await chromium.launch({ executablePath: process.env.ZK_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  return browser;
}
export async function close() {
  await browser?.close();
  browser = undefined;
}

// A page in a context of its own. Its errors, and scripts or styles that the policy refused, fail expectClean().
export async function newPage({ width = 1280, height = 860, theme = 'light', locale = 'en-GB', ...rest } = {}) {
  const context = await (await open()).newContext({ viewport: { width, height }, colorScheme: theme, locale, timezoneId: 'America/Sao_Paulo', ...rest });
  context.setDefaultTimeout(20000); // the machine may be busy with something else
  const page = await context.newPage();
  page.faults = [];
  page.on('pageerror', (error) => page.faults.push(error.stack ?? String(error)));
  page.on('dialog', (dialog) => (page.faults.push(`a script opened a dialog: ${dialog.message()}`), dialog.dismiss()));
  page.on('console', (message) => /Content.Security.Policy|violates/i.test(message.text()) && page.faults.push(message.text()));
  return page;
}

export const expectClean = (page) => assert.deepEqual(page.faults, []);

export async function go(page, url, hash) {
  await page.goto(`${url}${hash}`);
  await page.waitForSelector('h1');
  // A page that loads says so; everything shown then has come.
  await until(() => page.evaluate(() => !document.querySelector('.loading')), `${hash} has loaded`);
}

// WCAG 2.2 AA as far as a machine can tell.
export async function expectAccessible(page, where) {
  // Through the protocol: the page's own policy allows no script of a test.
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axeSource);
  const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'] }));
  const faults = found.violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => `${n.target.join(' ')} ${n.failureSummary.split('\n')[1] ?? ''}`).join(' | ')}`);
  assert.deepEqual(faults, [], where);
}

export async function expectFits(page, where) {
  const [wide, view, culprit] = await page.evaluate(() => {
    const main = document.querySelector('main');
    const view = document.documentElement.clientWidth;
    const over = [...document.querySelectorAll('main *')].find((e) => e.getBoundingClientRect().right > view + 1 && !e.closest('.table-box, .scroll, .chips, .json, pre, svg, .hidden'));
    return [Math.max(document.documentElement.scrollWidth, main.scrollWidth), view, over ? `${over.tagName}.${over.className}: ${over.textContent.slice(0, 60)}` : ''];
  });
  assert.ok(wide <= view, `${where}: ${wide} px wide in a window of ${view} px ${culprit}`);
}

export async function shot(page, name) {
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`) });
}

// Tries until @check holds: for conditions that become true by themselves.
export async function until(check, text, ms = 60000) {
  const end = Date.now() + ms;
  for (;;) {
    if (await check()) return;
    if (Date.now() > end) assert.fail(`not within ${ms / 1000} s: ${text}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}
