// Times that stay right while one looks at them.
import { t } from '../lib/i18n.js';
import { absolute, clock, duration, relative } from '../lib/time.js';
import { prefs } from '../prefs.js';
import { serverNow, tick, useStore } from '../store.js';
import { h } from './preact.js';

function useNow() {
  useStore(tick);
  const { utc, shown } = useStore(prefs);
  return { now: serverNow(), utc, lang: shown };
}

const stamp = (at, utc, lang) => ({ title: absolute(at, utc, lang), datetime: new Date(at).toISOString() });

// "3 min. ago"; the absolute time on hover. 0: a dash.
export function Ago({ at, none = '–', style = 'short' }) {
  const { now, utc, lang } = useNow();
  if (!at) return <span class="faint none">{none}</span>;
  return <time {...stamp(at, utc, lang)}>{relative(at, now, lang, style)}</time>;
}

// "3 min 20 s": how long something has lasted.
export function Since({ at, none = '–', units = 2 }) {
  const { now, utc, lang } = useNow();
  if (!at) return <span class="faint none">{none}</span>;
  return <time {...stamp(at, utc, lang)}>{duration(now - at, lang, units)}</time>;
}

// "in 2 min 10 s", and "now" when that time has come.
export function Until({ at, none = '–', units = 2 }) {
  const { now, utc, lang } = useNow();
  if (!at) return <span class="faint none">{none}</span>;
  const text = at - now < 1000 ? t('time.now') : t('time.in', { time: duration(at - now, lang, units) });
  return <time {...stamp(at, utc, lang)}>{text}</time>;
}

// The time of day, with its date when it is not today's.
export function Clock({ at }) {
  const { utc, shown } = useStore(prefs);
  if (!at) return <span class="faint">–</span>;
  return <time class="mono" {...stamp(at, utc, shown)}>{clock(at, serverNow(), utc)}</time>;
}
