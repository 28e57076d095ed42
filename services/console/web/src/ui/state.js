// A session's state as people read it.
import { t, tOr } from '../lib/i18n.js';
import { tone } from '../lib/sessions.js';
import { calm, percent, runs } from '../lib/strip.js';
import { sessionLink } from '../lib/route.js';
import { overview, useStore } from '../store.js';
import { html } from './html.js';
import { Tag } from './icon.js';

// The name of a bridge beside that of a session: two bridges may have the same ids.
export function Of({ bridge }) {
  const many = (useStore(overview)?.bridges.length ?? 0) > 1;
  return many && bridge ? html` <span class="faint">${bridge}</span>` : null;
}
export const SessionName = ({ bridge, session }) => html`<a href=${sessionLink(bridge, session)}><b>${session}</b></a><${Of} bridge=${bridge} />`;

export function StateTag({ session: s }) {
  const mark = s.parked ? 'parked' : s.silent ? 'silent' : s.flapping ? 'flapping' : '';
  return html`<span class="state">
    <${Tag} tone=${tone(s)} shape=${s.state === 'qr_pending' ? 'qr' : undefined}>${t(`state.${s.state}`)}<//>
    ${mark && html`<span class="mark">${t(`mark.${mark}`)}</span>`}
  </span>`;
}

// "Closed by WhatsApp", with the whole sentence on hover.
export function Cause({ cause, code }) {
  if (!cause) return html`<span class="faint none">–</span>`;
  return html`<span title=${tOr(`cause.${cause}.meaning`, cause)}>${tOr(`cause.${cause}`, cause)}${code ? html` <span class="faint">${code}</span>` : ''}</span>`;
}

export const causeMeaning = (cause, fallback) => (cause ? tOr(`cause.${cause}.meaning`, fallback) : '');
// The server's keys are written with "_" in some answers.
export const whyText = (key, fallback) => tOr(`why.${(key ?? '').replace(/_/g, '-')}`, fallback);

// The strip of the last 24 hours or 7 days.
export function Strip({ strip, label, tall }) {
  const share = calm(strip);
  const text = share === null ? t('strip.none') : t('strip.share', { share: percent(share) });
  return html`<svg class="strip ${tall ? 'tall' : ''}" viewBox="0 0 ${strip.length} 10" preserveAspectRatio="none" role="img" aria-label="${label}: ${text}">
    <title>${label}: ${text}</title>
    ${runs(strip).map((run) => html`<rect x=${run.from} width=${run.to - run.from} y="0" height="10" class="s-${run.state || 'none'}" />`)}
  </svg>`;
}
