// The stream of changes: one connection for the whole page. After a gap everybody reads anew ("resync").
import { base, get, withQuery } from './api.js';
import { retryDelay } from './lib/live.js';
import { connection, learnNow, me } from './store.js';

const KINDS = ['hello', 'event', 'session', 'removed', 'overview', 'delivery', 'alert', 'pairing', 'doctor', 'audit', 'ping'];
// The server sends a ping every 15 s; after two that did not come the connection is dead, even if the browser has not noticed.
const SILENCE_MS = 35000;

const listeners = new Map([...KINDS, 'resync'].map((kind) => [kind, new Set()]));
let source = null;
let query = {};
let heardAt = 0;
let timer = 0;
let hadGap = false;

export function on(kind, listener) {
  listeners.get(kind).add(listener);
  return () => listeners.get(kind).delete(listener);
}

const publish = (kind, data) => listeners.get(kind).forEach((listener) => listener(data));

// Only the page of the log wants events: { events: 1, bridge, session, type }; anything else wants {}.
export function want(next) {
  if (JSON.stringify(next) === JSON.stringify(query)) return;
  query = next;
  if (source) connect();
}

export function connect() {
  clearTimeout(timer);
  source?.close();
  const mine = new EventSource(new URL(`api/v1${withQuery('/stream', query)}`, base));
  source = mine;
  heardAt = Date.now();
  for (const kind of KINDS)
    mine.addEventListener(kind, (message) => {
      if (source !== mine) return;
      heardAt = Date.now();
      onMessage(kind, JSON.parse(message.data));
    });
  mine.onerror = () => source === mine && onLost();
}

export function disconnect() {
  clearTimeout(timer);
  source?.close();
  source = null;
}

function onMessage(kind, data) {
  if (data.now) learnNow(data.now);
  if (kind === 'hello') {
    connection.set({ link: 'open', since: Date.now(), failures: 0 });
    if (hadGap || data.resync) publish('resync', data);
    hadGap = false;
  }
  publish(kind, data);
}

async function onLost() {
  source?.close();
  hadGap = true;
  const { link, since, failures } = connection.get();
  connection.set({ link: 'closed', since: link === 'closed' ? since : Date.now(), failures: failures + 1 });
  clearTimeout(timer);
  timer = setTimeout(again, retryDelay(failures, Math.random()));
}

// The login may have ended meanwhile: the answer of /me tells that apart from a console that is away.
export async function again() {
  clearTimeout(timer);
  if (!source) return;
  try {
    me.set(await get('/me'));
    connect();
  } catch (error) {
    if (error.status !== 401) await onLost();
  }
}

setInterval(() => {
  if (source && connection.get().link === 'open' && Date.now() - heardAt > SILENCE_MS) onLost();
}, 5000);
addEventListener('online', () => connection.get().link === 'closed' && again());
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && connection.get().link === 'closed') again();
});
