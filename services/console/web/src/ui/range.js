// A range of time: a span that ends now, or two times. `since` is a span ("1h") or wall ms; `until` is wall ms or ''.
import { t } from '../lib/i18n.js';
import { fromField, toField } from '../lib/time.js';
import { prefs } from '../prefs.js';
import { serverNow, useStore } from '../store.js';
import { Fragment, h } from './preact.js';

const SPANS = ['10m', '1h', '6h', '1d', '7d'];

const isTime = (value) => value !== '' && Number(value) > 0;

function When({ label, value, onChange }) {
  const { utc } = useStore(prefs);
  return <label class="field when"><span>{label}{utc ? ' (UTC)' : ''}</span>
    <input type="datetime-local" value={isTime(value) ? toField(Number(value), utc) : ''} onChange={(e) => onChange(fromField(e.target.value, utc) ?? '')} /></label>;
}

// @any: the text of the choice without a bound; without it there is none.
export function Range({ since = '', until = '', any, label, onChange }) {
  const custom = isTime(since) || isTime(until);
  const choose = (value) => onChange(value === 'custom' ? { since: Math.round(serverNow() - 3600e3), until: Math.round(serverNow()) } : { since: value, until: '' });
  const options = [...(any ? [['', any]] : []), ...SPANS.map((span) => [span, t('events.last', { span })]), ['custom', t('range.custom')]];
  const chosen = custom ? 'custom' : since;
  return <><label class="select"><span class="hidden">{label}</span>
      <select aria-label={label} value={chosen} onChange={(e) => choose(e.target.value)}>{options.map(([v, text]) => <option value={v} selected={v === chosen}>{text}</option>)}</select></label>
    {custom && <><When label={t('range.from')} value={since} onChange={(at) => onChange({ since: at, until })} /><When label={t('range.until')} value={until} onChange={(at) => onChange({ since, until: at })} /></>}</>;
}
