// The list of sessions: the worst comes first; filters and search are pure and fast (10,000 sessions a keystroke).

// How much a person is needed, by state; 0 is the worst.
const GRAVITY = { lost: 0, failed: 1, logged_out: 2, disconnected: 4, action_required: 5, qr_pending: 5, unknown: 6, starting: 7, connected: 9 };

export const STATES = ['connected', 'starting', 'qr_pending', 'disconnected', 'logged_out', 'failed', 'lost', 'unknown', 'action_required'];

export function gravity(s) {
  const g = GRAVITY[s.state] ?? 6;
  if (s.parked && g > 3 && s.state !== 'connected') return 3;
  return g === 9 && s.silent ? 8 : g;
}

// The states that the filter "down" names, here as in the API.
const DOWN = new Set(['disconnected', 'logged_out', 'failed', 'lost', 'action_required']);
export const isDown = (s) => DOWN.has(s.state);

// The tone of a state: "bad", "warn", "busy", "ok".
export function tone(s) {
  const g = gravity(s);
  if (g <= 2 || g === 4) return 'bad';
  return g === 7 ? 'busy' : g === 9 ? 'ok' : 'warn';
}

export const keyOf = (s) => `${s.bridge}/${s.session}`;

// Text to search in, made once per row: id, name and phone, as the server does it.
const haystacks = new WeakMap();
function haystack(s) {
  let text = haystacks.get(s);
  if (text === undefined) {
    text = `${s.session}\n${s.name}\n${s.phone}`.toLowerCase();
    haystacks.set(s, text);
  }
  return text;
}

const MARKS = { parked: (s) => s.parked, silent: (s) => s.silent, flapping: (s) => s.flapping, down: isDown };

// A function that says whether a row matches: @filter has q, state (several by comma, and parked, silent, flapping, down),
// bridge and cause.
export function matcher(filter) {
  const q = (filter.q ?? '').trim().toLowerCase();
  const states = (filter.state ?? '').split(',').filter(Boolean);
  return (s) =>
    (states.length === 0 || states.some((w) => (MARKS[w] ? MARKS[w](s) : s.state === w))) &&
    (!filter.bridge || s.bridge === filter.bridge) &&
    (!filter.cause || s.cause === filter.cause) &&
    (q === '' || haystack(s).includes(q));
}

const collator = new Intl.Collator('en', { numeric: true });
const text = (a, b) => (a === b ? 0 : collator.compare(a, b));
// Unknown times sort last.
const time = (v) => v || Infinity;
const earlier = (a, b) => (a === b ? 0 : a - b);

const ORDERS = {
  state: (a, b) => gravity(a) - gravity(b),
  session: (a, b) => text(a.session, b.session),
  bridge: (a, b) => text(a.bridge, b.bridge),
  since: (a, b) => b.since - a.since,
  cause: (a, b) => (a.cause && b.cause ? text(a.cause, b.cause) : earlier(a.cause ? 0 : 1, b.cause ? 0 : 1)),
  heard: (a, b) => b.last_received_at - a.last_received_at,
  next: (a, b) => earlier(time(a.next_at), time(b.next_at)),
};
export const COLUMNS = Object.keys(ORDERS);

// Sorted by a column, "-" before it reverses; the default is the worst first. Equal rows are in the order of their ids.
export function sort(rows, by = 'state') {
  const order = ORDERS[by.replace(/^-/, '')] ?? ORDERS.state;
  const sign = by.startsWith('-') ? -1 : 1;
  return [...rows].sort((a, b) => sign * order(a, b) || text(a.session, b.session) || text(a.bridge, b.bridge));
}

// How many rows are in each state, and down, parked or silent.
export function count(rows) {
  const ret = { all: rows.length, down: 0, parked: 0, silent: 0, flapping: 0 };
  for (const s of rows) {
    ret[s.state] = (ret[s.state] ?? 0) + 1;
    for (const mark of Object.keys(MARKS)) if (MARKS[mark](s)) ret[mark]++;
  }
  return ret;
}

// Rows in the order of @keys (those that were in view), new ones after them: the list does not move under a reader.
export function inOrderOf(rows, keys) {
  const place = new Map(keys.map((k, i) => [k, i]));
  return rows
    .map((s, i) => [place.get(keyOf(s)) ?? keys.length + i, s])
    .sort((a, b) => a[0] - b[0])
    .map(([, s]) => s);
}
