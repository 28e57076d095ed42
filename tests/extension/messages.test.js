'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('fs');
const path = require('path');
const { startZapw, startReceiver, until, EXPIRED_QR } = require('./zapw');

const PEER = '551188@s.whatsapp.net';
const GROUP = '120@g.us';
const seconds = (ago = 0) => Math.floor(Date.now() / 1000) - ago;

/* Everything so far has arrived when this has: events of a session keep their order. */
async function flush(zapw, receiver, id = 's1') {
  const mark = `mark-${Math.random()}`;
  const messages = [{ key: { remoteJid: PEER, id: mark }, messageTimestamp: 1, message: { conversation: mark } }];
  await zapw.emit(id, 'messages.upsert', { type: 'notify', messages });
  await until(() => receiver.taken.some(({ body }) => body.data.messageId === mark));
}

async function startPaired(t, options = {}) {
  const receiver = await startReceiver(t);
  const zapw = await startZapw(t, { env: { WEBHOOK_URL: receiver.url }, ...options });
  await zapw.pair('s1');
  return { receiver, zapw };
}

test('receipts of our own messages are told apart; other updates are none', async (t) => {
  const { receiver, zapw } = await startPaired(t);
  const own = { remoteJid: PEER, fromMe: true };
  const theirs = { remoteJid: PEER, fromMe: false };
  await zapw.emit('s1', 'messages.update', [
    { key: { ...own, id: 'M2' }, update: { status: 2 } },
    { key: { ...own, id: 'M3' }, update: { status: 3 } },
    { key: { ...own, id: 'M4' }, update: { status: 4 } },
    { key: { ...own, id: 'M5' }, update: { status: 5 } }, // a voice message was played
    { key: { ...own, id: 'M1' }, update: { status: 1 } },
    { key: { ...own, id: 'M0' }, update: { status: 0 } },
    { key: { ...own, id: 'EDIT' }, update: { message: { editedMessage: {} } } },
    { key: { ...theirs, id: 'IN3' }, update: { status: 3 } },
    { key: { ...theirs, id: 'IN4' }, update: { status: 4 } }, // read on our own phone
  ]);
  await flush(zapw, receiver);
  const told = receiver.taken
    .filter(({ body }) => /sent|delivered|read$/.test(body.eventType))
    .map(({ body }) => [body.eventType, body.data]);
  assert.deepEqual(told, [
    ['message.sent', { messageId: 'M2', status: 2 }],
    ['message.delivered', { messageId: 'M3', status: 3 }],
    ['message.read', { messageId: 'M4', status: 4 }],
    ['message.read', { messageId: 'M5', status: 4 }],
  ]);
});

test('receipts in a group come per member', async (t) => {
  const { receiver, zapw } = await startPaired(t);
  const own = { remoteJid: GROUP, fromMe: true, id: 'G1' };
  const member = '552@s.whatsapp.net';
  await zapw.emit('s1', 'message-receipt.update', [
    { key: own, receipt: { userJid: member, receiptTimestamp: 1 } },
    { key: own, receipt: { userJid: member, readTimestamp: 2 } },
    { key: own, receipt: { userJid: '5511999@s.whatsapp.net', readTimestamp: 2 } }, // our own phone
    { key: own, receipt: { userJid: '777@lid', readTimestamp: 2 } }, // the same, by its other name
    { key: { ...own, fromMe: false }, receipt: { userJid: member, readTimestamp: 2 } },
  ]);
  await flush(zapw, receiver);
  const rest = { participant: member, groupId: GROUP };
  assert.deepEqual(
    receiver.of('message.delivered').map(({ data }) => data),
    [{ messageId: 'G1', status: 3, ...rest }],
  );
  assert.deepEqual(
    receiver.of('message.read').map(({ data }) => data),
    [{ messageId: 'G1', status: 4, ...rest }],
  );
});

