// The data of the mock console: made by a fixed recipe, so that every run shows the same.

const MINUTE = 60e3;
const HOUR = 3600e3;
const NAMES = ['Padaria Central', 'Clínica Vida', 'Loja do João', 'Tienda Sol', 'Warung Sari', 'Suporte', 'Vendas SP', 'Ventas Lima', 'Cobrança', 'Agenda'];
const DOWN = [
  ['disconnected', 'connection-closed', 428, 'd'],
  ['disconnected', 'replaced', 440, 'd'],
  ['logged_out', 'logged-out', 401, 'o'],
  ['failed', 'banned', 406, 'f'],
  ['lost', 'lost', 0, 'l'],
  ['qr_pending', '', 0, 'q'],
  ['starting', '', 0, 's'],
];

// A small generator of numbers: the same for the same seed.
function generator(seed) {
  let x = seed >>> 0;
  return () => {
    x = (x * 1664525 + 1013904223) >>> 0;
    return x / 2 ** 32;
  };
}

export function makeSession(i, now, n) {
  const rand = generator(i + 1);
  const down = n > 100 ? i % 97 === 5 : i < DOWN.length;
  const [state, cause, code, letter] = down ? DOWN[i % DOWN.length] : ['connected', '', 0, 'c'];
  const parked = state === 'failed' || (down && cause === 'replaced');
  const silent = state === 'connected' && i === 9;
  const quiet = Math.floor(rand() * 20);
  const strip = Array.from({ length: 96 }, (_, k) => (k < 10 && i % 5 === 4 ? '.' : rand() < 0.015 ? 'd' : 'c')).join('').slice(0, 96 - (down ? quiet + 1 : 0)).padEnd(96, letter);
  const why = parked ? 'parked' : state === 'disconnected' ? 'spacing' : state === 'connected' ? 'connected' : state.replace('_', '-');
  return {
    bridge: i % 3 === 2 ? 'support' : 'sales',
    session: i === 3 ? 'shop<script>alert(1)</script>' : `shop-${String(i).padStart(n > 999 ? 5 : 3, '0')}`,
    name: i % 4 === 3 ? '' : NAMES[i % NAMES.length],
    phone: i % 4 === 3 ? '' : `5511${String(900000000 + i * 7919).slice(0, 9)}`,
    state,
    since: Math.round(now - (down ? (quiet + 1) * 15 * MINUTE : 3 * HOUR + i * 97 * MINUTE)),
    cause,
    code,
    mark: parked ? 'parked' : silent ? 'silent' : '',
    parked,
    silent,
    flapping: false,
    last_received_at: Math.round(now - (silent ? 9 * HOUR : down ? (quiet + 2) * 15 * MINUTE : rand() * 40 * MINUTE)),
    next_at: state === 'disconnected' && !parked ? Math.round(now + 130e3) : 0,
    why_not_sooner: why,
    why_detail: state === 'disconnected' ? 'its last attempt is too short ago' : '',
    attempts: down ? 2 : 0,
    strip,
  };
}

export function makeEvent(seq, at) {
  const types = ['message.received', 'message.received', 'message.sent', 'message.delivered', 'session.status'];
  const type = types[seq % types.length];
  const texts = ['Bom dia! Vocês abrem hoje?', 'Obrigado', 'Hola, ¿tienen stock?', 'Selamat pagi, pesanan saya?', ''];
  const text = type.startsWith('message.re') || type === 'message.sent' ? texts[seq % texts.length] : '';
  const session = `shop-${String(seq % 12).padStart(3, '0')}`;
  return {
    event: { seq, id: `evt_${seq.toString(16)}`, at, occurred_at: at - 340, type, bridge: 'sales', session, message_id: `3EB0${seq}`, size: 412, text },
    body: { sessionId: session, eventType: type, origin: '1', timestamp: at - 340, data: { messageId: `3EB0${seq}`, from: '5511987654321@s.whatsapp.net', pushName: '<b>Ana</b>', message: { conversation: text, contextInfo: { mentions: [], forwarded: false } } } },
  };
}

