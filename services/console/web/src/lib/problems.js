// The faults of now, in the reader's language: the server gives each problem a key and its values; a key that this page does
// not know is shown in the server's own English sentence.
import { duration } from './time.js';
import { number, language, tOr } from './i18n.js';
import { build, sessionLink } from './route.js';

function values(args, now) {
  const ret = {};
  for (const [key, value] of Object.entries(args ?? {})) {
    if (key === 'since') ret.time = value > 0 ? duration(now - value, language()) : '–';
    else if (key === 'names') ret.names = value.replace(/\((\w+)\)/g, (whole, state) => `(${tOr(`state.${state}`, tOr(`mark.${state}`, state))})`);
    else if (key === 'state') ret.state = tOr(`destination.${value}`, value);
    else ret[key] = typeof value === 'number' ? number(value) : value;
  }
  return ret;
}

// { text, step }: the sentence and the next step. @many: there are several bridges, so a session's is named.
export function problemText(p, now, many = false) {
  if (p.key === 'alert') {
    const kind = p.args?.alert ?? '';
    const of = p.session && many ? `${p.session} (${p.bridge})` : p.session || p.bridge;
    return { text: `${tOr(`alert.${kind}`, p.text)}: ${of}`, step: tOr(`alert.${kind}.step`, p.args?.detail) };
  }
  const shown = { bridge: p.bridge, session: p.session, ...values(p.args, now) };
  const text = p.key ? tOr(`problem.${p.key}`, p.text, shown) : p.text;
  return { text, step: p.key ? tOr(`problem.${p.key}.step`, '', shown) : '' };
}

const PAGES = { bridge: 'bridges', delivery: 'delivery', alerts: 'alerts', attempts: 'bridges', ingest: 'doctor', monitor: 'doctor', workers: 'doctor', bus: 'doctor' };

// Where the person goes next.
export function problemLink(p) {
  if (p.session) return sessionLink(p.bridge, p.session);
  if (p.area === 'sessions') return build(['sessions'], { state: 'down', bridge: p.bridge });
  return build([PAGES[p.area] ?? 'doctor']);
}
