// Data of the API in a component: read when it is shown, anew after a gap of the stream, and on demand.
import { get } from './api.js';
import { on } from './stream.js';
import { useCallback, useEffect, useRef, useState } from './ui/preact.js';

// { data, error, loading, reload, set }. @path null: nothing is read. A newer path drops the answer of the one before.
export function useResource(path, { every = 0 } = {}) {
  const [state, setState] = useState({ path: null, data: null, error: null, loading: true });
  const running = useRef(null);

  const reload = useCallback(async () => {
    if (path === null) return;
    running.current?.abort();
    const control = new AbortController();
    running.current = control;
    try {
      const data = await get(path, control.signal);
      setState({ path, data, error: null, loading: false });
    } catch (error) {
      if (error.name !== 'AbortError') setState((s) => ({ path, data: s.path === path ? s.data : null, error, loading: false }));
    }
  }, [path]);

  useEffect(() => {
    setState((s) => ({ ...s, loading: true }));
    reload();
    const stop = on('resync', reload);
    const timer = every ? setInterval(() => document.hidden || reload(), every) : 0;
    return () => {
      stop();
      clearInterval(timer);
      running.current?.abort();
    };
  }, [reload, every]);

  const set = useCallback((change) => setState((s) => ({ ...s, data: s.data && change(s.data) })), []);
  return { ...state, reload, set };
}

export function useStream(kind, listener, deps = []) {
  useEffect(() => on(kind, listener), [kind, ...deps]);
}

// Reads anew soon after a message, at most once in @ms; of the messages for which concerns() is true.
export function useReloadOn(kinds, reload, ms = 1000, concerns = () => true) {
  const timer = useRef(0);
  useEffect(() => {
    const soon = (data) => {
      if (!timer.current && concerns(data)) timer.current = setTimeout(() => ((timer.current = 0), reload()), ms);
    };
    const stops = kinds.map((kind) => on(kind, soon));
    return () => {
      stops.forEach((stop) => stop());
      clearTimeout(timer.current);
      timer.current = 0;
    };
  }, [reload, kinds.join()]);
}
