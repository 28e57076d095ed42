// A console made of memory: the API of services/console/openapi.json over World, and the built page with its real headers.
//   node tests/browser/mock/server.mjs FOLDER [PORT] [SESSIONS]     to look at the page by hand; the password is "secret"
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { World, findings, makeEvent } from './world.mjs';

export const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.txt': 'text/plain; charset=utf-8', '.svg': 'image/svg+xml' };
const PASSWORD = 'secret';

const QR = { side: 21, modules: Array.from({ length: 441 }, (_, i) => ((i * 7 + (i >> 3)) % 3 ? '0' : '1')).join(''), svg: '' };

class Failure extends Error {
  constructor(status, error, detail) {
    super(detail);
    Object.assign(this, { status, error });
  }
}
const missing = () => new Failure(404, 'not_found', 'there is no such thing');

const isDown = (s) => ['disconnected', 'logged_out', 'failed', 'lost', 'action_required'].includes(s.state);
function filterOf(query) {
  const states = (query.state ?? '').split(',').filter(Boolean);
  const q = (query.q ?? '').toLowerCase();
  return (s) =>
    (!states.length || states.some((w) => (w === 'down' ? isDown(s) : ['parked', 'silent', 'flapping'].includes(w) ? s[w] : s.state === w))) &&
    (!query.bridge || s.bridge === query.bridge) && (!query.cause || s.cause === query.cause) &&
    (!q || `${s.session}\n${s.name}\n${s.phone}`.toLowerCase().includes(q));
}

export class MockConsole {
  constructor(folder, { base = '', sessions = 48, role = 'operator', loggedIn = false } = {}) {
    this.folder = folder;
    this.base = base;
    this.world = new World({ n: sessions });
    this.role = role;
    this.streams = new Set();
    this.cookie = loggedIn ? 'c1' : '';
    this.open = loggedIn; // every request counts as logged in
    this.wrong = 0;
    this.calls = [];
    this.server = createServer((request, response) => this.handle(request, response));
  }

