// Every page in every language, in both themes and two widths: it is accessible, fits, shows no key instead of a text, and has no error.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { WEB, close, expectAccessible, expectClean, expectFits, go, here, newPage, shot } from './harness.mjs';
import { MockConsole } from './mock/server.mjs';

let mock;
before(async () => (mock = await new MockConsole(WEB, { loggedIn: true }).start()));
after(async () => (await mock.stop(), await close()));

const PAGES = { overview: '#/', sessions: '#/sessions', session: '#/session/sales/shop-000', silent: '#/session/sales/shop-009', pair: '#/pair?bridge=sales&session=shop-005', events: '#/events', delivery: '#/delivery', alerts: '#/alerts', bridges: '#/bridges', doctor: '#/doctor', audit: '#/audit' };
const KEYS = JSON.parse(readFileSync(join(here, '../../services/console/web/lang/en.json'), 'utf8'));
const LOOKS = [
  { locale: 'en-GB', lang: 'en', theme: 'light', width: 1280 },
  { locale: 'pt-BR', lang: 'pt-BR', theme: 'dark', width: 360, height: 740 },
  { locale: 'es-MX', lang: 'es', theme: 'light', width: 360, height: 740 },
  { locale: 'id-ID', lang: 'id', theme: 'dark', width: 1280 },
];

for (const look of LOOKS) {
  test(`all pages: ${look.lang}, ${look.theme}, ${look.width} px`, async () => {
    const page = await newPage(look);
    for (const [name, hash] of Object.entries(PAGES)) {
      const where = `${name} ${look.lang}`;
      await go(page, mock.url, hash);
      if (name === 'doctor') await page.click('main button.primary');
      if (name === 'doctor') await page.waitForSelector('.findings');
      if (name === 'events' && look.width > 900) await page.click('.event-line >> nth=1');
      if (name === 'events' && look.width > 900) await page.waitForSelector('.json');
      assert.equal(await page.getAttribute('html', 'lang'), look.lang, where);
      await expectAccessible(page, where);
      await expectFits(page, where);
      const text = await page.innerText('body');
      assert.deepEqual(text.match(/\{[a-z]\w*\}|undefined|NaN|\[object/g) ?? [], [], where);
      // A key of the catalogue, by its name or by the number that it has in the built page.
      assert.deepEqual((text.match(/\b_\d+\b|[a-z_]+(\.[a-z_-]+)+/g) ?? []).filter((m) => m[0] === '_' || m in KEYS), [], where);
      await shot(page, `${name}-${look.lang}-${look.theme}-${look.width}`);
    }
    expectClean(page);
    await page.context().close();
  });
}

test('the login, and an address that is no page', async () => {
  const page = await newPage({ width: 360, height: 740, theme: 'dark' });
  mock.open = false;
  await go(page, mock.url, '');
  await expectAccessible(page, 'login');
  await expectFits(page, 'login');
  await shot(page, 'login-en-dark-360');
  mock.open = true;
  await page.reload();
  await go(page, mock.url, '#/no-such-page');
  await expectAccessible(page, 'no such page');
  expectClean(page);
  await page.context().close();
});

test('dialogs, the selection and the help are accessible', async () => {
  const page = await newPage();
  await go(page, mock.url, '#/sessions');
  await page.keyboard.press('?');
  await page.waitForSelector('dialog[open]');
  await expectAccessible(page, 'help');
  await page.keyboard.press('Escape');
  await page.waitForSelector('dialog', { state: 'detached' });
  await page.keyboard.press('j');
  await page.keyboard.press('x');
  await page.click('.bulk >> text=Park');
  await page.waitForSelector('dialog[open]');
  await expectAccessible(page, 'park');
  expectClean(page);
  await page.context().close();
});

test("the colours follow the system's, also when these change", async () => {
  const page = await newPage();
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({ colorScheme: 'light' });
  await go(page, mock.url, '#/audit');
  const light = await ground();
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.waitForSelector('html[data-theme=dark]');
  assert.notEqual(await ground(), light);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.waitForSelector('html[data-theme=light]');
  assert.equal(await ground(), light);
  expectClean(page);
  await page.context().close();
});

test('a choice of language, colours and times stays', async () => {
  const page = await newPage();
  await go(page, mock.url, '#/audit');
  await page.selectOption('.settings select >> nth=0', 'id');
  await page.waitForSelector('h1:has-text("Audit & token")');
  await page.selectOption('.settings select >> nth=1', 'dark');
  await page.selectOption('.settings select >> nth=2', 'utc');
  assert.match(await page.getAttribute('main time >> nth=0', 'title'), / UTC$/);
  await page.reload();
  await page.waitForSelector('h1:has-text("Audit & token")');
  assert.equal(await page.getAttribute('html', 'data-theme'), 'dark');
  assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), 'dark');
  expectClean(page);
  await page.context().close();
});
