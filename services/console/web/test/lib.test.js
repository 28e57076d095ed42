// The pure modules of the front end: node --test
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { curl } from '../src/lib/curl.js';
import { choose, fill, number, t, tOr, translated, use } from '../src/lib/i18n.js';
import { LIVE_START, WAITING_MAX, newer, retryDelay, step as live } from '../src/lib/live.js';
import { problemLink, problemText } from '../src/lib/problems.js';
import { build, parse } from '../src/lib/route.js';
import { area, bucket, ceiling, hours } from '../src/lib/series.js';
import { count, gravity, inOrderOf, keyOf, matcher, sort, tone } from '../src/lib/sessions.js';
import { step } from '../src/lib/step.js';
import { calm, percent, runs } from '../src/lib/strip.js';
import { absolute, clock, duration, parseSpan, relative } from '../src/lib/time.js';
import { flatten, parseBody } from '../src/lib/tree.js';
import { reveal, visible } from '../src/lib/window.js';

const T = Date.UTC(2026, 10, 26, 17, 50, 26);

test('relative times round down, in both directions', () => {
  assert.equal(relative(T - 59e3, T, 'en'), '59 sec. ago');
  assert.equal(relative(T - 61e3, T, 'en'), '1 min. ago');
  assert.equal(relative(T - 47 * 3600e3, T, 'en'), '47 hr. ago');
  assert.equal(relative(T - 49 * 3600e3, T, 'en'), '2 days ago');
  assert.equal(relative(T + 90e3, T, 'en'), 'in 1 min.');
  assert.equal(relative(T, T, 'en'), 'now');
});

test('durations have their two largest units', () => {
  assert.equal(duration(0, 'en'), '0s');
  assert.equal(duration(59e3, 'en'), '59s');
  assert.equal(duration(130e3, 'en'), '2m 10s');
  assert.equal(duration(3600e3, 'en'), '1h');
  assert.equal(duration(26 * 3600e3 + 59e3, 'en'), '1d 2h');
  assert.equal(duration(86400e3 + 5e3, 'en'), '1d');
  assert.equal(duration(-5, 'en'), '0s');
  assert.equal(duration(130e3, 'en', 1), '2m');
});

test('absolute times name their zone', () => {
  assert.equal(absolute(T, true), '2026-11-26 17:50:26 UTC');
  assert.match(absolute(T, false), /^2026-11-2\d \d\d:\d\d:\d\d [+−]\d\d:\d\d$/);
  assert.equal(clock(T, T + 1000, true), '17:50:26');
  assert.equal(clock(T, T + 86400e3, true), '11-26 17:50:26');
});

test('spans are numbers with a unit, nothing else', () => {
  assert.deepEqual(['90s', '15m', '2h', '7d', ' 1h '].map(parseSpan), [90e3, 900e3, 7200e3, 604800e3, 3600e3]);
  for (const bad of ['', 'h', '1', '1w', '-1h', '1h2m', '12345678s', undefined]) assert.equal(parseSpan(bad), undefined);
});

test('addresses keep any session id', () => {
  for (const id of ['a', 'a/b', 'ação 1', '%', '%41', '?x=1', '#', 'loja+1', '<script>']) {
    const back = parse(build(['session', 'main', id], { tab: id, none: '' }));
    assert.deepEqual(back, { path: ['session', 'main', id], query: { tab: id } });
  }
  assert.deepEqual(parse(''), { path: [], query: {} });
  assert.deepEqual(parse('#/x/%zz'), { path: ['x', '%zz'], query: {} });
  assert.equal(build(['sessions'], { q: '', state: 'lost', all: false }), '#/sessions?state=lost');
});

const row = (part) => ({ bridge: 'main', session: 's', name: '', phone: '', state: 'connected', since: T, cause: '', parked: false, silent: false, flapping: false, last_received_at: 0, next_at: 0, ...part });

test('the worst session comes first', () => {
  const rows = ['connected', 'starting', 'unknown', 'qr_pending', 'disconnected', 'logged_out', 'failed', 'lost'].map((state) => row({ state, session: state }));
  rows.push(row({ session: 'parked', state: 'disconnected', parked: true }), row({ session: 'silent', silent: true }));
  assert.deepEqual(sort(rows).map((s) => s.session), ['lost', 'failed', 'logged_out', 'parked', 'disconnected', 'qr_pending', 'unknown', 'starting', 'silent', 'connected']);
  assert.equal(gravity(row({ parked: true })), 9, 'a parked session that is connected needs nobody');
});

