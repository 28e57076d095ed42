// The console over real services and the simulated bridge.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { join } from 'node:path';
import { close, expectAccessible, expectClean, go, newPage, open, shot, until } from './harness.mjs';
import { BIN, Stack, logIn as logInTo } from './stack.mjs';

const skip = existsSync(join(BIN, 'zapkeep-console')) ? false : 'zapkeep-console is not built (ZK_CONSOLE=OFF)';
const real = (name, run) => test(name, { skip }, run);

let stack;
let page;
before(async () => {
  if (skip) return;
  await open();
  stack = new Stack();
  await stack.all('--sessions', '5', '--rate', '5', '--qr-life', '3s', '--reconnect-delay', '2s');
});
after(async () => {
  await stack?.close();
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

const sees = (text, ms) => until(async () => (await page.innerText('body')).includes(text), `"${text}" is shown`, ms);
const row = (name) => page.locator(`.sessions tr[data-key="main/${name}"]`);
const shows = (name, text, ms = 60000) => until(async () => (await row(name).count()) > 0 && new RegExp(text).test(await row(name).innerText()), `${name}: ${text}`, ms);
// A drop is followed by an attempt at once: then the session is starting.
const DOWN = 'disconnected|starting';

const logIn = (hash) => logInTo(page, stack.url, hash);

real('a session drops and comes back on the page, without reloading', async () => {
  await logIn('#/sessions');
  await shows('demo-1', 'connected');
  await stack.control('POST', '/drop?session=demo-1&code=428');
  await shows('demo-1', DOWN);
  await shows('demo-1', '\\bconnected');
  await page.click('tr[data-key="main/demo-1"] a');
  await sees('Closed by WhatsApp');
  await until(async () => /Attempt 1/.test(await page.innerText('.timeline')), 'the attempt is on the timeline');
  await shot(page, 'real-session');
  await expectAccessible(page, 'session');
});

real('a session is paired: the code refreshes, and the page ends by itself', async () => {
  await logIn('#/pair');
  await page.fill('form.form input', 'new-shop');
  await page.click('form.form button.primary');
  await page.waitForSelector('.qr', { timeout: 60000 });
  // The simulated bridge draws one code only, so the next one looks the same: it comes after the first is said to have expired.
  await page.evaluate(() => {
    let expired = false;
    window.codes = 0;
    new MutationObserver(() => {
      const is = document.querySelector('.code.expired') !== null;
      if (expired && !is && document.querySelector('.code .qr-dark')) window.codes += 1;
      expired = is;
    }).observe(document.body, { attributes: true, childList: true, subtree: true });
  });
  await until(() => page.evaluate(() => window.codes > 0), 'a new code comes');
  await shot(page, 'real-pair');
  await stack.control('POST', '/pair?session=new-shop');
  await sees('new-shop is paired');
  await page.click('text=Open the session');
  await page.waitForSelector('h1:has-text("new-shop")');
});

real('events come live, and a body is a tree', async () => {
  await logIn('#/events');
  await page.waitForSelector('.event-line');
  const newest = () => page.innerText('.event-line >> nth=0 >> .seq');
  const first = await newest();
  await until(async () => (await newest()) !== first, 'a new event comes');
  await page.click('.event-line >> nth=0');
  await page.waitForSelector('.json .j-key');
});

real('a script in a profile name is text', async () => {
  const name = '<img src=x onerror=alert(1)>';
  await stack.control('POST', '/hook?session=demo-2&type=message.received', JSON.stringify({ messageId: 'X1', pushName: name, text: name }));
  await logIn('#/events?session=demo-2');
  await page.click('.event-line >> nth=0');
  await sees(name);
  assert.equal(await page.locator('main img').count(), 0);
});

real('park and unpark are on the timeline with their author, and in the audit list', async () => {
  await logIn('#/session/main/demo-3');
  await page.click('.actions >> text="Park"');
  await page.fill('dialog input', 'moving the phone');
  await page.click('dialog button.primary');
  await sees('moving the phone');
  await page.click('.actions >> text="Unpark"');
  await until(async () => /unparked the session/.test(await page.innerText('.timeline')), 'the timeline has it');
  await go(page, stack.url, '#/audit');
  await sees('unparked the session');
});

real('the checks run live', async () => {
  await logIn('#/doctor');
  await page.click('text=Run the checks');
  await page.waitForSelector('.findings li', { timeout: 60000 });
  await until(async () => !(await page.innerText('.page-head')).includes('running'), 'the checks end');
  await expectAccessible(page, 'doctor');
  await shot(page, 'real-doctor');
});

real('the hub dies: the page still changes', async () => {
  await logIn('#/sessions');
  await shows('demo-4', 'connected');
  await stack.stop('hub', 'SIGKILL');
  await stack.control('POST', '/drop?session=demo-4&code=428');
  await shows('demo-4', DOWN);
  stack.hub();
});

real('webhook-ingest dies: the overview says so within 10 s, and when it is back', async () => {
  await logIn('');
  await until(async () => /Webhook ingest\s+running/.test(await page.innerText('main')), 'it runs');
  await stack.stop('ingest', 'SIGKILL');
  await until(async () => /Webhook ingest\s+dead/.test(await page.innerText('main')), 'it is shown as dead');
  await shot(page, 'real-ingest-dead');
  stack.ingest();
  await until(async () => /Webhook ingest\s+running/.test(await page.innerText('main')), 'it runs again');
});

real('the console restarts under an open page', async () => {
  await logIn('#/sessions');
  await shows('demo-1', 'connected');
  await stack.stop('console');
  await sees('No connection to the console');
  await stack.control('POST', '/drop?session=demo-1&code=401');
  await stack.console();
  await until(async () => !(await page.innerText('body')).includes('No connection'), 'the banner is gone', 20000);
  // A login may or may not outlive the restart; the page either goes on or asks again.
  if (await page.locator('input[type=password]').count()) await logIn('#/sessions');
  await shows('demo-1', 'logged out');
});

real('forged Host, Origin and CSRF token are refused', async () => {
  await logIn('');
  const cookies = await page.context().cookies();
  const cookie = cookies.map((c) => `${c.name}=${c.value}`).join('; ');
  assert.ok(cookies.every((c) => c.httpOnly && c.sameSite === 'Strict'));
  const me = await (await fetch(`${stack.url}api/v1/me`, { headers: { cookie } })).json();
  const origin = new URL(stack.url).origin;
  const send = (headers) => fetch(`${stack.url}api/v1/doctor`, { method: 'POST', body: '{}', headers: { cookie, 'content-type': 'application/json', origin, 'x-csrf-token': me.csrf, ...headers } }).then((a) => a.status);
  assert.equal(await send({ origin: 'http://evil.example' }), 403);
  assert.equal(await send({ 'x-csrf-token': 'guess' }), 403);
  assert.equal(await send({}), 202);
  const { request } = await import('node:http');
  const status = await new Promise((done, fail) => request(`${stack.url}api/v1/me`, { headers: { cookie, host: 'evil.example' } }, (a) => (a.resume(), done(a.statusCode))).on('error', fail).end());
  assert.equal(status, 421);
});

real('under a base path: the page, its login, its live updates and its links', async () => {
  const url = await stack.consoleAt('/zapkeep');
  await logInTo(page, url, '#/sessions');
  await shows('demo-5', '\\bconnected');
  await stack.control('POST', '/drop?session=demo-5&code=428');
  await shows('demo-5', DOWN);
  assert.ok((await page.context().cookies()).every((c) => c.path === '/zapkeep/'));
  assert.equal((await fetch(new URL('/api/v1/me', url))).status, 404);
  expectClean(page);
  await stack.stop('console-at');
});

// Last: it uses up the tries of this address.
real('wrong passwords are limited', async () => {
  await go(page, stack.url, '');
  for (let i = 0; i < 12 && !(await page.innerText('body')).includes('Too many wrong attempts'); i++) {
    await page.fill('input[type=password]', `guess ${i}`);
    await page.click('button.primary');
    await until(async () => (await page.locator('#login-error').count()) > 0 && !(await page.locator('button.primary').isDisabled()), 'an answer');
  }
  await sees('Too many wrong attempts');
});
