// Values that several parts of the page show, with their subscribers.
import { useEffect, useState } from './ui/preact.js';

export function createStore(value) {
  const subscribers = new Set();
  return {
    get: () => value,
    set(next) {
      value = typeof next === 'function' ? next(value) : next;
      for (const notify of [...subscribers]) notify(value);
    },
    subscribe(notify) {
      subscribers.add(notify);
      return () => subscribers.delete(notify);
    },
  };
}

const same = (v) => v;

// The picked part of a store; the component is drawn anew when that part changes.
export function useStore(store, pick = same) {
  const [, redraw] = useState(0);
  const picked = pick(store.get());
  useEffect(() => {
    let last = pick(store.get());
    if (last !== picked) redraw((n) => n + 1);
    return store.subscribe((value) => {
      const next = pick(value);
      if (next === last) return;
      last = next;
      redraw((n) => n + 1);
    });
  }, [store]);
  return picked;
}

// The login (Me of the API): undefined until it is known, null when there is none.
export const me = createStore(undefined);
export const isOperator = (who) => who?.role === 'operator';

// The connection to the console: { link: 'connecting' | 'open' | 'closed', since, failures }.
export const connection = createStore({ link: 'connecting', since: Date.now(), failures: 0 });

// The overview, as last read and as changed by the stream; null until it is known.
export const overview = createStore(null);

// Short messages at the edge of the page: [{ id, tone, text }].
export const toasts = createStore([]);
let nextToast = 1;
export function toast(text, tone = 'ok') {
  const id = nextToast++;
  toasts.set((list) => [...list.slice(-3), { id, tone, text }]);
  setTimeout(() => dismiss(id), tone === 'bad' ? 12000 : 5000);
}
export const dismiss = (id) => toasts.set((list) => list.filter((item) => item.id !== id));

// The server's clock: the time of its last answer, moved on by ours.
let ahead = 0;
export const learnNow = (now) => {
  if (now > 0) ahead = now - Date.now();
};
export const serverNow = () => Date.now() + ahead;

// One tick a second for all times that are shown.
export const tick = createStore(0);
setInterval(() => document.hidden || tick.set((n) => n + 1), 1000);
