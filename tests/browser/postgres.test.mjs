// The console over real services whose store is a PostgreSQL database: the pages on data of its tables.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { join } from 'node:path';
import { close, expectAccessible, expectClean, go, newPage, open, shot, until } from './harness.mjs';
import { BIN, Database, Stack, logIn } from './stack.mjs';

const skip = existsSync(join(BIN, 'zapkeep-console')) ? false : 'zapkeep-console is not built (ZK_CONSOLE=OFF)';
const real = (name, run) => test(name, { skip }, run);

// It refuses the events of demo-2 until it is mended.
class Backend {
  refused = 'demo-2';

  async start() {
    this.server = createServer((request, answer) => {
      let body = '';
      request.on('data', (part) => (body += part));
      request.on('end', () => {
        answer.statusCode = this.refused && body.includes(`"${this.refused}"`) ? 422 : 200;
        answer.end(answer.statusCode === 422 ? 'no such customer' : '');
      });
    });
    await new Promise((done) => this.server.listen(0, '127.0.0.1', done));
    this.url = `http://127.0.0.1:${this.server.address().port}/`;
    return this;
  }

  stop = () => (this.server.closeAllConnections?.(), this.server.close());
}

let database;
let backend;
let stack;
let page;
before(async () => {
  if (skip) return;
  const [, d, b] = await Promise.all([open(), new Database().start(), new Backend().start()]);
  [database, backend] = [d, b];
  stack = new Stack({ ZAPKEEP_STORE: database.uri, BACKEND_URL: backend.url, FORWARD_RETRY_SCHEDULE: '0s', FORWARD_FROM: 'beginning', ALERT_HOLD: '0s' });
  await stack.all('--sessions', '3', '--rate', '3', '--reconnect-delay', '1s');
  stack.start('forward', 'zapkeep-forward');
});
after(async () => {
  await stack?.close();
  await database?.stop();
  backend?.stop();
  await close();
});
beforeEach(async () => {
  if (!skip) page = await newPage();
});
afterEach(async () => {
  if (skip) return;
  expectClean(page);
  await page.context().close();
});

const sees = (text, ms) => until(async () => (await page.innerText('main')).includes(text), `"${text}" is shown`, ms);
const row = (name) => page.locator(`.sessions tr[data-key="main/${name}"]`);
const shows = (name, text) => until(async () => (await row(name).count()) > 0 && new RegExp(text).test(await row(name).innerText()), `${name}: ${text}`);

real('a session drops and comes back, and its attempt is on the timeline', async () => {
  await logIn(page, stack.url, '#/sessions');
  await shows('demo-1', '\\bconnected');
  await stack.control('POST', '/drop?session=demo-1&code=428');
  await shows('demo-1', 'disconnected|starting');
  await shows('demo-1', '\\bconnected');
  await page.click('tr[data-key="main/demo-1"] a');
  await sees('Closed by WhatsApp');
  await until(async () => /Attempt 1/.test(await page.innerText('.timeline')), 'the attempt is on the timeline');
  await shot(page, 'postgres-session');
});

real('a session is logged out: the alert is on its page, and the overview names the session', async () => {
  await stack.control('POST', '/drop?session=demo-3&code=401');
  await logIn(page, stack.url, '#/alerts');
  await until(async () => (await page.locator('.alerts li:has-text("demo-3")').count()) === 1, 'the alert is raised');
  await until(async () => (await page.locator('.timeline li:has-text("demo-3")').count()) > 0, 'it is in the history');
  await shot(page, 'postgres-alerts');
  await go(page, stack.url, '#/');
  await sees('demo-3');
  await until(async () => /Webhook ingest\s+running/.test(await page.innerText('main')), 'the services run');
  await shot(page, 'postgres-overview');
});

real('events come live, and a body is a tree', async () => {
  await logIn(page, stack.url, '#/events');
  await page.waitForSelector('.event-line');
  const newest = () => page.innerText('.event-line >> nth=0 >> .seq');
  const first = await newest();
  await until(async () => (await newest()) !== first, 'a new event comes');
  await page.click('.event-line >> nth=0');
  await page.waitForSelector('.json .j-key');
  await shot(page, 'postgres-events');
});

real('dead letters: the answer of the backend, and they are tried again when it is mended', async () => {
  await logIn(page, stack.url, '#/delivery');
  const letters = page.locator('main table.table tbody tr:has-text("demo-2")');
  await until(async () => (await letters.count()) > 0, 'a dead letter is shown');
  await letters.first().locator('button.link').click();
  await until(async () => (await page.innerText('dialog')).includes('no such customer'), "the backend's answer is shown");
  await page.waitForSelector('dialog .json .j-key');
  await shot(page, 'postgres-dead-letter');
  await page.keyboard.press('Escape');
  backend.refused = '';
  await page.click('button:has-text("Try all again")');
  await page.click('dialog button.primary');
  await until(async () => (await letters.count()) === 0, 'all are delivered');
  await expectAccessible(page, 'delivery');
  await shot(page, 'postgres-delivery');
});

real('the checks name the database and the roles, and no file', async () => {
  await logIn(page, stack.url, '#/doctor');
  await sees('monitor.main'); // who has the role of the bridge
  await page.click('text=Run the checks');
  await page.waitForSelector('.findings li', { timeout: 60000 });
  await until(async () => !(await page.innerText('.page-head')).includes('running'), 'the checks end');
  const text = await page.innerText('main');
  assert.match(text, /schema zapkeep_state takes a row/);
  assert.doesNotMatch(text, /(state|events|forward)\.db|SQLite/);
  await expectAccessible(page, 'doctor');
  await shot(page, 'postgres-doctor');
});
