// Counts over time as SVG paths.

// bucket(points, from, to, n): the sums of n equal spans. @points: [[at_ms, count]].
export function bucket(points, from, to, n) {
  const sums = new Array(n).fill(0);
  for (const [at, value] of points) {
    const i = Math.floor(((at - from) / (to - from)) * n);
    if (i >= 0 && i < n) sums[i] += value;
  }
  return sums;
}

const HOUR = 3600e3;

// hours(counts, now): one entry for each of the last 168 hours, the hour of @now last. @counts: [{ at, received }], of some of them.
export function hours(counts, now) {
  const last = Math.floor(now / HOUR);
  const known = new Map(counts.map((c) => [Math.floor(c.at / HOUR), c]));
  return Array.from({ length: 168 }, (_, i) => known.get(last - 167 + i) ?? { at: (last - 167 + i) * HOUR, received: 0 });
}

// An area under a line, from values of any height, in a box of width × height.
export function area(values, width, height, top = Math.max(1, ...values)) {
  if (values.length === 0) return { line: '', fill: '' };
  const x = (i) => round(values.length === 1 ? width : (i / (values.length - 1)) * width);
  const y = (v) => round(height - (Math.min(v, top) / top) * height);
  const line = values.map((v, i) => `${i ? 'L' : 'M'}${x(i)} ${y(v)}`).join('');
  return { line, fill: `${line}L${width} ${height}L0 ${height}Z` };
}

const round = (n) => Math.round(n * 10) / 10;

// A round number at or above the highest value, for the axis: 1, 2, 5, 10, 20, 50 …
export function ceiling(max) {
  if (!(max > 0)) return 1;
  const unit = 10 ** Math.floor(Math.log10(max));
  return [1, 2, 5, 10].map((m) => m * unit).find((c) => c >= max);
}
