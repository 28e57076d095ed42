'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('fs');
const path = require('path');
const { tempDir, until, sleep, EXTENSION } = require('./zapw');

const { retryDelayMs } = require(path.join(EXTENSION, 'lib/retry'));
const { Spool } = require(path.join(EXTENSION, 'lib/spool'));
const { Sender } = require(path.join(EXTENSION, 'lib/sender'));
const { AtomicFile } = require(path.join(EXTENSION, 'lib/atomic_file'));
const { newEventId } = require(path.join(EXTENSION, 'lib/event_id'));
const { isMissed } = require(path.join(EXTENSION, 'features/offline'));
const environment = require(path.join(EXTENSION, 'environment'));

function makeLog() {
  const lines = [];
  const add = (id) => lines.push(id);
  return { debug: add, info: add, warn: add, error: add, lines };
}
const event = (n, size = 10) => ({ id: `evt_${n}`, eventType: 'message.received', body: 'x'.repeat(size) });
const makeSpool = (dir, more = {}) => new Spool(dir, { maxEvents: 1000, maxBytes: 1e6, log: makeLog(), ...more });

function drain(spool, queue) {
  const ids = [];
  for (let record; (record = spool.oldest(queue)); spool.removeOldest(queue)) ids.push(record.id);
  return ids;
}

test('retry delays', () => {
  const cases = [
    [1, { status: 0 }, 0.5, 1000],
    [2, { status: 503 }, 0.5, 2000],
    [3, { status: 408 }, 0.5, 4000],
    [4, { status: 429 }, 0.5, 8000],
    [7, { status: 500 }, 0.5, 60000],
    [1e6, { status: 0 }, 0.5, 60000],
    [1, { status: 0 }, 0, 800],
    [1e6, { status: 0 }, 0.999, 71976],
    [1, { status: 400 }, 0.5, 30000],
    [1, { status: 401 }, 0.5, 30000],
    [1, { status: 301 }, 0.5, 30000],
    [1e6, { status: 413 }, 0.5, 300000],
    [1, { status: 503, retryAfterMs: 7000 }, 0.5, 7000],
    [1, { status: 429, retryAfterMs: 1e9 }, 0.5, 300000],
    [5, { status: 429, retryAfterMs: 1000 }, 0.5, 16000],
  ];
  for (const [attempt, answer, random, expected] of cases)
    assert.equal(retryDelayMs(attempt, answer, random), expected, JSON.stringify([attempt, answer]));
});

test('event ids differ and sort by time', () => {
  assert.notEqual(newEventId(1), newEventId(1));
  assert.ok(newEventId(1795340484332) < newEventId(1795340484333));
});

test('missed messages: not older than the downtime, in each form of a time', () => {
  const key = { fromMe: false };
  const message = { conversation: 'x' };
  const since = 1700000000000;
  const cases = [
    [{ key, message, messageTimestamp: 1700000000 }, true],
    [{ key, message, messageTimestamp: 1699999999 }, false],
    [{ key, message, messageTimestamp: '1699999999' }, false],
    [{ key, message, messageTimestamp: { toNumber: () => 1700000000 } }, true],
    [{ key, message, messageTimestamp: { toNumber: () => 1699999999 } }, false],
    [{ key, message }, true],
    [{ key, messageTimestamp: 1700000000 }, false],
    [{ key, messageStubType: 40, messageTimestamp: 1700000000 }, true],
    [{ key: { fromMe: true }, message, messageTimestamp: 1700000000 }, false],
  ];
  for (const [given, expected] of cases) assert.equal(isMissed(given, since), expected, JSON.stringify(given));
});

