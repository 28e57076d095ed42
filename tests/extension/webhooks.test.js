'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { startZapw, startReceiver, until } = require('./zapw');

const text = (id) => ({
  type: 'notify',
  messages: [
    { key: { remoteJid: '551188@s.whatsapp.net', id }, messageTimestamp: 1700000000, message: { conversation: id } },
  ],
});
const idsOf = (requests) => requests.map(({ body }) => body.data.messageId).filter(Boolean);

async function start(t, { receiver, ...env }, data) {
  return startZapw(t, { env: { WEBHOOK_URL: receiver.url, WEBHOOK_AUTH_TOKEN: 'new,old', ...env }, data });
}

test('a webhook carries the token, and one id in its header and as the last key', async (t) => {
  const receiver = await startReceiver(t);
  const zapw = await start(t, { receiver });
  await zapw.pair('s1');
  await zapw.emit('s1', 'messages.upsert', text('IN1'));
  await until(() => receiver.of('message.received').length);
  const { headers, body, text: bytes } = receiver.taken.find((request) => request.body.data.messageId === 'IN1');
  assert.equal(headers.authorization, 'Bearer new');
  assert.equal(headers['x-webhook-event'], 'message.received');
  assert.equal(headers['content-type'], 'application/json');
  assert.match(headers['x-webhook-id'], /^evt_[0-9a-f]{32}$/);
  assert.equal(body.id, headers['x-webhook-id']);
  assert.deepEqual(Object.keys(body), ['sessionId', 'origin', 'eventType', 'timestamp', 'data', 'id']);
  assert.ok(bytes.endsWith(`,"id":"${body.id}"}`));
  const ids = receiver.taken.map((request) => request.body.id);
  assert.equal(new Set(ids).size, ids.length);
});

test("the token goes to the host of WEBHOOK_URL, never to another host that a session names", async (t) => {
  const receiver = await startReceiver(t);
  const other = await startReceiver(t);
  const zapw = await start(t, { receiver });
  await zapw.pair('own', { webhook: { url: `${receiver.url}/own` } });
  await zapw.pair('away', { webhook: { url: other.url } });
  await until(() => other.taken.length && receiver.taken.some(({ body }) => body.sessionId === 'own'));
  assert.equal(other.taken[0].headers.authorization, undefined);
  assert.equal(receiver.taken.find(({ body }) => body.sessionId === 'own').headers.authorization, 'Bearer new');
});

test('a probe goes the way of every webhook', async (t) => {
  const receiver = await startReceiver(t);
  const zapw = await start(t, { receiver });
  assert.equal((await zapw.call('POST', '/extension/probe', undefined, {})).status, 401);
  const { status, json } = await zapw.call('POST', '/extension/probe');
  assert.equal(status, 202);
  await until(() => receiver.of('zapkeep.probe').length);
  const [{ headers, body }] = receiver.taken;
  assert.equal(body.data.nonce, json.nonce);
  assert.equal(headers.authorization, 'Bearer new');
});

test('no token is sent when there is none, and a password in the URL arrives', async (t) => {
  const receiver = await startReceiver(t);
  const env = { WEBHOOK_URL: receiver.url.replace('//', '//zapkeep:T%20K@'), WEBHOOK_AUTH_TOKEN: '' };
  const zapw = await start(t, { receiver, ...env });
  await zapw.create('s1');
  await until(() => receiver.taken.length);
  assert.equal(receiver.taken[0].headers.authorization, `Basic ${Buffer.from('zapkeep:T K').toString('base64')}`);
});

test('in order per session: a failing event holds its own session back and no other', async (t) => {
  const receiver = await startReceiver(t);
  const zapw = await start(t, { receiver });
  await zapw.pair('s1');
  await zapw.pair('s2');
  let failures = 2;
  receiver.answer = ({ body }) => (body.data.messageId === 'A1' && failures-- > 0 ? 500 : 200);
  for (const id of ['A1', 'A2', 'A3']) await zapw.emit('s1', 'messages.upsert', text(id));
  await zapw.emit('s2', 'messages.upsert', text('B1'));
  await until(() => idsOf(receiver.taken).length === 4);
  assert.deepEqual(idsOf(receiver.taken), ['B1', 'A1', 'A2', 'A3']);
  const tries = receiver.got.filter(({ body }) => body.data.messageId === 'A1');
  assert.equal(tries.length, 3);
  assert.equal(new Set(tries.map(({ headers }) => headers['x-webhook-id'])).size, 1);
  assert.equal(new Set(tries.map(({ text: bytes }) => bytes)).size, 1);
});