const backlog = (type) => ({
  type,
  messages: [
    { key: { remoteJid: PEER, id: 'MISSED' }, messageTimestamp: seconds(), message: { conversation: 'hi' } },
    { key: { remoteJid: PEER, id: 'UNDECRYPTED' }, messageTimestamp: seconds(), messageStubType: 2 },
    { key: { remoteJid: PEER, id: 'OLD' }, messageTimestamp: seconds(3600), message: { conversation: 'history' } },
    {
      key: { remoteJid: PEER, id: 'OWN', fromMe: true },
      messageTimestamp: seconds(),
      message: { conversation: 'x' },
    },
    { key: { remoteJid: GROUP, id: 'SUBJECT' }, messageTimestamp: seconds(), messageStubType: 21 },
  ],
});
const missed = (receiver) =>
  receiver
    .of('message.received')
    .filter(({ data }) => data.offline)
    .map(({ data }) => data.messageId);

test('messages that arrived while the session was down are told, with "offline":true', async (t) => {
  const { receiver, zapw } = await startPaired(t);
  await zapw.emit('s1', 'close', 428);
  await zapw.call('POST', '/sessions/s1/reconnect');
  await zapw.emit('s1', 'messages.upsert', backlog('append'));
  await zapw.emit('s1', 'open');
  await flush(zapw, receiver);
  assert.deepEqual(missed(receiver), ['MISSED', 'UNDECRYPTED']);
  const [{ data }] = receiver.of('message.received');
  assert.deepEqual([data.from, data.text, Object.keys(data).at(-1)], [PEER, 'hi', 'offline']);
  assert.equal(receiver.of('message.received').at(-1).data.offline, undefined);
});

test('messages that arrived while the bridge was dead are told too, and none older', async (t) => {
  const { receiver, zapw } = await startPaired(t);
  const file = (name) => path.join(zapw.dataPath, name);
  await zapw.emit('s1', 'close', 428);
  await until(() => fs.existsSync(file('.zapkeep/sessions.json')));
  await zapw.kill();
  const list = JSON.parse(fs.readFileSync(file('sessions-metadata.json'), 'utf8'));
  list.s1.createdAt = new Date(Date.now() - 24 * 3600 * 1000).toISOString();
  fs.writeFileSync(file('sessions-metadata.json'), JSON.stringify(list));
  const again = await startZapw(t, { env: { WEBHOOK_URL: receiver.url }, data: zapw.dataPath });
  await again.emit('s1', 'messages.upsert', backlog('append'));
  await again.emit('s1', 'open');
  await flush(again, receiver);
  assert.deepEqual(missed(receiver), ['MISSED', 'UNDECRYPTED']);
});

test('a missed message that is handed out when the socket was just closed is not lost', async (t) => {
  const { receiver, zapw } = await startPaired(t, { edit: EXPIRED_QR });
  await zapw.emit('s1', 'connection.update', { qr: '2@stale' });
  await zapw.call('POST', '/sessions/s1/reconnect');
  await zapw.emit('s1', 'messages.upsert', backlog('append'), 1);
  await until(() => missed(receiver).length === 2);
});

test('session.qr: what the phone scans, its picture, and how long it lives', async (t) => {
  const receiver = await startReceiver(t);
  const zapw = await startZapw(t, { env: { WEBHOOK_URL: receiver.url } });
  await zapw.create('s1');
  await zapw.emit('s1', 'connection.update', { qr: '2@next' });
  await until(() => receiver.of('session.qr').length === 2);
  const [first, next] = receiver.of('session.qr');
  assert.deepEqual(Object.keys(first.data), ['qr', 'qrCode', 'expiresAt']);
  assert.deepEqual([first.sessionId, first.data.qr, next.data.qr], ['s1', '2@s1', '2@next']);
  assert.equal(next.data.qrCode, `data:image/png;base64,${Buffer.from('2@next').toString('base64')}`);
  const lifeMs = ({ data, timestamp }) => Date.parse(data.expiresAt) - timestamp;
  assert.ok(lifeMs(first) > 20 * 1000 && lifeMs(first) <= 60 * 1000, String(lifeMs(first)));
  assert.ok(lifeMs(next) <= 20 * 1000, String(lifeMs(next)));
});
