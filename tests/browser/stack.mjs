// The real programs on free ports, with a data folder of their own: the console over them is the one of an operator.
import { spawn, execFileSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { go, here, until } from './harness.mjs';

export const BIN = process.env.ZK_BIN ?? join(here, '../../build/bin');
export const PASSWORD = 'correct-horse-battery';

// Below the ports that the kernel gives to outgoing connections (of chromium, too), above those of the process tests: one that is
// free now still is when a program wants it. Each file of tests has its own part, by its process id.
const given = new Set();
async function freePort() {
  for (;;) {
    const port = 30000 + (process.pid % 4) * 680 + Math.floor(Math.random() * 680);
    if (given.has(port)) continue;
    given.add(port);
    const free = await new Promise((done) => {
      const probe = createServer().once('error', () => done(false)).listen(port, '127.0.0.1', () => probe.close(() => done(true)));
    });
    if (free) return port;
  }
}

export class Stack {
  constructor(settings = {}) {
    this.settings = settings;
    this.dir = mkdtempSync(join(tmpdir(), 'zk-browser-'));
    this.processes = new Map();
  }

  async prepare() {
    const [api, control, ingest, console_] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
    this.ports = { api, control, ingest, console: console_ };
    mkdirSync(join(this.dir, 'data'));
    this.hook = `http://127.0.0.1:${ingest}/api/v1/messages/webhook`;
    this.env = {
      PATH: process.env.PATH,
      ZAPKEEP_DATA_DIR: join(this.dir, 'data'),
      ZAPKEEP_INGEST_LISTEN: `127.0.0.1:${ingest}`,
      ZAPKEEP_ADMIN_LISTEN: 'off',
      ZAPKEEP_CONSOLE_LISTEN: `127.0.0.1:${console_}`,
      ZAPKEEP_CONSOLE_PASSWORD: PASSWORD,
      WHATSAPP_API_URL: `http://127.0.0.1:${api}`,
      WHATSAPP_API_KEY: 'browser-test-key',
      WEBHOOK_AUTH_TOKEN: 'browser-test-token',
      CHECK_INTERVAL: '1s',
      RECONNECT_INTERVAL: '4s',
      FLAP_PENALTY: '0',
      ...this.settings,
    };
    this.url = `http://127.0.0.1:${console_}/`;
  }

  start(name, program, args = [], env = {}) {
    const log = openSync(join(this.dir, `${name}.log`), 'a');
    const child = spawn(join(BIN, program), args, { env: { ...this.env, ...env }, stdio: ['ignore', log, log] });
    this.processes.set(name, child);
    return child;
  }

  async stop(name, signal = 'SIGTERM') {
    const child = this.processes.get(name);
    this.processes.delete(name);
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((done) => child.once('exit', done));
    child.kill(signal);
    await gone;
  }

  log = (name) => readFileSync(join(this.dir, `${name}.log`), 'utf8');

  ingest = () => this.start('ingest', 'zapkeep-ingest');
  hub = () => this.start('hub', 'zapkeep-hub');

  async console(env) {
    this.start('console', 'zapkeep-console', [], env);
    await until(() => fetch(this.url).then((a) => a.ok, () => false), 'the console answers', 20000);
  }

  async all(...simArgs) {
    await this.prepare();
    if (this.env.ZAPKEEP_STORE) this.cli('store', 'init');
    this.hub();
    this.ingest();
    this.start('sim', 'zapkeep-bridge-sim', ['--dialect', 'contract', '--port', `${this.ports.api}`, '--control-port', `${this.ports.control}`, ...simArgs], { WEBHOOK_URL: this.hook, API_KEY: this.env.WHATSAPP_API_KEY });
    await until(() => this.control('GET', '/state').then(() => true, () => false), 'the simulated bridge answers', 20000);
    this.start('monitor', 'zapkeep-monitor');
    this.start('worker', 'zapkeep-reconnect');
    this.cli('wait', '--timeout', '30s');
    await this.console();
    return this;
  }

  // A second console of the same store, under a base path. Its address.
  async consoleAt(base) {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}${base}`;
    this.start('console-at', 'zapkeep-console', [], { ZAPKEEP_CONSOLE_LISTEN: `127.0.0.1:${port}`, ZAPKEEP_CONSOLE_URL: url });
    await until(() => fetch(`${url}/`).then((a) => a.ok, () => false), 'the second console answers', 20000);
    return `${url}/`;
  }

  cli(...args) {
    return execFileSync(join(BIN, 'zapkeep'), args, { env: this.env, encoding: 'utf8' });
  }

  async control(method, path, body) {
    const answer = await fetch(`http://127.0.0.1:${this.ports.control}${path}`, { method, body });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  async close() {
    for (const name of ['console', 'forward', 'worker', 'monitor', 'sim', 'ingest', 'hub', ...this.processes.keys()]) await this.stop(name, 'SIGKILL');
    rmSync(this.dir, { recursive: true, force: true });
  }
}

// A PostgreSQL server of a test's own, with a database without tables: ZAPKEEP_STORE of a Stack.
export class Database {
  async start() {
    this.process = spawn('/usr/bin/python3', [join(here, '../postgres/server.py'), '--', 'sh', '-c', 'echo "$ZK_TEST_POSTGRES"; cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.uri = await new Promise((done, fail) => {
      this.process.stdout.once('data', (line) => done(`${line}`.trim()));
      this.process.once('exit', (code) => fail(new Error(`the server did not start: ${code}`)));
    });
    return this;
  }

  // It ends with its command, which reads to the end.
  async stop() {
    const gone = new Promise((done) => this.process.once('exit', done));
    this.process.stdin.end();
    await gone;
  }
}

export async function logIn(page, url, hash = '') {
  await go(page, url, hash);
  await page.fill('input[type=password]', PASSWORD);
  await page.click('button.primary');
  await page.waitForSelector('nav');
  // Away from the lists: the pointer would hold them.
  await page.mouse.move(5, 500);
}