test('a receiver that is away for a while gets everything, in order', async (t) => {
  const first = await startReceiver(t);
  const zapw = await start(t, { receiver: first });
  await zapw.pair('s1');
  await until(() => first.types().includes('session.connected'));
  await first.close();
  const sent = Array.from({ length: 20 }, (_, i) => `M${i}`);
  for (const id of sent) await zapw.emit('s1', 'messages.upsert', text(id));
  await until(() => zapw.log.includes('webhook-failed'));
  const second = await startReceiver(t, first.port);
  await until(() => second.taken.length >= sent.length);
  assert.deepEqual(idsOf(second.taken), sent);
});

test('kill -9 of the bridge while the receiver refuses: all arrives after the restart, with the same ids', async (t) => {
  const receiver = await startReceiver(t);
  receiver.answer = () => 503;
  const zapw = await start(t, { receiver });
  await zapw.pair('s1');
  await until(async () => (await zapw.call('GET', '/extension')).json.spool.events === 2); // session.qr, session.connected
  for (const id of ['M1', 'M2', 'M3']) await zapw.emit('s1', 'messages.upsert', text(id));
  await until(() => receiver.got.length > 0);
  const triedId = receiver.got[0].body.id;
  await zapw.kill();
  assert.equal(receiver.taken.length, 0);

  receiver.answer = () => 200;
  const again = await start(t, { receiver }, zapw.dataPath);
  await until(() => idsOf(receiver.taken).length === 3);
  assert.equal(receiver.taken[0].body.id, triedId);
  assert.deepEqual(receiver.types().slice(0, 3), ['session.qr', 'session.connected', 'message.received']);
  assert.deepEqual(idsOf(receiver.taken), ['M1', 'M2', 'M3']);
  await until(async () => (await again.call('GET', '/extension')).json.spool.events === 0);
});

test('a full spool keeps the oldest and says loudly what it loses', async (t) => {
  const receiver = await startReceiver(t);
  const zapw = await start(t, { receiver, WEBHOOK_SPOOL_EVENTS: '3' });
  await zapw.pair('s1');
  await until(() => receiver.types().includes('session.connected'));
  receiver.answer = () => 503;
  for (const id of ['M1', 'M2', 'M3', 'M4', 'M5']) await zapw.emit('s1', 'messages.upsert', text(id));
  await until(() => zapw.log.includes('EVENT LOST'));
  assert.deepEqual((await zapw.call('GET', '/extension')).json.spool.dropped, 2);
  receiver.answer = () => 200;
  await until(() => idsOf(receiver.taken).length === 3);
  assert.deepEqual(idsOf(receiver.taken), ['M1', 'M2', 'M3']);
});

test("a session's own URL and events count, over a restart, until it is deleted", async (t) => {
  const receiver = await startReceiver(t);
  const webhook = { url: receiver.url.replace('/hook', '/own'), events: ['session.connected', 'message.received'] };
  const zapw = await start(t, { receiver });
  await zapw.pair('own', { webhook });
  await zapw.pair('plain');
  await until(() => receiver.of('session.connected').length === 2);
  const at = (path) =>
    receiver.taken
      .filter((request) => request.path === path)
      .map(({ body }) => `${body.sessionId} ${body.eventType}`);
  assert.deepEqual(at('/own'), ['own session.connected']);
  assert.deepEqual(at('/hook'), ['plain session.qr', 'plain session.connected']);
  await zapw.kill();

  const again = await start(t, { receiver }, zapw.dataPath);
  await again.emit('own', 'messages.upsert', text('M1'));
  await until(() => idsOf(receiver.taken).includes('M1'));
  assert.equal(at('/own').at(-1), 'own message.received');
  assert.equal((await again.call('DELETE', '/sessions/own')).status, 204);
  await again.pair('own');
  await until(() => at('/hook').includes('own session.connected'));
});

test('ENABLE_WEBHOOK=false is obeyed', async (t) => {
  const receiver = await startReceiver(t);
  const zapw = await start(t, { receiver, ENABLE_WEBHOOK: 'false' });
  await zapw.pair('s1');
  await zapw.emit('s1', 'messages.upsert', text('M1'));
  await until(async () => (await zapw.status('s1')) === 'connected');
  assert.equal((await zapw.call('GET', '/extension')).json.spool.events, 0);
  assert.equal(receiver.got.length, 0);
});