test('a tone is bad only where a person or an attempt is needed', () => {
  assert.deepEqual(['lost', 'failed', 'logged_out', 'disconnected', 'qr_pending', 'unknown', 'starting', 'connected'].map((state) => tone(row({ state }))), ['bad', 'bad', 'bad', 'bad', 'warn', 'warn', 'busy', 'ok']);
  assert.equal(tone(row({ silent: true })), 'warn');
  assert.equal(tone(row({ state: 'disconnected', parked: true })), 'warn');
});

test('ids sort as people count, unknown times last, equal rows by id', () => {
  const rows = ['s10', 's9', 's1'].map((session, i) => row({ session, next_at: [0, T, T + 1][i] }));
  assert.deepEqual(sort(rows, 'session').map((s) => s.session), ['s1', 's9', 's10']);
  assert.deepEqual(sort(rows, '-session').map((s) => s.session), ['s10', 's9', 's1']);
  assert.deepEqual(sort(rows, 'next').map((s) => s.session), ['s9', 's1', 's10']);
  assert.deepEqual(sort(rows, 'bridge').map((s) => s.session), ['s1', 's9', 's10']);
  assert.deepEqual(sort(rows, 'no-such-column').length, 3);
});

test('a filter matches as the server does', () => {
  const rows = [row({ session: 'Shop-1', phone: '5511' }), row({ session: 's2', state: 'lost', cause: 'lost' }), row({ session: 's3', state: 'disconnected', parked: true, bridge: 'b' }), row({ session: 's4', silent: true, name: 'Ação' })];
  const ids = (filter) => rows.filter(matcher(filter)).map((s) => s.session).join();
  assert.equal(ids({}), 'Shop-1,s2,s3,s4');
  assert.equal(ids({ q: ' shop ' }), 'Shop-1');
  assert.equal(ids({ q: '511' }), 'Shop-1');
  assert.equal(ids({ q: 'AÇÃO' }), 's4');
  assert.equal(ids({ state: 'lost,disconnected' }), 's2,s3');
  assert.equal(ids({ state: 'parked' }), 's3');
  assert.equal(ids({ state: 'silent' }), 's4');
  assert.equal(ids({ state: 'down' }), 's2,s3');
  assert.ok(!matcher({ state: 'down' })(row({ state: 'qr_pending', parked: true })), 'the server does not count it as down');
  assert.equal(ids({ bridge: 'b' }), 's3');
  assert.equal(ids({ cause: 'lost' }), 's2');
});

// The work grows with their number, not with its square; 10,000 took 7 ms when this was written. Processor time, which other work of
// the machine does not touch.
test('10,000 sessions are filtered and sorted within a keystroke', () => {
  const cost = (n, times) => {
    const rows = Array.from({ length: n }, (_, i) => row({ session: `shop-${i}`, name: `Name ${i % 100}`, state: i % 97 ? 'connected' : 'lost' }));
    const start = process.cpuUsage();
    for (let i = 0; i < times; i += 1) {
      const sorted = sort(rows);
      for (const q of ['9', '99', '999', '9999']) sorted.filter(matcher({ q }));
    }
    const { user, system } = process.cpuUsage(start);
    return user + system;
  };
  cost(10000, 3);
  const [large, small] = [cost(10000, 5), cost(1000, 50)];
  assert.ok(large < 5 * small, `as many rows take ${(large / small).toFixed(1)} times as long in lists of ten times the length`);
});

test("another language shows the text of an error's key, English the console's own sentence", () => {
  const said = 'there is no event 12 in the log, or retention has removed it';
  assert.equal(translated('error.not_found', said), said);
  use('es', { 'error.not_found': 'Ya no existe.' });
  assert.equal(translated('error.not_found', said), 'Ya no existe.');
  assert.equal(translated('error.of_a_later_version', said), said);
  use('en');
});

test('counts by state and mark', () => {
  const c = count([row({}), row({ state: 'lost' }), row({ state: 'disconnected', parked: true }), row({ silent: true })]);
  assert.deepEqual([c.all, c.connected, c.lost, c.down, c.parked, c.silent], [4, 2, 1, 2, 1, 1]);
});

