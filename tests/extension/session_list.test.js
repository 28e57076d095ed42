'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('fs');
const path = require('path');
const { startZapw, until, sleep, tempDir } = require('./zapw');

const LIST = 'sessions-metadata.json';
const readList = (data) => JSON.parse(fs.readFileSync(path.join(data, LIST), 'utf8'));
const listed = async (zapw) => (await zapw.call('GET', '/sessions')).json.data.map(({ id }) => id).sort();

/* The files that a bridge leaves behind: credentials, paired or not. */
function credentials(data, id, creds = { me: { id: '5511999:7@s.whatsapp.net', name: 'Bob' } }) {
  fs.mkdirSync(path.join(data, id), { recursive: true });
  fs.writeFileSync(path.join(data, id, 'creds.json'), JSON.stringify(creds));
}

test('sessions that change at once all stay in the list', async (t) => {
  const zapw = await startZapw(t);
  const ids = Array.from({ length: 25 }, (_, i) => `s${i}`);
  await Promise.all(
    ids
      .map((id) => zapw.call('POST', '/sessions', { sessionId: id }))
      .concat(
        (async () => {
          for (const id of ids) {
            await until(async () => (await zapw.emit(id)).made > 0);
            await zapw.emit(id, 'connection.update', { qr: '2@x' });
            await zapw.emit(id, 'open');
          }
        })(),
      ),
  );
  await until(async () => (await zapw.status('s24')) === 'connected');
  await until(() => Object.keys(readList(zapw.dataPath)).length === ids.length);
  await zapw.kill();
  const again = await startZapw(t, { data: zapw.dataPath });
  assert.deepEqual(await listed(again), [...ids].sort());
});

test('the list on disk is whole at any moment', async (t) => {
  const zapw = await startZapw(t);
  let reads = 0;
  const timer = setInterval(() => {
    if (fs.existsSync(path.join(zapw.dataPath, LIST))) (readList(zapw.dataPath), (reads += 1));
  }, 1);
  for (let i = 0; i < 15; i++) await zapw.pair(`s${i}`);
  clearInterval(timer);
  assert.ok(reads > 0);
});

for (const [what, content] of [
  ['torn', '{"s1":{"id"'],
  ['empty', ''],
  ['no list', '[]'],
  ['null', 'null'],
]) {
  test(`a list that is unreadable (${what}) is set aside and made again, not taken for empty`, async (t) => {
    const data = tempDir(t);
    credentials(data, 's1');
    fs.writeFileSync(path.join(data, LIST), content);
    const zapw = await startZapw(t, { data });
    assert.deepEqual(await listed(zapw), ['s1']);
    assert.equal(readList(data).s1.phoneNumber, '5511999');
    const [aside] = fs.readdirSync(data).filter((name) => name.startsWith(`${LIST}.unreadable-`));
    assert.equal(fs.readFileSync(path.join(data, aside), 'utf8'), content);
    assert.match(zapw.log, /list-unreadable/);
  });
}

test('a list that cannot be read at all stops the start, and is left as it is', async (t) => {
  const data = tempDir(t);
  fs.symlinkSync(LIST, path.join(data, LIST)); // reading it is an error, for root too
  const zapw = await startZapw(t, { data });
  assert.equal(zapw.call, undefined, 'it started');
  assert.equal(await zapw.exited, 1);
  assert.match(zapw.log, /ELOOP/);
  assert.equal(fs.readlinkSync(path.join(data, LIST)), LIST);
});

test('paired credentials without an entry are listed again; others are not', async (t) => {
  const data = tempDir(t);
  credentials(data, 'kept');
  credentials(data, 'lost');
  credentials(data, 'unpaired', {});
  credentials(data, 'no.id');
  fs.mkdirSync(path.join(data, 'bare'));
  fs.writeFileSync(
    path.join(data, LIST),
    JSON.stringify({ kept: { id: 'kept', createdAt: new Date(0).toISOString() } }),
  );
  const zapw = await startZapw(t, { data });
  assert.deepEqual(await listed(zapw), ['kept', 'lost']);
  assert.equal(readList(data).kept.createdAt, new Date(0).toISOString());
  assert.equal(readList(data).lost.phoneNumber, '5511999');
});

test('a create that times out keeps the credentials of a paired phone; DELETE removes them', async (t) => {
  const zapw = await startZapw(t);
  credentials(zapw.dataPath, 's1');
  const timedOut = await zapw.call('POST', '/sessions', { sessionId: 's1' });
  assert.deepEqual([timedOut.status, timedOut.json.error], [500, 'Timeout waiting for QR code']);
  assert.ok(fs.existsSync(path.join(zapw.dataPath, 's1/creds.json')));

  assert.equal((await zapw.call('POST', '/sessions', { sessionId: 'new' })).status, 500);
  assert.ok(!fs.existsSync(path.join(zapw.dataPath, 'new')));

  await zapw.pair('s2');
  assert.equal((await zapw.call('DELETE', '/sessions/s2')).status, 204);
  assert.ok(!fs.existsSync(path.join(zapw.dataPath, 's2')));
  await until(() => !('s2' in readList(zapw.dataPath)));
});
