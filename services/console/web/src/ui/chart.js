// Counts over time.
import { number, t } from '../lib/i18n.js';
import { area, ceiling } from '../lib/series.js';
import { Fragment, h } from './preact.js';

// A line with its area, for a box of any width.
export function Sparkline({ values, label }) {
  const top = ceiling(Math.max(1, ...values));
  const { line, fill } = area(values, 300, 48, top);
  const last = values[values.length - 1] ?? 0;
  return <div class="spark"><svg viewBox="0 0 300 50" preserveAspectRatio="none" role="img" aria-label={`${label}: ${number(last)}`}>
      <path d={fill} class="spark-fill" /><path d={line} class="spark-line" vector-effect="non-scaling-stroke" />
    </svg><span class="spark-top" aria-hidden="true">{number(top)}</span></div>;
}

// Messages an hour as bars, with the usual number as a line, and the silence shaded.
export function ActivityChart({ counts, usual, silentSince, label }) {
  if (counts.length === 0) return null;
  const n = counts.length;
  const top = ceiling(Math.max(1, ...counts.map((c) => c.received), ...usual));
  const height = (v) => (Math.min(v, top) / top) * 100;
  const from = counts[0].at;
  const hour = 3600e3;
  const silentX = silentSince ? Math.max(0, (silentSince - from) / hour) : n;
  const line = usual.map((v, i) => `${i ? 'L' : 'M'}${i} ${100 - height(v)}H${i + 1}`).join('');
  return <div class="chart">
    <svg viewBox={`0 0 ${n} 100`} preserveAspectRatio="none" role="img" aria-label={label}>
      {silentX < n && <rect x={silentX} y="0" width={n - silentX} height="100" class="chart-silent" />}
      {counts.map((c, i) => c.received > 0 && <rect x={i + 0.1} width="0.8" y={100 - height(c.received)} height={height(c.received)} class="chart-bar"><title>{number(c.received)}</title></rect>)}
      {line && <path d={line} class="chart-usual" vector-effect="non-scaling-stroke" />}
    </svg>
    <div class="chart-axis" aria-hidden="true"><span>{number(top)}</span><span>0</span></div>
    <p class="legend"><span class="key key-bar"></span>{t('activity.received')}{usual.length > 0 && <><span class="key key-usual"></span>{t('activity.usual')}</>}{silentX < n && <><span class="key key-silent"></span>{t('activity.silent')}</>}</p>
  </div>;
}