const counts = () => ({ unknown: 0, starting: 0, qr_pending: 0, connected: 0, disconnected: 0, logged_out: 0, failed: 0, lost: 0, action_required: 0 });

export class World {
  constructor({ n = 48, now = Date.now() } = {}) {
    this.now = () => Date.now();
    this.sessions = new Map();
    for (let i = 0; i < n; i++) {
      const s = makeSession(i, now, n);
      this.sessions.set(`${s.bridge}/${s.session}`, s);
    }
    this.head = 48210;
    this.events = Array.from({ length: 300 }, (_, i) => makeEvent(this.head - i, now - i * 1700));
    this.audit = [
      { n: 2, at: now - 20 * MINUTE, actor: 'operator@127.0.0.1', address: '127.0.0.1', action: 'session.park', bridge: 'sales', session: 'shop-001', detail: 'two owners: waits for the old server to be stopped', ok: true },
      { n: 1, at: now - 40 * MINUTE, actor: 'operator@127.0.0.1', address: '127.0.0.1', action: 'login', bridge: '', session: '', detail: '', ok: true },
    ];
    this.tokens = [{ id: 1, name: 'deploy script', role: 'operator', created_at: now - 30 * 24 * HOUR, used_at: now - 2 * HOUR, actor: 'operator@127.0.0.1' }];
    this.pairings = new Map();
    this.ingest = 'running';
    this.bad = true;
    this.doctor = { running: false, started_at: 0, ended_at: 0, ok: false, findings: [], error: '' };
  }

  counts(filter = () => true) {
    const ret = counts();
    for (const s of this.sessions.values()) if (filter(s)) ret[s.state]++;
    return ret;
  }

  destinations() {
    const now = this.now();
    const common = { on: true, running: true, breaker: 'closed', head: this.head, in_flight: 0, blocked: 0, filtered: 0, matched: 48000, last_error_at: 0, last_status: 200, last_session: '', last_answer: '', off_since: 0, paused: false, last_error: '' };
    return [
      { ...common, destination: 'backend', url: 'http://127.0.0.1:9000/api/v1/messages/webhook', state: 'delivering', state_since: now - 5 * HOUR, floor: this.head, lag: 0, in_flight: 2, retrying: 0, dead: 0, delivered: 48195 },
      { ...common, destination: 'crm', url: 'https://crm.example/hooks', state: 'failing', state_since: now - 12 * MINUTE, breaker: 'open', floor: this.head - 312, lag: 312, retrying: 3, blocked: 41, dead: 2, delivered: 47880, last_error: 'HTTP 503: the service is being updated', last_error_at: now - 20e3, last_status: 503, last_session: 'shop-004', last_answer: 'Service Unavailable' },
    ];
  }

  problems() {
    const ret = [];
    if (!this.bad) return ret;
    const now = this.now();
    if (this.ingest !== 'running') ret.push({ level: 'bad', area: 'ingest', text: 'webhook-ingest is dead: webhooks are not stored; start zapkeep-ingest', bridge: '', session: '', key: 'ingest-dead', args: { since: now - 4000 } });
    ret.push({ level: 'bad', area: 'delivery', text: 'destination crm is failing for 12m: HTTP 503: the service is being updated', bridge: '', session: '', key: 'destination', args: { destination: 'crm', state: 'failing', lag: 312, dead: 2, detail: 'HTTP 503: the service is being updated' } });
    const down = [...this.sessions.values()].filter((s) => ['disconnected', 'logged_out', 'failed', 'lost'].includes(s.state) && s.bridge === 'sales');
    if (down.length) ret.push({ level: 'bad', area: 'sessions', text: `${down.length} of 32 sessions of bridge sales are down`, bridge: 'sales', session: '', key: 'sessions-down', args: { n: down.length, all: 32, names: down.slice(0, 3).map((s) => s.session).join(', ') } });
    ret.push({ level: 'warn', area: 'alerts', text: 'alert session-silent: session shop-009 is silent: connected, but it has not received anything for too long', bridge: 'sales', session: 'shop-009', key: 'alert', args: { alert: 'session-silent', detail: 'session shop-009 is silent' } });
    return ret;
  }

