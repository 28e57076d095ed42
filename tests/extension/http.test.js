'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('fs');
const path = require('path');
const { startZapw, startReceiver, until, sleep, EXPIRED_QR } = require('./zapw');

test('GET /extension says what is active, to those who have the key', async (t) => {
  const zapw = await startZapw(t);
  const { json } = await zapw.call('GET', '/extension');
  assert.equal(json.extension, 'zapkeep');
  assert.equal(json.version, 1);
  assert.deepEqual([...new Set(Object.values(json.features))], [true], zapw.log);
  for (const [method, where] of [
    ['GET', '/extension'],
    ['GET', '/sessions/a/status'],
    ['POST', '/sessions/a/reconnect'],
  ])
    assert.equal((await zapw.call(method, where, undefined, {})).status, 401, where);

  await zapw.pair('s1');
  await zapw.emit('s1', 'close', 428);
  assert.equal(
    (await zapw.call('POST', '/sessions/s1/reconnect', undefined, { authorization: 'Bearer k2' })).status,
    401,
  );
  assert.equal((await zapw.emit('s1')).made, 1);
});

test("status: zapw's word and what is known, without side effects", async (t) => {
  const zapw = await startZapw(t);
  const missing = await zapw.call('GET', '/sessions/zapkeep-probe/status');
  assert.equal(missing.status, 404);
  assert.equal(missing.text, '{"status":"error","error":"Session zapkeep-probe not found"}');
  assert.match(missing.type, /^application\/json/);

  await zapw.create('s1');
  const waiting = (await zapw.call('GET', '/sessions/s1/status')).json;
  assert.deepEqual(Object.keys(waiting), ['id', 'status', 'zapwStatus', 'createdAt']);
  assert.deepEqual([waiting.status, waiting.zapwStatus], ['qr_pending', 'qr_waiting']);
  await zapw.emit('s1', 'open');
  const { json } = await zapw.call('GET', '/sessions/s1/status');
  assert.deepEqual([json.id, json.status, json.phoneNumber, json.name], ['s1', 'connected', '5511999', 'Bob']);
  assert.equal((await zapw.emit('s1')).made, 1);
});

test('a session id that is none is refused on every route, before zapw sees it', async (t) => {
  const zapw = await startZapw(t);
  const before = fs.readdirSync(path.dirname(zapw.dataPath));
  const bad = ['..', '..%2Fevil', '%2e%2e%2fevil', 'a.b', 'a%20b', '%zz', 'x'.repeat(65), '%C3%A9'];
  for (const id of bad) {
    for (const [method, where] of [
      ['GET', ''],
      ['DELETE', ''],
      ['GET', '/status'],
      ['POST', '/reconnect'],
      ['POST', '/messages'],
    ]) {
      for (const prefix of ['/sessions/', '/sessions//', '/SESSIONS/']) {
        const { status, json } = await zapw.call(method, prefix + id + where);
        assert.equal(status, 400, `${method} ${prefix}${id}${where}`);
        assert.equal(json.status, 'error');
      }
    }
  }
  for (const body of [
    { sessionId: '../evil' },
    { id: '../evil' },
    { id: 7 },
    { sessionId: ['a'] },
    { sessionId: 'a/b', id: 'ok' },
  ])
    assert.equal((await zapw.call('POST', '/sessions', body)).status, 400, JSON.stringify(body));
  assert.deepEqual(fs.readdirSync(path.dirname(zapw.dataPath)), before);
  assert.equal((await zapw.call('GET', `/sessions/${'x'.repeat(64)}/status`)).status, 404);
});

/* Forms of one request target that HTTP allows and Express routes alike. */
const forms = (path) => [path, `http://x${path}`, `http://user@x:1${path}`, `${path}#x`, `${path}?a=b`, `/${path}`];

test('a session id that is none is refused in every form of a target that Express routes', async (t) => {
  const zapw = await startZapw(t);
  const beside = path.join(path.dirname(zapw.dataPath), 'precious');
  fs.mkdirSync(beside, { recursive: true });
  fs.writeFileSync(path.join(beside, 'file'), 'kept');
  const before = fs.readdirSync(path.dirname(zapw.dataPath));
  for (const target of forms('/sessions/..%2Fprecious'))
    assert.ok((await zapw.call('DELETE', target)).status >= 400, `DELETE ${target}`);
  for (const target of forms('/sessions')) {
    const { status } = await zapw.call('POST', target, { sessionId: '../evil' });
    assert.ok(status === 400 || status === 404, `POST ${target}: ${status}`);
  }
  assert.deepEqual(fs.readdirSync(path.dirname(zapw.dataPath)), before);
  assert.equal(fs.readFileSync(path.join(beside, 'file'), 'utf8'), 'kept');
});

test('a route that did not see the id leaves folders outside of the volume alone', async (t) => {
  const zapw = await startZapw(t, { moved: ['middleware/authMiddleware'] }); // the door cannot come first
  const beside = path.join(path.dirname(zapw.dataPath), 'precious');
  fs.mkdirSync(beside, { recursive: true });
  const before = fs.readdirSync(path.dirname(zapw.dataPath));
  await zapw.call('POST', '/sessions', { sessionId: '../evil' });
  await zapw.call('POST', '/sessions', { sessionId: '../precious' });
  await zapw.call('DELETE', '/sessions/..%2Fprecious');
  assert.deepEqual(fs.readdirSync(path.dirname(zapw.dataPath)), before);
});

test('routes of the extension answer in every form of a target', async (t) => {
  const zapw = await startZapw(t);
  await zapw.pair('s1');
  for (const target of ['/sessions/s1/status', 'http://x/sessions/s1/status', '/sessions/s1/status#x', '/sessions/s1/status/'])
    assert.equal((await zapw.call('GET', target)).json?.status, 'connected', target);
});

