// The strip of a session: one character a slot of time, oldest first, each the worst state of its slot.

const STATES = {
  c: 'connected',
  s: 'starting',
  q: 'qr_pending',
  d: 'disconnected',
  o: 'logged_out',
  f: 'failed',
  l: 'lost',
  u: 'unknown',
  a: 'action_required',
};

// runs(strip): [{ state, from, to }], slots of one state in a row; state '' is not known.
export function runs(strip) {
  const ret = [];
  for (let i = 0; i < strip.length; i++) {
    const state = STATES[strip[i]] ?? '';
    const last = ret[ret.length - 1];
    if (last && last.state === state) last.to = i + 1;
    else ret.push({ state, from: i, to: i + 1 });
  }
  return ret;
}

// The share of the known slots without anything but connected, 0 … 1; null when nothing is known. A slot with a short drop
// in it counts as down, so this is at most the real share.
export function calm(strip) {
  let known = 0;
  let up = 0;
  for (const slot of strip) {
    if (!STATES[slot]) continue;
    known++;
    if (slot === 'c') up++;
  }
  return known > 0 ? up / known : null;
}

// Percent for people: never "100 %" for less than all, never "0 %" for more than nothing.
export function percent(share) {
  if (share === null || share === undefined) return '–';
  if (share >= 1) return '100 %';
  if (share <= 0) return '0 %';
  const text = Math.min(99.99, Math.max(0.01, share * 100));
  return `${text >= 99.9 || text < 0.1 ? text.toFixed(2) : text.toFixed(1)} %`;
}