  bridges(withSettings) {
    const now = this.now();
    const common = { health: 'up', health_since: now - 26 * HOUR, health_detail: '', incident_since: 0, incident_detail: '', outdated_since: 0, swept_at: now - 21e3, fresh: true, breaker: 'closed', breaker_until: 0, bucket_tokens: 5, bucket_burst: 5, bucket_rate_milli: 2000, attempts: 'ready', no_reconnect_method: '', due: 1, in_flight: 0 };
    const settings = withSettings ? [{ name: 'WHATSAPP_API_URL', value: 'http://127.0.0.1:3000', is_default: false }, { name: 'WHATSAPP_API_KEY', value: '***', is_default: false }, { name: 'CHECK_INTERVAL', value: '60s', is_default: true }] : [];
    return ['sales', 'support'].map((bridge, i) => ({
      ...common,
      bridge,
      driver: i ? 'waha' : 'zapw',
      sessions: this.counts((s) => s.bridge === bridge),
      version: i ? '2026.11.1' : '1.4.0',
      capabilities: ['list', 'status', 'reconnect', 'extension', 'qr', 'pairing_code'].map((key) => ({ key, value: key === 'extension' || (i && key === 'pairing_code') ? 'no' : 'yes' })),
      settings,
      subscription: i ? { state: 'drift', expected: 'http://10.0.0.5:8000/webhook/support', found: 'http://10.0.0.4:8000/webhook/support', detail: 'it lacks the event session.status', session: 'desk-1', drifted: 3, checked_at: Date.now() - 600e3 } : { state: 'ok', expected: 'http://10.0.0.5:8000/webhook/sales', found: '', detail: '', session: '', drifted: 0, checked_at: Date.now() - 60e3 },
    }));
  }

  overview() {
    const now = this.now();
    const problems = this.problems();
    const service = (name, state = 'running') => ({ service: name, state, seen_at: state === 'running' ? now - 400 : now - 9000 });
    const minute = Math.floor(now / MINUTE) * MINUTE;
    return {
      now,
      ok: problems.length === 0,
      problems,
      services: [service('monitor'), service('ingest', this.ingest), service('reconnect'), service('forward'), service('hub'), service('console')],
      bridges: this.bridges(false),
      sessions: this.counts(),
      parked: [...this.sessions.values()].filter((s) => s.parked).length,
      silent: [...this.sessions.values()].filter((s) => s.silent).length,
      delivery: this.destinations(),
      delivered_seq: this.head - 312,
      head_seq: this.head,
      last_event_at: this.events[0].event.at,
      rate: Array.from({ length: 60 }, (_, i) => ({ at: minute - (59 - i) * MINUTE, received: Math.round(90 + 40 * Math.sin(i / 7) + ((i * 37) % 23)), events: 260 })),
      alerts: 2,
    };
  }

  session(bridge, id) {
    const row = this.sessions.get(`${bridge}/${id}`);
    if (!row) return null;
    const now = this.now();
    const action = row.parked || row.state === 'connected' ? 'none' : row.state === 'disconnected' ? 'attempt' : 'none';
    return {
      ...row,
      first_seen: now - 200 * 24 * HOUR,
      raw_status: row.state === 'connected' ? 'connected' : 'close',
      silent_since: row.silent ? now - 9 * HOUR : 0,
      suppressed_until: 0,
      cause_text: row.cause ? 'WhatsApp closed the connection; reconnecting is enough.' : '',
      driver: 'zapw',
      next: { action, at: row.next_at, phase: row.parked ? 'parked' : action === 'attempt' ? 'due' : 'idle', reason: 'again', why_not_sooner: row.why_not_sooner, detail: row.why_detail, until: row.next_at, ahead: action === 'attempt' ? 2 : 0, attempts: row.attempts, failures: row.attempts ? 1 : 0, parked: row.parked, parked_since: row.parked ? now - 20 * MINUTE : 0, park_reason: row.parked ? 'parked by hand: waits for the old server to be stopped' : '', to_do: '' },
      now,
    };
  }