test('spool: what was added comes out in order, also after a restart', (t) => {
  const dir = tempDir(t);
  const spool = makeSpool(dir);
  for (let n = 0; n < 5; n++) spool.add('s1', event(n));
  const queue = spool.add('s2', event(9));
  assert.deepEqual(drain(spool, queue), ['evt_9']);
  const first = spool.add('s1', event(5));
  assert.equal(spool.oldest(first).id, 'evt_0');
  spool.removeOldest(first);

  const again = makeSpool(dir);
  const [s1, ...none] = again.load();
  assert.deepEqual([s1.session, none.length, again.counts.events], ['s1', 0, 5]);
  assert.deepEqual(again.oldest(s1), event(1));
  again.add('s1', event(6));
  assert.deepEqual(drain(again, s1), ['evt_1', 'evt_2', 'evt_3', 'evt_4', 'evt_5', 'evt_6']);
  assert.deepEqual([again.counts.events, again.counts.bytes, fs.readdirSync(dir)], [0, 0, []]);
});

test('spool: a line torn by a crash is lost alone, and what follows is not', (t) => {
  const dir = tempDir(t);
  const spool = makeSpool(dir);
  spool.add('s1', event(1));
  fs.appendFileSync(path.join(dir, 's1.jsonl'), '{"id":"evt_2","bo');
  const log = makeLog();
  const again = makeSpool(dir, { log });
  const [queue] = again.load();
  assert.ok(log.lines.includes('spool-torn'));
  again.add('s1', event(3));
  assert.equal(again.oldest(queue).id, 'evt_1');
  const third = makeSpool(dir);
  assert.deepEqual(drain(third, third.load()[0]), ['evt_1', 'evt_3']);
});

test('spool: delivered lines do not pile up while something waits', (t) => {
  const dir = tempDir(t);
  const spool = makeSpool(dir, { maxBytes: 1e9 });
  const queue = spool.add('s1', event(0, 5000));
  for (let n = 1; n <= 200; n++) {
    spool.add('s1', event(n, 5000));
    spool.removeOldest(queue);
  }
  assert.equal(spool.oldest(queue).id, 'evt_200');
  assert.ok(fs.statSync(queue.file).size < 200 * 1000, String(fs.statSync(queue.file).size));
  const again = makeSpool(dir);
  assert.deepEqual(drain(again, again.load()[0]), ['evt_200']);
});

test('spool: full in events or bytes, the newest is refused', (t) => {
  const few = makeSpool(tempDir(t), { maxEvents: 2 });
  const queue = few.add('a', event(1));
  few.add('b', event(2));
  assert.equal(few.add('a', event(3)), null);
  assert.equal(few.counts.dropped, 1);
  few.removeOldest(queue);
  assert.ok(few.add('a', event(4)));

  const small = makeSpool(tempDir(t), { maxBytes: 250 });
  assert.ok(small.add('a', event(1, 100)));
  assert.equal(small.add('a', event(2, 100)), null);
  assert.ok(small.add('a', event(3, 1)));
});

test('spool: a disk that takes nothing costs durability, not events', (t) => {
  const dir = tempDir(t);
  const log = makeLog();
  const spool = makeSpool(dir, { log });
  fs.mkdirSync(path.join(dir, 's1.jsonl'));
  const queue = spool.add('s1', event(1));
  spool.add('s1', event(2));
  assert.ok(log.lines.includes('spool-unwritten'));
  fs.rmdirSync(path.join(dir, 's1.jsonl'));
  spool.add('s1', event(3));
  assert.deepEqual(drain(spool, queue), ['evt_1', 'evt_2', 'evt_3']);
});

function makeSender(t, send, more = {}) {
  return new Sender({
    spool: makeSpool(tempDir(t)),
    log: makeLog(),
    url: 'http://x/',
    token: '',
    send,
    delayMs: () => 5,
    ...more,
  });
}

test('sender: sessions side by side, but never more than eight requests, and one per session', async (t) => {
  let now = 0,
    most = 0,
    done = 0;
  const perSession = new Map();
  const sender = makeSender(t, async (url, headers, body) => {
    const session = body.split(' ')[0];
    perSession.set(session, (perSession.get(session) ?? 0) + 1);
    assert.equal(perSession.get(session), 1, 'two at once for one session');
    most = Math.max(most, ++now);
    await sleep(1);
    now -= 1;
    done += 1;
    perSession.set(session, 0);
    return { status: 200 };
  });
  for (let n = 0; n < 100; n++) sender.add(`s${n % 20}`, { id: `e${n}`, eventType: 'a', body: `s${n % 20} ${n}` });
  await until(() => done === 100);
  assert.equal(most, 8);
});