  async start(port = 0) {
    await new Promise((done) => this.server.listen(port, '127.0.0.1', done));
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}${this.base}/`;
    return this;
  }

  async stop() {
    for (const stream of this.streams) stream.destroy();
    this.streams.clear();
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  // Sends one message to every open page.
  publish(kind, data, id) {
    for (const stream of this.streams)
      if (kind !== 'event' || stream.wantsEvents) stream.write(`event: ${kind}\n${id ? `id: ${id}\n` : ''}data: ${JSON.stringify(data)}\n\n`);
  }

  change(key, part) {
    const s = Object.assign(this.world.sessions.get(key), part);
    this.publish('session', s);
    this.publish('overview', this.overviewPart());
    return s;
  }

  overviewPart() {
    const { ok, problems, alerts, sessions, parked, silent, head_seq, delivered_seq, last_event_at } = this.world.overview();
    return { ok, problems: problems.length, alerts, sessions, parked, silent, head_seq, delivered_seq, last_event_at };
  }

  addEvent(part = {}) {
    const made = makeEvent(++this.world.head, Date.now());
    Object.assign(made.event, part);
    this.world.events.unshift(made);
    this.publish('event', made.event, made.event.seq);
    return made.event;
  }

  async handle(request, response) {
    const url = new URL(request.url, 'http://localhost');
    const path = url.pathname.startsWith(this.base) ? url.pathname.slice(this.base.length) : null;
    try {
      if (path === null || path === '') return this.redirect(response);
      if (!path.startsWith('/api/v1/')) return this.file(path, response);
      const text = await new Promise((done) => {
        let body = '';
        request.on('data', (part) => (body += part)).on('end', () => done(body));
      });
      const query = Object.fromEntries(url.searchParams);
      const parts = path.slice('/api/v1/'.length).split('/').map(decodeURIComponent);
      const body = text ? JSON.parse(text) : {};
      this.calls.push({ method: request.method, path: path.slice('/api/v1'.length), query, body, csrf: request.headers['x-csrf-token'] });
      if (parts[0] === 'stream') return this.stream(request, query, response);
      const [status, answer, headers] = this.answer(request, parts, query, body);
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(answer === undefined ? '' : JSON.stringify(answer));
    } catch (error) {
      response.writeHead(error.status ?? 500, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: error.error ?? 'fault', detail: error.message }));
    }
  }

  redirect(response) {
    response.writeHead(308, { location: `${this.base}/` });
    response.end();
  }

  file(path, response) {
    const name = path === '/' || path === '/login' ? 'index.html' : path.slice(1);
    let bytes;
    try {
      if (!/^[\w.-]+$/.test(name)) throw missing();
      bytes = readFileSync(join(this.folder, name));
    } catch {
      throw missing();
    }
    response.writeHead(200, { 'content-type': TYPES[extname(name)] ?? 'text/plain', 'content-security-policy': CSP, 'cache-control': 'no-cache', 'content-encoding': 'gzip', 'x-content-type-options': 'nosniff' });
    response.end(gzipSync(bytes));
  }

  isLoggedIn = (request) => this.open || (this.cookie && (request.headers.cookie ?? '').includes(`zapkeep_session=${this.cookie}`));

  stream(request, query, response) {
    if (!this.isLoggedIn(request)) throw new Failure(401, 'unauthorized', 'log in first');
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.wantsEvents = query.events === '1';
    this.streams.add(response);
    request.on('close', () => this.streams.delete(response));
    response.write(`event: hello\ndata: ${JSON.stringify({ now: Date.now(), head_seq: this.world.head, resync: false })}\n\n`);
  }

  answer(request, parts, query, body) {
    const route = `${request.method} ${parts[0]}`;
    if (route === 'POST login') return this.login(body);
    if (!this.isLoggedIn(request)) throw new Failure(401, 'unauthorized', 'log in first');
    if (request.method !== 'GET') {
      if (request.headers['x-csrf-token'] !== 'csrf-1') throw new Failure(403, 'csrf', 'the CSRF token is wrong');
      if (this.role !== 'operator' && parts[0] !== 'logout') throw new Failure(403, 'forbidden', 'a viewer may not change anything');
    }
    const page = (rows) => ({ rows, next_before: 0 });
    const w = this.world;
    switch (route) {
      case 'POST logout': this.cookie = ''; this.open = false; return [204];
      case 'GET me': return [200, this.me()];
      case 'GET overview': return [200, w.overview()];
      case 'GET sessions': return [200, this.sessions(parts, query)];
      case 'POST sessions': return [200, this.act(body)];
      case 'POST pairings': return [201, this.pair(body)];
      case 'GET pairings': return [200, w.pairings.get(parts[1]) ?? (() => { throw missing(); })()];
      case 'DELETE pairings': w.pairings.delete(parts[1]); return [204];
      case 'GET events': return [200, this.events(parts, query)];
      case 'GET delivery': return [200, this.delivery(parts)];
      case 'POST delivery': return [200, parts[1] === 'replay' ? this.replay(body) : { action: body.action, done: true, failed: false, result: body.action === 'test' ? '{"status":204,"took_ms":12,"detail":"HTTP 204","answer":""}' : '' }];
      case 'GET alerts': return [200, parts[1] === 'history' ? page(this.alertHistory()) : this.alerts()];
      case 'POST alerts': return [200, { ok: true, detail: '' }];
      case 'GET bridges': return [200, { now: Date.now(), bridges: w.bridges(true) }];
      case 'POST bridges': return [200, { ok: true, detail: '', sessions: 24, wrong: 0, repaired: parts[2] === 'repair' ? 3 : 0 }];
      case 'GET doctor': return [200, w.doctor];
      case 'POST doctor': w.doctor = { running: false, started_at: Date.now(), ended_at: Date.now(), ok: false, findings, error: '' }; setTimeout(() => this.publish('doctor', w.doctor), 50); return [202, w.doctor];
      case 'GET store': return [200, { store: 'postgresql://db.example/zapkeep', database: true, lines: [{ name: 'synchronous_commit', value: 'on', problem: '' }, { name: 'standby db2', value: 'streaming, 0 bytes behind', problem: '' }, { name: 'archiving', value: 'off', problem: 'the server is lost with its disk: set archive_mode' }] }];
      case 'GET audit': return [200, page(w.audit)];
      case 'GET tokens': return [200, { tokens: w.tokens }];
      case 'POST tokens': w.tokens.push({ id: 9, name: body.name, role: body.role, created_at: Date.now(), used_at: 0, actor: 'operator@127.0.0.1' }); return [201, { id: 9, token: 'zk_example_token' }];
      case 'DELETE tokens': w.tokens = w.tokens.filter((k) => k.id !== Number(parts[1])); return [204];
      default: throw missing();
    }
  }

  me = () => ({ role: this.role, actor: `${this.role}@127.0.0.1`, csrf: 'csrf-1', expires_at: Date.now() + 3600e3, version: '0.1.0', base_path: this.base, grafana_url: 'https://grafana.example/d/zapkeep', now: Date.now() });

  login({ password, ticket }) {
    if (this.wrong >= 10) throw new Failure(429, 'rate_limited', 'too many failed logins');
    if (password !== PASSWORD && ticket !== 'ticket-1') {
      this.wrong++;
      throw new Failure(401, 'wrong_password', 'the password is wrong');
    }
    this.cookie = 'c1';
    return [200, this.me(), { 'set-cookie': `zapkeep_session=c1; HttpOnly; SameSite=Strict; Path=${this.base}/` }];
  }

  sessions([, bridge, id, part], query) {
    if (bridge) {
      if (!this.world.sessions.has(`${bridge}/${id}`)) throw missing();
      return part === 'timeline' ? this.world.timeline(bridge, id) : part === 'activity' ? this.world.activity(bridge, id) : this.world.session(bridge, id);
    }
    const all = [...this.world.sessions.values()];
    const rows = all.filter(filterOf(query));
    const offset = Number(query.offset ?? 0);
    const marked = (mark) => all.filter((s) => s[mark]).length;
    return { now: Date.now(), total: rows.length, all: all.length, counts: this.world.counts(), parked: marked('parked'), silent: marked('silent'), offset, rows: rows.slice(offset, offset + Number(query.limit ?? 100)) };
  }

  act({ action, sessions, filter, expect, dry_run: dry }) {
    const rows = sessions ? sessions.map((r) => this.world.sessions.get(`${r.bridge}/${r.session}`)).filter(Boolean) : [...this.world.sessions.values()].filter(filterOf(filter));
    if (!dry && filter && expect !== rows.length) throw new Failure(409, 'changed', `${rows.length} sessions match now, not ${expect}`);
    if (!dry)
      for (const s of rows) {
        if (action === 'delete') this.world.sessions.delete(`${s.bridge}/${s.session}`), this.publish('removed', { bridge: s.bridge, session: s.session });
        else if (action === 'park' || action === 'unpark') this.publish('session', Object.assign(s, { parked: action === 'park', mark: action === 'park' ? 'parked' : '' }));
      }
    if (!dry) this.publish('overview', this.overviewPart());
    return { action, dry_run: !!dry, matched: rows.length, done: dry ? 0 : rows.length, refused: 0, results: [] };
  }

  pair({ bridge, session, phone }) {
    const p = { id: `p${this.world.pairings.size + 1}`, bridge, session, step: 'code', state: 'qr_pending', qr: phone ? null : QR, pairing_code: phone ? 'K7QF-2MXA' : '', code_at: Date.now(), expires_at: Date.now() + 20000, started_at: Date.now(), error: '', needs_recreate: false, phone: '', name: '' };
    this.world.pairings.set(p.id, p);
    return p;
  }

  stepPairing(id, part) {
    const p = Object.assign(this.world.pairings.get(id), part);
    this.publish('pairing', p);
  }

  events([, seq], query) {
    const all = this.world.events;
    if (seq) {
      const found = all.find((e) => e.event.seq === Number(seq));
      if (!found) throw missing();
      return { ...found.event, body: found.body };
    }
    const rows = all.map((e) => e.event).filter((e) => (!query.type || e.type.startsWith(query.type)) && (!query.session || e.session === query.session) && (!query.bridge || e.bridge === query.bridge) && (!query.text || e.text.toLowerCase().includes(query.text.toLowerCase())) && (!query.before || e.seq < Number(query.before)) && (!(Number(query.since) > 0) || e.at >= Number(query.since)) && (!query.until || e.at < Number(query.until)));
    const limit = Number(query.limit ?? 100);
    const shown = rows.slice(0, limit);
    return { rows: shown, oldest_seq: all.at(-1).event.seq, head_seq: this.world.head, next_before: rows.length > limit ? shown.at(-1).seq : 0, next_from: this.world.head + 1, scanned: all.length };
  }

  delivery([, part, id]) {
    const now = Date.now();
    const letter = (n) => ({ id: n, destination: 'crm', reason: 'tries', tries: 9, status: 400, dead_at: now - n * 3600e3, redeliver: false, seq: 47000 + n, event_id: `evt_${n}`, type: 'message.received', bridge: 'sales', session: 'shop-004', detail: 'HTTP 400: unknown field "poll"' });
    if (part === 'waiting') return { rows: [{ destination: 'crm', bridge: 'sales', session: 'shop-004', seq: 47890, event_id: 'evt_1', tries: 4, sends: 4, next_at: now + 290e3, status: 503, detail: 'the service is being updated', behind: 41 }], more: false };
    if (part === 'dead' && id) return { ...letter(Number(id)), answer: '{"error":"unknown field"}', body: makeEvent(47000, now).body };
    if (part === 'dead') return { rows: [letter(12), letter(13)], total: 2, next_after: 0 };
    if (part === 'replay') return { id: 'r1', step: 'done', matched: 120, first_seq: 1, last_seq: 130, sent: 120, failed: 0, detail: '', started_at: now };
    return { running: true, destinations: this.world.destinations(), delivered_seq: this.world.head - 312, head_seq: this.world.head, now };
  }

  replay = ({ dry_run: dry }) => ({ id: dry ? '' : 'r1', step: dry ? 'counted' : 'running', matched: 120, first_seq: 47900, last_seq: 48210, sent: 0, failed: 0, detail: '', started_at: Date.now() });

  alerts = () => ({ now: Date.now(), active: [{ alert: 'destination-failing', bridge: 'sales', session: '', since: Date.now() - 720e3, cause: 'failing', text: 'destination crm is not taking every event: its events wait', grouped: false, severity: 'critical' }, { alert: 'session-silent', bridge: 'sales', session: 'shop-009', since: Date.now() - 9 * 3600e3, cause: 'silent', text: 'session shop-009 is silent: connected, but it has not received anything for too long', grouped: false, severity: 'warning' }], sinks: [{ sink: 'ntfy', type: 'ntfy', waiting: 0, tries: 0, oldest_at: 0 }, { sink: 'night shift', type: 'telegram', waiting: 2, tries: 3, oldest_at: Date.now() - 60e3 }] });

  alertHistory = () => [{ at: Date.now() - 720e3, firing: true, alert: 'destination-failing', bridge: 'sales', session: '', since: Date.now() - 720e3, cause: '', text: '' }, { at: Date.now() - 4e6, firing: false, alert: 'session-down', bridge: 'sales', session: 'shop-002', since: Date.now() - 5e6, cause: 'connection-closed', text: '' }];
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const mock = await new MockConsole(process.argv[2], { sessions: Number(process.argv[4] ?? 48) }).start(Number(process.argv[3] ?? 0));
  console.log(`${mock.url} (password "${PASSWORD}")`);
  setInterval(() => mock.addEvent(), 1500);
}