  timeline(bridge, id) {
    const now = this.now();
    const at = (minutes) => Math.round(now - minutes * MINUTE);
    return {
      items: [
        { at: at(4), kind: 'attempt', text: 'attempt 2', attempt: 2, outcome: 'not-connected', reason: 'again', http_status: 200, took_ms: 41, worker: 'reconnect-1', detail: 'the bridge took it, but the session did not connect within 60 s' },
        { at: at(9), kind: 'attempt', text: 'attempt 1', attempt: 1, outcome: 'bridge-fault', reason: 'drop', http_status: 502, took_ms: 1204, worker: 'reconnect-2', detail: 'Bad Gateway' },
        { at: at(10), kind: 'change', text: 'connected to disconnected', from: 'connected', to: 'disconnected', cause: 'connection-closed', code: 428, source: 'webhook' },
        { at: at(12), kind: 'event', text: 'message.received', seq: this.head - 5, type: 'message.received' },
        { at: at(20), kind: 'operator', text: 'parked', actor: 'operator@127.0.0.1', action: 'session.park', detail: 'waits for the old server' },
        { at: at(90), kind: 'delivery', text: 'event 47001 became a dead letter after 9 tries', destination: 'crm', event_seq: 47001, dead_id: 12, tries: 9 },
        { at: at(60 * 5), kind: 'change', text: 'starting to connected', from: 'starting', to: 'connected', cause: '', code: 0, source: 'poll' },
      ],
      next_before: 0,
    };
  }

  activity(bridge, id) {
    const row = this.sessions.get(`${bridge}/${id}`);
    const now = this.now();
    const hour = Math.floor(now / HOUR) * HOUR;
    const usual = (at) => Math.max(0, 40 * Math.sin(((new Date(at).getUTCHours() - 9) / 14) * Math.PI));
    const rand = generator(77);
    const counts = Array.from({ length: 168 }, (_, i) => {
      const at = hour - (167 - i) * HOUR;
      const received = row.silent && i > 158 ? 0 : Math.round(usual(at) * (0.6 + rand() * 0.8));
      return { at, received, events: received * 3 };
    });
    const monday = Math.floor((now / HOUR + 72) / 168) * 168 * HOUR - 72 * HOUR;
    return { now, strip_7d: row.strip.padStart(168, 'c'), slot_ms: HOUR, counts, profile: Array.from({ length: 168 }, (_, i) => usual(monday + i * HOUR)), minutes: [], silent_since: row.silent ? now - 9 * HOUR : 0, last_received_at: row.last_received_at };
  }
}

export const findings = [
  { check: 'bridge', bridge: 'sales', level: 'ok', text: 'http://127.0.0.1:3000 answers in 4 ms', advice: '' },
  { check: 'key', bridge: 'sales', level: 'ok', text: 'the bridge takes our key', advice: '' },
  { check: 'token', bridge: '', level: 'warn', text: 'WEBHOOK_AUTH_TOKEN is empty: anyone can post webhooks', advice: 'set WEBHOOK_AUTH_TOKEN, and the same in the bridge' },
  { check: 'arrival', bridge: 'support', level: 'bad', text: 'the bridge sends its webhooks to http://10.0.0.4:8000', advice: 'press Set it again on the page Bridges' },
  { check: 'probe', bridge: '', level: 'ok', text: 'from webhook to log in 3 ms', advice: '' },
  { check: 'hub', bridge: '', level: 'skip', text: 'the admin port is off', advice: '' },
];