test('sender: a refused event (4xx) is tried again, and nothing passes it', async (t) => {
  const sent = [];
  let left = 3;
  const sender = makeSender(t, async (url, headers, body) => {
    sent.push(body);
    return { status: left-- > 0 ? 400 : 200 };
  });
  for (const body of ['1', '2']) sender.add('s1', { id: body, eventType: 'a', body });
  await until(() => sent.length === 5);
  assert.deepEqual(sent, ['1', '1', '1', '1', '2']);
});

test('sender: when the receiver is back, nobody waits for the rest of his delay', async (t) => {
  let up = false;
  const taken = [];
  const send = async (url, headers, body) =>
    up ? (taken.push(body), { status: 200 }) : Promise.reject(new Error('away'));
  const sender = makeSender(t, send, { delayMs: (attempt, answer, random) => (up ? 5 : random) });
  let delay = 1e8;
  sender.random = () => delay;
  sender.add('patient', { id: '1', eventType: 'a', body: '1' });
  sender.add('patient too', { id: '2', eventType: 'a', body: '2' });
  await until(() => sender.waiting.size === 2);
  up = true;
  sender.add('new', { id: '3', eventType: 'a', body: '3' });
  await until(() => taken.length === 3);
  assert.equal(taken[0], '3');
});

test('sender: a receiver that fails at one event is not asked for it at every success of others', async (t) => {
  let poisoned = 0,
    good = 0;
  const sender = makeSender(
    t,
    async (url, headers, body) => {
      if (body !== 'poison') return ((good += 1), { status: 200 });
      poisoned += 1;
      return { status: 500 };
    },
    { delayMs: () => 1e8 },
  );
  sender.add('a', { id: '1', eventType: 'a', body: 'poison' });
  await until(() => sender.waiting.size === 1);
  for (let n = 0; n < 10; n++) sender.add('b', { id: `${n}`, eventType: 'a', body: 'good' });
  await until(() => good === 10);
  assert.equal(poisoned, 1);
});

test('atomic file: the last content is written, writes do not overlap, a failure is told and not kept', async (t) => {
  const dir = tempDir(t);
  const file = new AtomicFile(path.join(dir, 'x'));
  let writes = 0;
  const write = file.write.bind(file);
  file.write = (text) => ((writes += 1), write(text));
  let value = 0;
  await Promise.all(Array.from({ length: 50 }, () => ((value += 1), file.save(() => String(value)))));
  assert.equal(fs.readFileSync(path.join(dir, 'x'), 'utf8'), '50');
  assert.ok(writes <= 2, String(writes));
  assert.deepEqual(fs.readdirSync(dir), ['x']);

  fs.mkdirSync(path.join(dir, 'x.tmp'));
  await assert.rejects(file.save(() => 'a'));
  fs.rmdirSync(path.join(dir, 'x.tmp'));
  await file.save(() => 'b');
  assert.equal(fs.readFileSync(path.join(dir, 'x'), 'utf8'), 'b');
});

