'use strict';
/* The client of the original integration (deploy/examples/whatsapp_client.py) and its two checks, unchanged. */
const test = require('node:test');
const assert = require('node:assert/strict');
const path = require('path');
const { execFile } = require('child_process');
const { promisify } = require('util');
const { startZapw, until } = require('./zapw');

const CLIENT = path.join(__dirname, '../../deploy/examples/whatsapp_client.py');

/* WhatsApp sends a code as soon as there is a socket. */
async function showCode(zapw, id) {
  await until(async () => (await zapw.emit(id)).made > 0, `a socket of ${id}`);
  await zapw.emit(id, 'connection.update', { qr: `2@${id}` });
}

test('the original client creates, watches, reconnects and deletes a session', async (t) => {
  const zapw = await startZapw(t);
  const checks = promisify(execFile)('python3', [CLIENT, `http://127.0.0.1:${zapw.port}`, 'k1']);
  for (const id of ['check-create', 'check-lifecycle']) await showCode(zapw, id);
  const { stdout } = await checks;
  assert.equal(stdout, 'check_create passed\ncheck_lifecycle passed\n');
});

test('the fields of the contract stand beside the envelope of zapw, and only where they were asked for', async (t) => {
  const zapw = await startZapw(t);
  const answer = zapw.call('POST', '/sessions', { id: 'a1', webhook: { url: 'http://127.0.0.1:9/' } });
  await showCode(zapw, 'a1');
  const asked = await answer;
  assert.equal(asked.status, 201);
  const { id, qr_code: code, ...envelope } = asked.json;
  assert.deepEqual([id, code], ['a1', envelope.data.qrCode]);
  assert.deepEqual(Object.keys(envelope), ['status', 'data']);
  const own = await zapw.create('a2');
  assert.deepEqual(Object.keys(own.json), ['status', 'data']);
  const again = await zapw.call('POST', '/sessions', { id: 'a1' });
  assert.deepEqual([again.status, again.json], [409, { status: 'error', error: 'Session a1 already exists' }]);
});