test('reconnect: a paired session comes back without a QR code', async (t) => {
  const zapw = await startZapw(t);
  const missing = await zapw.call('POST', '/sessions/s1/reconnect');
  assert.deepEqual([missing.status, missing.text], [404, '{"status":"error","error":"Session s1 not found"}']);

  await zapw.pair('s1');
  const idle = await zapw.call('POST', '/sessions/s1/reconnect');
  assert.deepEqual([idle.status, idle.json.reconnect], [200, 'not needed']);

  await zapw.emit('s1', 'close', 428);
  await until(async () => (await zapw.status('s1')) === 'disconnected');
  const started = await zapw.call('POST', '/sessions/s1/reconnect');
  assert.deepEqual([started.status, started.json], [200, { id: 's1', status: 'connecting', reconnect: 'started' }]);
  const again = await zapw.call('POST', '/sessions/s1/reconnect');
  assert.deepEqual([again.status, again.json.reconnect], [200, 'under way']);
  assert.equal((await zapw.emit('s1', 'open')).made, 2);
  assert.equal(await zapw.status('s1'), 'connected');
});

test('reconnect: two at once are one, also without the guard of one client per session', async (t) => {
  const zapw = await startZapw(t, { edit: { 'services/whatsappService': [/clients/g, 'handles'] } });
  assert.equal((await zapw.call('GET', '/extension')).json.features.oneClient, false);
  await zapw.pair('s1');
  await zapw.emit('s1', 'close', 408);
  await until(async () => (await zapw.status('s1')) === 'disconnected');
  const answers = await Promise.all([1, 2, 3].map(() => zapw.call('POST', '/sessions/s1/reconnect')));
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200],
  );
  assert.equal(answers.filter(({ json }) => json.reconnect === 'started').length, 1);
  assert.equal((await zapw.emit('s1')).made, 2);
});

test('reconnect: a client it closes on purpose is gone, and not told as a disconnect', async (t) => {
  const receiver = await startReceiver(t);
  const zapw = await startZapw(t, { env: { WEBHOOK_URL: receiver.url }, edit: EXPIRED_QR });
  await zapw.create('s1');
  assert.equal((await zapw.call('POST', '/sessions/s1/reconnect')).json.reconnect, 'started');
  assert.deepEqual(await zapw.emit('s1', 'open'), { made: 2, open: 1 });
  await until(() => receiver.of('session.connected').length === 1);
  assert.equal(receiver.of('session.disconnected').length, 0);
});

test('one client: a slow close handler does not drop the client that came after', async (t) => {
  /* zapw's own sending, which keeps its close handler waiting */
  const zapw = await startZapw(t, { moved: ['adapters/webhookAdapter'], env: { STANDIN_SEND_MS: '400' } });
  await zapw.pair('s1');
  await zapw.emit('s1', 'close', 428);
  await zapw.call('POST', '/sessions/s1/reconnect');
  await zapw.emit('s1', 'open');
  await sleep(600); // the handler of the close has finished
  const { json } = await zapw.call('POST', '/sessions/s1/reconnect');
  assert.deepEqual(json, { id: 's1', status: 'connected', reconnect: 'not needed' });
});

test("one client: zapw's restart after 515 does not open a second socket beside ours", async (t) => {
  const zapw = await startZapw(t);
  await zapw.pair('s1');
  await zapw.emit('s1', 'close', 515);
  await zapw.call('POST', '/sessions/s1/reconnect');
  await zapw.emit('s1', 'open');
  await sleep(400); // zapw's restart has come
  assert.deepEqual(await zapw.emit('s1'), { made: 2, open: 1 });
  assert.equal(await zapw.status('s1'), 'connected');
});

test('create: {"id","webhook"} names the session; {"sessionId"} is answered as ever', async (t) => {
  const zapw = await startZapw(t);
  const created = await zapw.create('ignored-by-zapw', {
    sessionId: undefined,
    id: 'ignored-by-zapw',
    webhook: { url: 'http://127.0.0.1:9/' },
  });
  assert.equal(created.status, 201);
  assert.equal(created.json.data.id, 'ignored-by-zapw');
  const plain = await zapw.create('plain');
  assert.deepEqual([plain.status, plain.json.data.id, plain.json.data.status], [201, 'plain', 'qr_waiting']);
  const twice = await zapw.call('POST', '/sessions', { id: 'plain', webhook: { url: 'http://127.0.0.1:9/' } });
  assert.deepEqual([twice.status, twice.text], [409, '{"status":"error","error":"Session plain already exists"}']);

  for (const webhook of [
    'http://x/',
    { url: 'ftp://x/' },
    { url: 'x' },
    { url: 7 },
    { events: 'all' },
    { events: [1] },
    { url: `http://x/${'y'.repeat(2048)}` },
  ])
    assert.equal(
      (await zapw.call('POST', '/sessions', { id: 'other', webhook })).status,
      400,
      JSON.stringify(webhook),
    );
  assert.equal((await zapw.call('GET', '/sessions/other/status')).status, 404);
});

test('a promise that fails in one session does not end the process', async (t) => {
  const zapw = await startZapw(t);
  await zapw.pair('s1');
  await zapw.pair('s2');
  await zapw.call('DELETE', '/sessions/s1');
  await zapw.emit('s1', 'messages.upsert', {
    type: 'notify',
    messages: [{ key: { remoteJid: 'a@s.whatsapp.net' } }],
  });
  assert.equal(await zapw.status('s2'), 'connected');
  await until(() => zapw.log.includes('unhandled'));
});
