// Everything that happened to a session, in one list: its changes, our attempts, deliveries, changes by operators, its webhooks.
import { get, withQuery } from '../api.js';
import { number, t, tOr } from '../lib/i18n.js';
import { build } from '../lib/route.js';
import { useReloadOn, useResource } from '../resource.js';
import { Fragment, h, useEffect, useRef, useState } from '../ui/preact.js';
import { Icon } from '../ui/icon.js';
import { attempt, ActionButton } from '../ui/dialog.js';
import { Empty, LiveLine, Loaded, Panel } from '../ui/page.js';
import { Cause } from '../ui/state.js';
import { Clock } from '../ui/time.js';

const KINDS = ['change', 'attempt', 'delivery', 'operator', 'event'];

const stateTone = (state) => ({ connected: 'ok', starting: 'busy', qr_pending: 'warn', action_required: 'warn', unknown: 'warn' })[state] ?? 'bad';
const OUTCOME = { succeeded: 'ok', open: 'busy', called: 'busy' };

const tones = {
  change: (i) => stateTone(i.to),
  attempt: (i) => OUTCOME[i.outcome] ?? 'bad',
  delivery: () => 'bad',
  operator: () => 'off',
  event: () => 'off',
};

const lines = {
  change: (i) => <>{i.from && <>{t(`state.${i.from}`)} →{' '}</>}<b>{t(`state.${i.to}`)}</b>{i.cause && <>{' '}· <Cause cause={i.cause} code={i.code} /></>}{i.source && <>{' '}<span class="faint">{tOr(`source.${i.source}`, i.source)}</span></>}</>,
  attempt: (i) => <>{t('timeline.attempt', { attempt: number(i.attempt ?? 0) })} <b>{tOr(`outcome.${i.outcome}`, i.outcome)}</b>{i.reason && ` · ${tOr(`reason.${i.reason}`, i.reason)}`}{i.http_status > 0 && <>{' '}<span class="faint">HTTP {i.http_status}, {number(i.took_ms)} ms</span></>}{i.worker && <>{' '}<span class="faint">{i.worker}</span></>}</>,
  delivery: (i) => <>{t('timeline.delivery', { destination: i.destination ?? '' })} {i.text}</>,
  operator: (i) => <><b>{i.actor}</b> {tOr(`audit.${i.action}`, i.action)}</>,
  event: (i) => <><a href={build(['events'], { seq: i.seq })}>{i.type}</a> <span class="faint">{i.seq}</span></>,
};

function Item({ i }) {
  const detail = i.detail && i.kind !== 'delivery' ? i.detail : '';
  return <li class={`k-${i.kind}`}><Clock at={i.at} /><span class={`dot t-${tones[i.kind](i)}`}><Icon name={tones[i.kind](i)} /></span>
    <div><span class="kind">{t(`timeline.kind.${i.kind}`)}</span> {lines[i.kind](i)}{detail && <p class="faint">{detail}</p>}</div></li>;
}

// While somebody reads, the list stays as it is, and says how much is new.
function useHeld(data, path) {
  const [held, setHeld] = useState(false);
  const kept = useRef(null);
  if (!held || !kept.current || kept.current.path !== path) kept.current = data && { path, data };
  const shown = kept.current?.data ?? data;
  const newest = shown?.items[0]?.at ?? 0;
  const waiting = held && data ? data.items.filter((i) => i.at > newest).length : 0;
  return { shown, waiting, held, setHeld };
}

export function Timeline({ path, bridge, id }) {
  const [hidden, setHidden] = useState(new Set(['event']));
  const [older, setOlder] = useState({ items: [], next: undefined });
  const address = withQuery(`${path}/timeline`, { limit: 100, events: hidden.has('event') ? '' : 1 });
  const timeline = useResource(address, { every: 15000 });
  useReloadOn(['session', 'audit'], timeline.reload, 1000, (row) => row.bridge === bridge && row.session === id);
  const { shown, waiting, held, setHeld } = useHeld(timeline.data, address);
  useEffect(() => setOlder({ items: [], next: undefined }), [address]);

  const more = older.next ?? shown?.next_before ?? 0;
  const loadMore = () =>
    attempt(async () => {
      const page = await get(withQuery(`${path}/timeline`, { limit: 100, events: hidden.has('event') ? '' : 1, before: more }));
      setOlder((o) => ({ items: [...o.items, ...page.items], next: page.next_before }));
    });
  const toggle = (kind) => {
    const next = new Set(hidden);
    if (!next.delete(kind)) next.add(kind);
    setHidden(next);
  };
  const chips = <div class="chips" role="group" aria-label={t('timeline.show')}>{KINDS.map((k) => <button class="chip" aria-pressed={!hidden.has(k)} onClick={() => toggle(k)}>{t(`timeline.kind.${k}`)}</button>)}</div>;
  return <Panel title={t('timeline.title')} actions={chips}>
    <LiveLine reason={held ? t('held.reading') : ''} n={waiting} onResume={() => setHeld(false)} />
    <Loaded resource={{ ...timeline, data: shown }}>{(data) => {
      const items = [...data.items, ...older.items].filter((i) => !hidden.has(i.kind));
      if (items.length === 0) return <Empty title={t('timeline.none')} text={t('timeline.none.text')} />;
      return <><ol class="timeline" onPointerEnter={(e) => e.pointerType === 'mouse' && setHeld(true)} onPointerLeave={() => setHeld(false)}>{items.map((i) => <Item i={i} />)}</ol>
        {more > 0 && <ActionButton run={loadMore}>{t('action.older')}</ActionButton>}</>;
    }}</Loaded>
  </Panel>;
}
