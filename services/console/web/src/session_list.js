// All sessions of all bridges in memory: read page by page, then kept by the stream. The list is read once for the whole visit,
// so that a search takes no round trip.
import { get, withQuery } from './api.js';
import { keyOf } from './lib/sessions.js';
import { createStore } from './store.js';
import { on } from './stream.js';

const PAGE = 500; // the most that one answer holds

// { rows: Map(key → row), list: rows, loaded, error }. `list` is a new array after each change.
export const sessionList = createStore({ rows: new Map(), list: [], loaded: false, error: null });

let reading = null;

function publish(rows, more) {
  sessionList.set((s) => ({ ...s, rows, list: [...rows.values()], ...more }));
}

// Reads everything; rows that are gone go at the end. A row of the stream that comes meanwhile is newer than the page.
async function readAll() {
  const control = new AbortController();
  reading?.abort();
  reading = control;
  const seen = new Set();
  const touched = new Set();
  const stop = [on('session', (row) => touched.add(keyOf(row))), on('removed', (ref) => touched.add(keyOf(ref)))];
  try {
    for (let offset = 0, total = 1; offset < total; offset += PAGE) {
      const page = await get(withQuery('/sessions', { sort: 'session', offset, limit: PAGE }), control.signal);
      const rows = new Map(sessionList.get().rows);
      total = page.total;
      for (const row of page.rows) {
        seen.add(keyOf(row));
        if (!touched.has(keyOf(row))) rows.set(keyOf(row), row);
      }
      const done = offset + PAGE >= total;
      if (done) for (const key of rows.keys()) if (!seen.has(key) && !touched.has(key)) rows.delete(key);
      publish(rows, { error: null, loaded: done || sessionList.get().loaded });
    }
  } catch (error) {
    if (error.name !== 'AbortError') sessionList.set((s) => ({ ...s, error }));
  } finally {
    stop.forEach((f) => f());
  }
}

let started = false;
export function startSessionList() {
  if (started) return;
  started = true;
  readAll();
}
export const reloadSessionList = readAll;

// Changes of the stream are shown together, four times a second: a bridge that comes back changes thousands of rows at once.
let pending = new Map();
let timer = 0;
function later(key, row) {
  pending.set(key, row);
  timer ||= setTimeout(() => {
    const rows = new Map(sessionList.get().rows);
    for (const [k, r] of pending) r ? rows.set(k, r) : rows.delete(k);
    pending = new Map();
    timer = 0;
    publish(rows, {});
  }, 250);
}
on('session', (row) => started && later(keyOf(row), row));
on('removed', (ref) => started && later(keyOf(ref), null));
on('resync', () => started && readAll());

export function forgetSessionList() {
  started = false;
  sessionList.set({ rows: new Map(), list: [], loaded: false, error: null });
}
