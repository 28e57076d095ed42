// 10,000 sessions of the simulated bridge, over real services: the table, a keystroke, a bulk action, and what an open page costs
// the console. Run by hand, on a machine that is idle:   tests/browser/run tests/browser/many.bench.mjs
// Measured (2 cores): services/console/DESIGN.md, Limits.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { close, expectClean, go, newPage, open, until } from './harness.mjs';
import { PASSWORD, Stack } from './stack.mjs';

const SESSIONS = 10000;
const STREAMS = 200;
const KEYSTROKE_MS = 100; // at this a person feels that the letters lag
const STREAM_KIB = 16;

let stack;
let page;
before(async () => {
  await open();
  stack = new Stack({ CHECK_INTERVAL: '10s', RECONNECT_RATE: '100', RECONNECT_BURST: '100', INCIDENT_MIN: '20000' });
  await stack.all('--sessions', String(SESSIONS), '--rate', '20');
  page = await newPage();
});
after(async () => {
  await stack?.close();
  await close();
});

const kib = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${stack.processes.get('console').pid}/status`, 'utf8'))[1]);

async function logIn(hash) {
  await go(page, stack.url, hash);
  await page.fill('input[type=password]', PASSWORD);
  await page.click('button.primary');
  await page.waitForSelector('nav');
  await page.mouse.move(5, 500);
}

test('a keystroke in the table, and a park of all that match', async () => {
  await logIn('#/sessions');
  await until(async () => (await page.innerText('.sub')).startsWith('10,000 of'), 'all are shown', 60000);
  const protocol = await page.context().newCDPSession(page);
  await protocol.send('Performance.enable', { timeDomain: 'threadTicks' });
  const worked = async () => (await protocol.send('Performance.getMetrics')).metrics.find((m) => m.name === 'TaskDuration').value;
  const words = ['d', 'de', 'dem', 'demo', 'demo-', 'demo-9', 'demo-99', 'demo-9', 'demo-', '7', '77', ''];
  const start = await worked();
  await page.evaluate(async (list) => {
    const field = document.querySelector('[data-search]');
    for (const text of list) {
      field.value = text;
      field.dispatchEvent(new Event('input', { bubbles: true }));
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    }
  }, words);
  const each = ((await worked()) - start) * 1000 / words.length;
  console.log(`a keystroke over ${SESSIONS} sessions takes the page's thread ${Math.round(each)} ms`);
  assert.ok(each < KEYSTROKE_MS, `a keystroke takes ${Math.round(each)} ms`);
  await page.fill('[data-search]', 'demo-99');
  await until(async () => (await page.innerText('.sub')).startsWith('111 of'), 'the filter holds');
  await page.click('thead input');
  const all = page.locator('text=Select all 111 that match');
  if (await all.count()) await all.click();
  await page.click('.bulk >> text="Park"');
  await page.fill('dialog input', 'moving');
  const from = Date.now();
  await page.click('dialog button.primary');
  await until(async () => (await page.innerText('body')).includes('111 sessions parked'), 'they are parked', 30000);
  console.log(`a park of 111 of them took ${Date.now() - from} ms`);
  expectClean(page);
});

test('open pages are cheap for the console', async () => {
  const cookie = (await page.context().cookies()).map((c) => `${c.name}=${c.value}`).join('; ');
  await page.close(); // and a console that has no memory left over from it; the login outlives both
  await stack.stop('console');
  await stack.console();
  const listen = async () => {
    const { body } = await fetch(`${stack.url}api/v1/stream`, { headers: { cookie } });
    const reader = body.getReader();
    await reader.read();
    const drain = () => reader.read().then((chunk) => chunk.done || drain(), () => {});
    drain(); // as a page does
    return reader;
  };
  const settled = async () => {
    await new Promise((done) => setTimeout(done, 5000)); // several rounds of the list
    return kib();
  };
  const readers = [await listen()];
  const before = await settled();
  while (readers.length <= STREAMS) readers.push(await listen());
  const grown = ((await settled()) - before) / STREAMS;
  console.log(`${STREAMS} open streams cost the console ${grown.toFixed(1)} KiB each; it has ${Math.round(kib() / 1024)} MiB in all`);
  assert.ok(grown <= STREAM_KIB, `${grown} KiB`);
  await Promise.all(readers.map((r) => r.cancel()));
});