test('the order of rows is held, new ones come last', () => {
  const rows = ['a', 'b', 'c', 'new'].map((session) => row({ session }));
  assert.deepEqual(inOrderOf(rows, ['c', 'a', 'gone', 'b'].map((session) => keyOf(row({ session })))).map((s) => s.session), ['c', 'a', 'b', 'new']);
});

test('the window holds the rows in view and no more', () => {
  assert.deepEqual(visible(0, 380, 38, 10000, 5), { from: 0, to: 15, before: 0, after: 9985 * 38 });
  const w = visible(38 * 5000, 380, 38, 10000, 5);
  assert.deepEqual([w.from, w.to, w.before + (w.to - w.from) * 38 + w.after], [4995, 5015, 380000]);
  assert.deepEqual(visible(9e9, 380, 38, 3, 5).to, 3);
  assert.deepEqual(visible(0, 380, 38, 0), { from: 0, to: 0, before: 0, after: 0 });
  assert.equal(reveal(0, 500, 380, 38), 0);
  assert.equal(reveal(20, 0, 380, 38), 21 * 38 - 380);
  assert.equal(reveal(3, 0, 380, 38), 0);
});

test('a strip is runs of states; what is not known is no drop', () => {
  assert.deepEqual(runs('..ccd'), [{ state: '', from: 0, to: 2 }, { state: 'connected', from: 2, to: 4 }, { state: 'disconnected', from: 4, to: 5 }]);
  assert.deepEqual(runs(''), []);
  assert.equal(calm('..ccdc'), 0.75);
  assert.equal(calm('...'), null);
  assert.deepEqual([1, 0.99999, 0.5, 0.00001, 0, null].map(percent), ['100 %', '99.99 %', '50.0 %', '0.01 %', '0 %', '–']);
});

test('counts in buckets, as a path', () => {
  assert.deepEqual(bucket([[0, 1], [9, 2], [10, 4], [-1, 8], [20, 8]], 0, 20, 2), [3, 4]);
  assert.deepEqual(area([0, 10], 100, 50, 10), { line: 'M0 50L100 0', fill: 'M0 50L100 0L100 50L0 50Z' });
  assert.deepEqual([0, 1, 3, 11, 99, 1000].map(ceiling), [1, 1, 5, 20, 100, 1000]);
});

test('nothing of an event leaves the quotes of its command', () => {
  const text = curl('http://x/?a=1', `{"t":"it's \`id\` $(id)"}`, { 'webhook-id': "a'b" });
  assert.equal(text.replace(/'[^']*'|\\'/g, '').trim().replace(/\s+/g, ' '), 'curl -X POST \\ -H \\ -H \\ --data-raw');
});

test('a tree has a limit, and closed branches', () => {
  const rows = flatten({ a: [1, { b: null }], c: {} }, (path, depth) => depth < 2);
  assert.deepEqual(rows.map((r) => r.path), ['$', '$/a', '$/a/0', '$/a/1', '$/c']);
  assert.deepEqual(rows.map((r) => r.open), [true, true, false, false, false]);
  assert.equal(flatten(Array.from({ length: 5000 }, () => 1), () => true, 100).length, 100);
  assert.equal(parseBody('not json'), 'not json');
});

test('of a list and a stream that overlap each event is there once', () => {
  const list = [{ seq: 7 }, { seq: 5 }];
  assert.deepEqual(newer([{ seq: 6 }, { seq: 7 }, { seq: 8 }, { seq: 9 }], list), [{ seq: 8 }, { seq: 9 }]);
  assert.deepEqual(newer([{ seq: 1 }], []), [{ seq: 1 }]);
});

test('a paused page loses no message, and reads anew when too many waited', () => {
  let [s] = live(LIVE_START, { type: 'pause', reason: 'hover' });
  for (let i = 0; i < 3; i++) {
    const [next, deliver] = live(s, { type: 'message', message: { n: i } });
    assert.deepEqual(deliver, []);
    s = next;
  }
  let [after, deliver] = live(s, { type: 'resume' });
  assert.deepEqual(deliver.map((m) => m.n), [0, 1, 2]);
  assert.deepEqual(live(after, { type: 'message', message: 7 })[1], [7]);
  [s] = live(after, { type: 'pause', reason: 'button' });
  for (let i = 0; i < WAITING_MAX + 5; i++) [s] = live(s, { type: 'message', message: i });
  assert.equal(s.waiting.length + s.lost, WAITING_MAX + 5);
  [, deliver] = live(s, { type: 'resume' });
  assert.deepEqual(deliver, [{ kind: 'reload' }]);
});

