'use strict';
/*
 * Fuzzes the bridge extension: node tests/fuzz/extension.js [SECONDS [SEED]]. Mutates the files of tests/fuzz/corpus_extension:
 *
 *   http    a request as bytes, to the stand-in for zapw with the extension, behind the real Express
 *   spool   a file of events that wait: name, line break, content
 *   notes   the file of facts about sessions
 *
 * Rules for any bytes: the bridge lives and answers; no folder outside of its volume is made or removed, and none on it
 * whose name is no session id; the readable part of a spool is sent once, the rest is given up, and nothing is left waiting.
 * A failure prints its seed and its input. The last line is "N inputs, N/s".
 */
const assert = require('node:assert/strict');
const fs = require('fs');
const net = require('net');
const path = require('path');
const { startZapw, tempDir, EXTENSION } = require('../extension/zapw');

const { Spool } = require(path.join(EXTENSION, 'lib/spool'));
const { Sender } = require(path.join(EXTENSION, 'lib/sender'));
const { Notes } = require(path.join(EXTENSION, 'lib/notes'));
const { isId } = require(path.join(EXTENSION, 'lib/ids'));

const SECONDS = Number(process.argv[2] ?? 20);
const SEED = Number(process.argv[3] ?? Date.now() % 2 ** 31);
const ANSWER_MS = 5000;
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

/* ---- inputs ------------------------------------------------------------------------------------------------------ */

let state = SEED >>> 0;
function random(n) { // mulberry32
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) % n;
}

const WORDS = ['..', '%2e', '%2F', '/', '\\', '//', '#', '?', 'http://x', '\r\n', '\n', '\0', '"', '{', '}', '[', ']', 'null', '-',
  '-1', '1e999', 'sessions', '/sessions/', '../precious', '..%2fprecious', '__proto__', 'constructor', 'sessionId', 'id', 'webhook',
  'url', 'javascript:', 'x'.repeat(65), '\u00e9', '%zz', '%00', ';', 'DELETE', 'POST', 'Content-Length: 5', 'Transfer-Encoding: chunked'];

const corpus = (kind) => {
  const dir = path.join(__dirname, 'corpus_extension', kind);
  return fs.readdirSync(dir).sort().map((name) => fs.readFileSync(path.join(dir, name)));
};
const CORPUS = { http: corpus('http'), spool: corpus('spool'), notes: corpus('notes') };

function mutate(kind) {
  let bytes = Buffer.from(CORPUS[kind][random(CORPUS[kind].length)]);
  for (let n = random(5); n > 0; n--) {
    const at = random(bytes.length + 1);
    const upTo = Math.min(bytes.length, at + random(12));
    const word = Buffer.from(WORDS[random(WORDS.length)], 'latin1');
    const other = CORPUS[kind][random(CORPUS[kind].length)];
    const middle = [Buffer.from([random(256)]), word, Buffer.alloc(0), bytes.subarray(at, upTo),
      other.subarray(random(other.length))][random(5)];
    bytes = Buffer.concat([bytes.subarray(0, at), middle, bytes.subarray(random(2) ? at : upTo)]);
  }
  return bytes.subarray(0, 64 * 1024);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

async function trySpool(dir, input) {
  const own = fs.mkdtempSync(path.join(dir, 'spool-'));
  const end = input.indexOf('\n');
  const name = input.subarray(0, end < 0 ? 0 : end).toString('latin1').replace(/[/\0]/g, '_').slice(0, 100) || 'a';
  fs.writeFileSync(path.join(own, `${name}.jsonl`), input.subarray(end + 1));
  const spool = new Spool(own, { maxEvents: 1000, maxBytes: 1e6, log: SILENT });
  let sent = 0;
  const sender = new Sender({ spool, log: SILENT, url: 'http://receiver/', token: 't', delayMs: () => 1,
    send: async (url, headers, body) => {
      new URL(url);
      Buffer.byteLength(body);
      Object.entries(headers).forEach(([key, value]) => require('http').validateHeaderValue(key, value));
      sent += 1;
      return { status: 200 };
    } });
  sender.resume();
  for (let i = 0; i < 1000 && (spool.counts.events || sender.inFlight); i++) await new Promise(setImmediate);
  assert.deepEqual([spool.counts.events, spool.counts.bytes, sender.inFlight], [0, 0, 0], 'all of it is sent or given up');
  assert.ok(sent <= 1000);
  fs.rmSync(own, { recursive: true, force: true });
}

async function tryNotes(dir, input) {
  const own = fs.mkdtempSync(path.join(dir, 'notes-'));
  const file = path.join(own, 'notes.json');
  fs.writeFileSync(file, input);
  const notes = new Notes(file, SILENT);
  const { url, events } = notes.get('s1').webhook ?? {};
  assert.ok(url === undefined || typeof url === 'string');
  assert.ok(events === undefined || events.every((name) => typeof name === 'string'));
  await notes.set('s1', { seenAt: 5 });
  assert.equal(new Notes(file, SILENT).get('s1').seenAt, 5);
  assert.equal({}.seenAt, undefined, 'no prototype was touched');
  fs.rmSync(own, { recursive: true, force: true });
}

/* ---- HTTP -------------------------------------------------------------------------------------------------------- */

/* Sends the bytes; ends with the end of the connection. */
function talk(port, bytes) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.end(bytes));
    let text = '';
    socket.setTimeout(ANSWER_MS, () => socket.destroy());
    socket.on('data', (part) => (text += part));
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
}

