'use strict';
/* A later zapw has one of its modules elsewhere: features that need it are off, with one line in the log; the rest goes on. */
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('fs');
const path = require('path');
const { startZapw, startReceiver, until, tempDir } = require('./zapw');

const MOVED = {
  'middleware/authMiddleware': ['create', 'ids', 'keepPairing'],
  'services/sessionManager': ['create', 'folders', 'offline', 'qr', 'receipts', 'reconnect', 'status'],
  'services/whatsappService': ['oneClient', 'reconnect'],
  'adapters/webhookAdapter': ['probe', 'qr', 'receipts', 'webhooks'],
  'adapters/whatsappAdapter': ['offline', 'qr', 'receipts'],
  'adapters/persistenceAdapter': ['folders', 'keepPairing', 'sessionList'],
  'controllers/eventsController': [],
};

for (const [file, expected] of Object.entries(MOVED)) {
  test(`without ${file}`, async (t) => {
    const receiver = await startReceiver(t);
    const zapw = await startZapw(t, { moved: [file], env: { WEBHOOK_URL: receiver.url } });
    const { json } = await zapw.call('GET', '/extension');
    const off = Object.keys(json.features)
      .filter((name) => !json.features[name])
      .sort();
    assert.deepEqual(off, expected, zapw.log);
    for (const name of off) {
      const lines = zapw.log
        .split('\n')
        .filter((line) => line.includes(`feature-off`) && line.includes(`feature=${name}`));
      assert.equal(lines.length, 1, name);
      if (file !== 'middleware/authMiddleware') assert.match(lines[0], new RegExp(`dist/${file} `));
    }

    await zapw.pair('s1');
    await until(async () => (await zapw.call('GET', '/sessions')).json.data[0].status === 'connected');
    if (json.features.status) assert.equal(await zapw.status('s1'), 'connected');
    if (json.features.webhooks) await until(() => receiver.types().includes('session.connected'));
    assert.equal((await zapw.call('GET', '/extension', undefined, {})).status, 401);
  });
}

test('a module that lacks one function switches off what needs that function', async (t) => {
  const zapw = await startZapw(t, {
    edit: { 'adapters/whatsappAdapter': [/onQR\(/g, 'onCode('], 'services/whatsappService': [/onQR\(/g, 'onCode('] },
  });
  const { features } = (await zapw.call('GET', '/extension')).json;
  assert.deepEqual(
    Object.keys(features).filter((name) => !features[name]),
    ['qr'],
  );
  assert.match(zapw.log, /has no BaileysClient\.prototype\.onQR" feature=qr/);
});

test('a secret that is missing, or a folder that cannot be written, stops the start with one line', async (t) => {
  const file = path.join(tempDir(t), 'file');
  fs.writeFileSync(file, '');
  for (const [env, words] of [
    [
      { API_KEY: '', API_KEY_FILE: '/nonexistent' },
      /^zapkeep bridge: API_KEY_FILE=\/nonexistent cannot be read \(ENOENT\)\n$/,
    ],
    [
      { SESSION_DATA_PATH: `${file}/x` },
      /^zapkeep bridge: SESSION_DATA_PATH=.* must be writable by user \d+ \(ENOTDIR\)\n$/,
    ],
  ]) {
    const zapw = await startZapw(t, { env });
    assert.equal(await zapw.exited, 1);
    assert.match(zapw.log, words);
  }
});

test('LOG_LEVEL=warn: quiet unless something is wrong', async (t) => {
  const zapw = await startZapw(t, { env: { LOG_LEVEL: 'warn' } });
  await zapw.pair('s1');
  assert.equal(zapw.log, '');
  const open = await startZapw(t, { env: { LOG_LEVEL: 'warn', API_KEY: '' } });
  assert.match(open.log, /no-key/);
});