test('attempts to reach the server again grow apart, up to a limit', () => {
  const delays = [0, 1, 2, 3, 4, 5, 50].map((n) => retryDelay(n, 0.5));
  assert.ok(delays.every((d, i) => i === 0 || d >= delays[i - 1]));
  assert.equal(delays[0], 500);
  assert.equal(retryDelay(99, 0.99) <= 12500, true);
});

test('the next step is that of the command line', () => {
  const cases = [['qr_pending', '', false, 'scan'], ['logged_out', 'logged-out', false, 'link_again'], ['failed', 'banned', true, 'pair_when_accepted'], ['lost', 'lost', false, 'create_again'], ['failed', 'client-outdated', true, 'update_bridge'], ['connected', 'client-outdated', false, ''], ['disconnected', 'replaced', true, 'unpark'], ['disconnected', 'connection-lost', false, ''], ['connected', '', false, '']];
  for (const [state, cause, parked, wanted] of cases) assert.equal(step({ state, cause, parked }), wanted, `${state} ${cause}`);
});

test('a problem with an unknown key is shown in the words of the server', () => {
  const p = { level: 'bad', area: 'sessions', text: 'as the server says', bridge: 'a b', session: '', key: 'not-known-yet', args: { n: 3 } };
  assert.deepEqual(problemText(p, T), { text: 'as the server says', step: '' });
  assert.deepEqual(problemText({ ...p, key: 'alert', args: { alert: 'session-parked' }, session: 's1' }, T), { text: 'Session parked: s1', step: 'Nothing is tried until somebody unparks it.' });
  assert.equal(problemText({ ...p, key: 'alert', args: { alert: 'session-parked' }, session: 's1' }, T, true).text, 'Session parked: s1 (a b)');
  assert.equal(problemText({ ...p, key: 'sessions-down', args: { n: 2, all: 9, names: 's1 (logged_out), s2 (parked)' } }, T).text, '2 of 9 sessions down on bridge a b: s1 (logged out), s2 (parked)');
  assert.equal(problemLink(p), '#/sessions?state=down&bridge=a+b');
  assert.equal(problemLink({ ...p, session: 's/1' }), '#/session/a%20b/s%2F1');
  assert.equal(problemLink({ ...p, area: 'delivery' }), '#/delivery');
});

test('texts: plural, placeholders, fallbacks', () => {
  assert.equal(t('sessions.n', { n: 1 }), '1 session');
  assert.equal(t('sessions.n', { n: 12000 }), '12,000 sessions');
  assert.equal(t('no.such.key'), 'no.such.key');
  assert.equal(tOr('no.such.key', 'theirs'), 'theirs');
  assert.equal(fill('{a} {b}', { a: '$&' }), '$& {b}');
  assert.deepEqual([['pt-PT'], ['pt'], ['es-MX'], ['id-ID'], ['de', 'es'], ['fr'], []].map(choose), ['pt-BR', 'pt-BR', 'es', 'id', 'es', 'en', 'en']);
  use('pt-BR', { 'sessions.n.other': '{n} sessões' });
  assert.equal(t('sessions.n', { n: 12000 }), '12.000 sessões');
  assert.equal(t('nav.overview'), 'Overview');
  assert.equal(number(null), '–');
  use('en');
});

test('a week has each of its hours, also those without a message', () => {
  const now = 1000 * 3600e3 + 5;
  const week = hours([{ at: 990 * 3600e3, received: 4 }, { at: 1000 * 3600e3, received: 2 }, { at: 3600e3, received: 9 }], now);
  assert.equal(week.length, 168);
  assert.deepEqual(week.filter((h) => h.received > 0).map((h) => h.at / 3600e3), [990, 1000]);
  assert.equal(week[167].received, 2);
  assert.equal(week[0].at, 833 * 3600e3);
});
