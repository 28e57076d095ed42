// A session's state as people read it.
import { t, tOr } from '../lib/i18n.js';
import { tone } from '../lib/sessions.js';
import { calm, percent, runs } from '../lib/strip.js';
import { sessionLink } from '../lib/route.js';
import { overview, useStore } from '../store.js';
import { Fragment, h } from './preact.js';
import { Tag } from './icon.js';

// The name of a bridge beside that of a session: two bridges may have the same ids.
export function Of({ bridge }) {
  const many = (useStore(overview)?.bridges.length ?? 0) > 1;
  return many && bridge ? <>{' '}<span class="faint">{bridge}</span></> : null;
}
export const SessionName = ({ bridge, session }) => <><a href={sessionLink(bridge, session)}><b>{session}</b></a><Of bridge={bridge} /></>;

export function StateTag({ session: s }) {
  const mark = s.parked ? 'parked' : s.silent ? 'silent' : s.flapping ? 'flapping' : '';
  return <span class="state">
    <Tag tone={tone(s)} shape={s.state === 'qr_pending' ? 'qr' : undefined}>{t(`state.${s.state}`)}</Tag>
    {mark && <span class="mark">{t(`mark.${mark}`)}</span>}
  </span>;
}

// "Closed by WhatsApp", with the whole sentence on hover.
export function Cause({ cause, code }) {
  if (!cause) return <span class="faint none">–</span>;
  return <span title={tOr(`cause.${cause}.meaning`, cause)}>{tOr(`cause.${cause}`, cause)}{code ? <>{' '}<span class="faint">{code}</span></> : ''}</span>;
}

export const causeMeaning = (cause, fallback) => (cause ? tOr(`cause.${cause}.meaning`, fallback) : '');
// The server's keys are written with "_" in some answers.
export const whyText = (key, fallback) => tOr(`why.${(key ?? '').replace(/_/g, '-')}`, fallback);

// The strip of the last 24 hours or 7 days.
export function Strip({ strip, label, tall }) {
  const share = calm(strip);
  const text = share === null ? t('strip.none') : t('strip.share', { share: percent(share) });
  return <svg class={`strip ${tall ? 'tall' : ''}`} viewBox={`0 0 ${strip.length} 10`} preserveAspectRatio="none" role="img" aria-label={`${label}: ${text}`}>
    <title>{label}: {text}</title>
    {runs(strip).map((run) => <rect x={run.from} width={run.to - run.from} y="0" height="10" class={`s-${run.state || 'none'}`} />)}
  </svg>;
}
