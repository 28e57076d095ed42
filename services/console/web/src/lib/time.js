// Times for people: relative in the row, absolute on hover, local or UTC.

const STEPS = [
  [60e3, 1e3, 'second'],
  [3600e3, 60e3, 'minute'],
  [48 * 3600e3, 3600e3, 'hour'],
  [Infinity, 86400e3, 'day'],
];

function step(ms) {
  const [, unit, word] = STEPS.find(([below]) => ms < below);
  return [Math.floor(ms / unit), word];
}

// "3 min. ago", "in 20 sec."; at a distance of less than a second: "now".
export function relative(at, now, lang, style = 'short') {
  const [count, word] = step(Math.abs(at - now));
  const format = new Intl.RelativeTimeFormat(lang, { style, numeric: count === 0 ? 'auto' : 'always' });
  return format.format(at > now ? count : -count, word);
}

// "3 min 20 s": the two largest units, for how long a state lasts; or the largest alone.
export function duration(ms, lang, units = 2) {
  const parts = [];
  let rest = Math.max(0, Math.round(ms / 1000));
  for (const [seconds, unit] of [[86400, 'day'], [3600, 'hour'], [60, 'minute'], [1, 'second']]) {
    const count = Math.floor(rest / seconds);
    rest -= count * seconds;
    if (count > 0 || (unit === 'second' && parts.length === 0))
      parts.push(new Intl.NumberFormat(lang, { style: 'unit', unit, unitDisplay: 'narrow' }).format(count));
    else if (parts.length > 0) break;
    if (parts.length === units) break;
  }
  return parts.join(' ');
}

const two = (n) => String(n).padStart(2, '0');

// "2026-11-26 17:50:26 UTC", or local with its offset: "2026-11-26 14:50:26 −03:00".
export function absolute(at, utc) {
  const date = new Date(at);
  const offset = utc ? 0 : -date.getTimezoneOffset();
  const iso = new Date(at + offset * 60e3).toISOString();
  const sign = offset < 0 ? '−' : '+';
  const zone = utc ? 'UTC' : `${sign}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} ${zone}`;
}

// Only the time of day, and the date when it is not today's: for a list of events.
export function clock(at, now, utc) {
  const text = absolute(at, utc);
  return text.slice(0, 10) === absolute(now, utc).slice(0, 10) ? text.slice(11, 19) : `${text.slice(5, 10)} ${text.slice(11, 19)}`;
}

// The text of a field for date and time, "2026-11-26T17:50", and back; undefined for a field that is empty.
export const toField = (at, utc) => new Date(at - (utc ? 0 : new Date(at).getTimezoneOffset() * 60e3)).toISOString().slice(0, 16);
export function fromField(text, utc) {
  const at = Date.parse(utc ? `${text}Z` : text);
  return Number.isNaN(at) ? undefined : at;
}

// Milliseconds of "90s", "15m", "2h", "7d"; undefined for anything else.
export function parseSpan(text) {
  const found = /^\s*(\d{1,6})\s*([smhd])\s*$/i.exec(text ?? '');
  return found ? Number(found[1]) * { s: 1e3, m: 60e3, h: 3600e3, d: 86400e3 }[found[2].toLowerCase()] : undefined;
}