class Bridge {
  async open(t) {
    this.zapw = await startZapw(t);
    assert.ok(this.zapw.call, this.zapw.log);
    const answer = await this.zapw.call('GET', '/extension');
    assert.equal(answer.status, 200);
    this.port = this.zapw.port;
    this.beside = path.dirname(this.zapw.dataPath);
    fs.mkdirSync(path.join(this.beside, 'precious'));
    fs.writeFileSync(path.join(this.beside, 'precious', 'file'), 'kept');
    this.around = fs.readdirSync(this.beside).sort();
    this.own = fs.readdirSync(this.zapw.dataPath);
  }

  async try(input) {
    await talk(this.port, input);
  }

  async check() {
    assert.equal((await this.zapw.call('GET', '/extension')).status, 200, this.zapw.log.slice(-2000));
    assert.deepEqual(fs.readdirSync(this.beside).sort(), this.around, 'what is beside the volume is untouched');
    assert.equal(fs.readFileSync(path.join(this.beside, 'precious', 'file'), 'utf8'), 'kept');
    for (const entry of fs.readdirSync(this.zapw.dataPath, { withFileTypes: true }))
      assert.ok(this.own.includes(entry.name) || !entry.isDirectory() || isId(entry.name), `a folder ${entry.name}`);
  }
}

/* ---- the run ----------------------------------------------------------------------------------------------------- */

async function run() {
  const ends = [];
  const t = { after: (end) => ends.push(end) };
  const bridge = new Bridge();
  let inputs = 0;
  let input;
  setInterval = () => ({ unref() {} }); // each spool would keep one
  process.on('unhandledRejection', (error) => fail(error));
  function fail(error) {
    console.error(error.stack, `\nseed ${SEED}, input ${inputs}: ${JSON.stringify(input.toString('latin1'))}`);
    bridge.zapw?.child.kill('SIGKILL'); // not by the ends of a test: this may be within one
    process.exit(1);
  }
  try {
    await bridge.open(t);
    const dir = tempDir(t);
    for (const end = Date.now() + SECONDS * 1000; Date.now() < end; inputs++) {
      const kind = ['http', 'spool', 'notes'][random(3)];
      input = mutate(kind);
      if (kind === 'http') await bridge.try(input);
      else await (kind === 'spool' ? trySpool : tryNotes)(dir, input);
      if (inputs % 50 === 0) await bridge.check();
    }
    await bridge.check();
  } catch (error) {
    fail(error);
  }
  for (const end of ends) await end();
  console.log(`${inputs} inputs, ${Math.round(inputs / SECONDS)}/s`);
  process.exit(0);
}

run();