test('environment: names of the compose file, secrets from files', (t) => {
  const dir = tempDir(t);
  const file = path.join(dir, 'secret');
  fs.writeFileSync(file, 's3cret\n');
  const cases = [
    [{}, { SESSIONS_DATA_PATH: 'sessions_data', ENABLE_WEBHOOK: 'true' }],
    [{ SESSION_DATA_PATH: '/a' }, { SESSIONS_DATA_PATH: '/a' }],
    [{ SESSION_DATA_PATH: '/a', SESSIONS_DATA_PATH: '/b' }, { SESSIONS_DATA_PATH: '/b' }],
    [{ ENABLE_WEBHOOK: 'false' }, { ENABLE_WEBHOOK: 'false' }],
    [{ ENABLE_WEBHOOK: '' }, { ENABLE_WEBHOOK: 'true' }],
    [
      { API_KEY_FILE: file, WEBHOOK_AUTH_TOKEN_FILE: file },
      { API_KEY: 's3cret', WEBHOOK_AUTH_TOKEN: 's3cret' },
    ],
    [{ API_KEY_FILE: file, API_KEY: '' }, { API_KEY: 's3cret' }],
    [{ API_KEY_FILE: '', API_KEY: 'k' }, { API_KEY: 'k' }],
  ];
  for (const [given, expected] of cases) {
    const env = { ...given };
    environment.fill(env);
    for (const [name, value] of Object.entries(expected)) assert.equal(env[name], value, JSON.stringify(given));
  }
  fs.writeFileSync(path.join(dir, 'empty'), '\n');
  const wrong = [
    [{ API_KEY_FILE: path.join(dir, 'none') }, /API_KEY_FILE=.* cannot be read \(ENOENT\)/],
    [{ API_KEY_FILE: path.join(dir, 'empty') }, /API_KEY_FILE=.* is empty/],
    [{ API_KEY_FILE: file, API_KEY: 'k' }, /both set/],
  ];
  for (const [env, words] of wrong) assert.throws(() => environment.fill(env), words);
  assert.throws(() => environment.checkDataPath({ SESSIONS_DATA_PATH: path.join(file, 'x') }), /SESSION_DATA_PATH/);
});

test('a spool of another hand: what is an event is sent, the rest is given up, and nothing waits', (t) => {
  const dir = tempDir(t);
  const line = (more) => `${JSON.stringify({ ...event(1), ...more })}\n`;
  const files = {
    'a.jsonl': `5\nnull\n[]\n"x"\n{}\nnonsense\n${line({ url: 'no url' })}${line({ url: 'file:///etc/passwd' })}${line({ eventType: 'a\nb: c' })}${line({ id: undefined })}${line({})}`,
    '%zz.jsonl': line({}),
    'not"encoded.jsonl': line({}),
  };
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(dir, name), text);
  fs.mkdirSync(path.join(dir, 'folder.jsonl'));
  const spool = makeSpool(dir);
  const [queue, ...more] = spool.load();
  assert.deepEqual([queue.session, more], ['a', []]);
  assert.deepEqual(drain(spool, queue), ['evt_1']);
  assert.deepEqual([spool.counts.events, spool.counts.bytes], [0, 0]);
  assert.deepEqual(fs.readdirSync(dir).sort(), ['%zz.jsonl', 'folder.jsonl', 'not"encoded.jsonl']);
});

test('notes of another hand: entries that are none are left out', async (t) => {
  const { Notes } = require(path.join(EXTENSION, 'lib/notes'));
  const cases = [
    ['null', {}],
    ['[1]', {}],
    ['{"s1":null}', {}],
    ['{"s1":{"webhook":{"url":7}}}', {}],
    ['{"s1":{"webhook":{"events":"x"}}}', {}],
    ['{"s1":{"webhook":{"url":"http://a/","events":["b"]}}}', { webhook: { url: 'http://a/', events: ['b'] } }],
  ];
  for (const [text, expected] of cases) {
    const file = path.join(tempDir(t), 'notes.json');
    fs.writeFileSync(file, text);
    assert.deepEqual(new Notes(file, makeLog()).get('s1'), expected, text);
  }
});

test("the token goes to WEBHOOK_URL's scheme, host and port alone", async () => {
  const sender = new Sender({ spool: null, log: makeLog(), url: 'https://host:8443/hook', token: 't' });
  const sent = (url) => sender.headers(event(1), url).Authorization;
  assert.equal(sent('https://host:8443/other'), 'Bearer t');
  for (const url of ['http://host:8443/hook', 'https://host/hook', 'https://host.evil:8443/hook', 'https://host:8443@evil/'])
    assert.equal(sent(url), undefined, url);
});
