'use strict';
/*
 * Runs the stand-in with the extension preloaded, as the image does, in a folder of its own.
 *
 *   const zapw = await startZapw(t, { env, moved: ['app'], edit: {'app': [from, to]}, data: folder })
 *   await zapw.call('POST', '/sessions', body)      -> {status, text, json}
 *   await zapw.pair('s1')                           create a session and pair its phone
 *   await zapw.emit('s1', 'close', 428)             -> {made, open}: how many sockets (age 1: on the one before)
 *   await zapw.kill()                               kill -9; start again with the same data folder
 *   const receiver = await startReceiver(t)         takes webhooks: .url, .got, .answer
 *   await until(() => …)                            or the test fails
 */
const { fork } = require('child_process');
const fs = require('fs');
const http = require('http');
const os = require('os');
const path = require('path');

const EXTENSION = path.join(__dirname, '../../deploy/whatsapp-bridge/extension');
const KEY = 'k1';
/* Express comes from Debian's package node-express. */
const DEBIAN_MODULES = '/usr/share/nodejs';

/* The last one made is taken down first, so that nobody writes to a folder that is being removed. */
const undo = new WeakMap();
function atEnd(t, action) {
  if (!undo.has(t)) {
    undo.set(t, []);
    t.after(async () => {
      for (const each of undo.get(t).reverse()) await each();
    });
  }
  undo.get(t).push(action);
}

function tempDir(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'zapkeep-extension-'));
  atEnd(t, () => fs.rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function startZapw(t, { env = {}, moved = [], edit = {}, data } = {}) {
  const dir = tempDir(t);
  const dist = path.join(dir, 'dist');
  const dataPath = data ?? path.join(dir, 'data');
  fs.cpSync(path.join(__dirname, 'standin'), dist, { recursive: true });
  const baileys = path.join(dir, 'node_modules/@whiskeysockets/baileys');
  fs.mkdirSync(baileys, { recursive: true });
  fs.renameSync(path.join(dist, 'baileys.js'), path.join(baileys, 'index.js'));
  for (const file of moved) move(dist, file);
  for (const [file, [from, to]] of Object.entries(edit)) {
    const full = path.join(dist, `${file}.js`);
    fs.writeFileSync(full, fs.readFileSync(full, 'utf8').replace(from, to));
  }

  const child = fork(path.join(dist, 'index.js'), {
    execArgv: ['-r', path.join(EXTENSION, 'index.js')],
    env: { PATH: process.env.PATH, NODE_PATH: DEBIAN_MODULES, PORT: '0', API_KEY: KEY, SESSION_DATA_PATH: dataPath, ...env },
    silent: true,
  });
  const zapw = { child, dataPath, log: '', exited: new Promise((done) => child.once('exit', done)) };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (zapw.log += text));
  zapw.kill = (signal = 'SIGKILL') => (child.kill(signal), zapw.exited);
  atEnd(t, () => zapw.kill());

  const started = await Promise.race([message(child), zapw.exited]);
  if (!started?.port) return zapw; // it refused to start
  zapw.port = started.port;
  zapw.call = (method, where, body, headers) => call(started.port, method, where, body, headers);
  zapw.emit = (id, event, data, age) => {
    child.send({ id, event, data, age });
    return message(child);
  };
  zapw.create = async (id, more = {}) => {
    const answer = zapw.call('POST', '/sessions', { sessionId: id, ...more });
    await until(async () => (await zapw.emit(id)).made > 0, `a socket of ${id}`);
    await zapw.emit(id, 'connection.update', { qr: `2@${id}` });
    return answer;
  };
  zapw.pair = async (id, more) => {
    await zapw.create(id, more);
    await zapw.emit(id, 'open');
  };
  zapw.status = async (id) => (await zapw.call('GET', `/sessions/${id}/status`)).json.status;
  return zapw;
}

const message = (child) => new Promise((done) => child.once('message', done));

/* As a later zapw might have it: the module is elsewhere, and zapw itself knows where. */
function move(dist, file) {
  const name = path.basename(file);
  fs.renameSync(path.join(dist, `${file}.js`), path.join(dist, `${file}Moved.js`));
  for (const full of filesBelow(dist).filter((other) => other.endsWith('.js'))) {
    fs.writeFileSync(full, fs.readFileSync(full, 'utf8').replaceAll(`/${name}'`, `/${name}Moved'`));
  }
}

function filesBelow(dir) {
  return fs.readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(dir, entry.name);
    return entry.isDirectory() ? filesBelow(full) : [full];
  });
}

function call(port, method, where, body, headers = { authorization: `Bearer ${KEY}` }) {
  if (body) headers = { 'content-type': 'application/json', ...headers };
  return new Promise((resolve, reject) => {
    const req = http.request({ host: '127.0.0.1', port, method, path: where, headers }, (res) => {
      let text = '';
      res.on('data', (part) => (text += part));
      res.on('end', () =>
        resolve({ status: res.statusCode, text, json: parse(text), type: res.headers['content-type'] }),
      );
    });
    req.on('error', reject);
    req.end(body && JSON.stringify(body));
  });
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/* zapw's QR codes are shown too late: a session that waits for a scan is stale at once. */
const EXPIRED_QR = { 'services/whatsappService': ['60 * 1000', '-1'] };

/* Takes webhooks. @answer(request) gives a status, or [status, headers], or null to hang up. */
async function startReceiver(t, port = 0) {
  const receiver = { got: [], taken: [], answer: () => 200 };
  const server = http.createServer((req, res) => {
    let text = '';
    req.on('data', (part) => (text += part));
    req.on('end', async () => {
      const request = { path: req.url, headers: req.headers, text, body: parse(text), at: Date.now() };
      receiver.got.push(request);
      const answer = await receiver.answer(request);
      if (answer === null) return req.socket.destroy();
      const [status, headers] = [answer].flat();
      if (status < 300) receiver.taken.push(request);
      return res.writeHead(status, headers).end('{}');
    });
  });
  await new Promise((done) => server.listen(port, '127.0.0.1', done));
  receiver.port = server.address().port;
  receiver.url = `http://127.0.0.1:${receiver.port}/hook`;
  receiver.close = () => new Promise((done) => (server.close(done), server.closeAllConnections()));
  receiver.types = () => receiver.taken.map(({ body }) => body.eventType);
  receiver.of = (type) => receiver.taken.filter(({ body }) => body.eventType === type).map(({ body }) => body);
  atEnd(t, receiver.close);
  return receiver;
}

/* A generous deadline: a test asks whether it happens, not when. */
async function until(condition, what = 'the condition', deadlineMs = 20000) {
  for (const end = Date.now() + deadlineMs; Date.now() < end;) {
    if (await condition()) return;
    await sleep(10);
  }
  throw new Error(`waited in vain for ${what}`);
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

module.exports = { startZapw, startReceiver, until, sleep, tempDir, EXTENSION, EXPIRED_QR };
