// The event log, live and back.
import { get, withQuery } from '../api.js';
import { useKeys } from '../keys.js';
import { number, t } from '../lib/i18n.js';
import { LIVE_START, newer, step } from '../lib/live.js';
import { build } from '../lib/route.js';
import { useResource } from '../resource.js';
import { on, want } from '../stream.js';
import { h, useEffect, useRef, useState } from '../ui/preact.js';
import { attempt, ActionButton } from '../ui/dialog.js';
import { Icon } from '../ui/icon.js';
import { Bar, Empty, LiveLine, Loading, Page, Problem, Search, Select } from '../ui/page.js';
import { Range } from '../ui/range.js';
import { Of } from '../ui/state.js';
import { Clock } from '../ui/time.js';
import { EventBody } from './event_body.js';

// The most rows that are kept in the page; older ones are read again when they are asked for.
const ROWS_MAX = 1000;
const TYPES = ['message.', 'message.received', 'message.sent', 'message.delivered', 'message.read', 'session.', 'session.connected', 'session.disconnected', 'session.qr', 'session.status', 'event.other'];

const filterOf = (query) => ({ bridge: query.bridge, session: query.session, type: query.type, since: query.since, until: query.until, text: query.q });

// Rows newest first; `live` is the state of lib/live.js.
function useLog(query) {
  const filter = filterOf(query);
  const key = JSON.stringify(filter);
  const [rows, setRows] = useState(null);
  const [page, setPage] = useState({ next_before: 0 });
  const [error, setError] = useState(null);
  const [live, setLive] = useState(LIVE_START);
  const state = useRef(LIVE_START);

  const read = async () => {
    try {
      const answer = await get(withQuery('/events', { ...filter, limit: 100 }));
      setRows((list) => [...newer(list ?? [], answer.rows), ...answer.rows]); // some came while it was read
      setPage(answer);
      setError(null);
    } catch (e) {
      setError(e);
    }
  };
  const dispatch = (action) => {
    const [next, deliver] = step(state.current, action);
    state.current = next;
    setLive(next);
    if (deliver.some((m) => m.kind === 'reload')) read();
    else if (deliver.length > 0) setRows((list) => [...newer(deliver, list ?? []).reverse(), ...(list ?? [])].slice(0, ROWS_MAX));
  };
  const older = () =>
    attempt(async () => {
      const answer = await get(withQuery('/events', { ...filter, limit: 100, before: page.next_before }));
      setRows((list) => [...list, ...answer.rows]);
      setPage((p) => ({ ...p, next_before: answer.next_before }));
    });

  useEffect(() => {
    setRows(null);
    read();
    // A search in the bodies is the server's: the stream has none, so the list is read anew instead.
    if (filter.until) return void want({}); // of a range that has ended nothing comes
    want({ events: 1, bridge: filter.bridge ?? '', session: filter.session ?? '', type: filter.type ?? '' });
    const take = filter.text ? later(read, 2000) : (event) => dispatch({ type: 'message', message: event });
    const stops = [on('event', take), on('resync', read)];
    return () => stops.forEach((stop) => stop());
  }, [key]);
  useEffect(() => () => want({}), []);
  return { rows, page, error, live, dispatch, older, read };
}

function later(run, ms) {
  let timer = 0;
  return () => {
    timer ||= setTimeout(() => ((timer = 0), run()), ms);
  };
}

function Row({ e, open, current, onOpen }) {
  return <li class={`${open ? 'open' : ''} ${current ? 'current' : ''}`} data-seq={e.seq}>
    <button class="event-line" aria-expanded={open} onClick={onOpen}>
      <span class="mono seq">{e.seq}</span><Clock at={e.at} /><span class={`event-type ty-${e.type.split('.')[0]}`}>{e.type}</span>
      <span class="event-session">{e.session || e.bridge}{e.session && <Of bridge={e.bridge} />}</span><span class="event-text">{e.text}</span></button>
    {open && <EventBody seq={e.seq} />}</li>;
}

function Filters({ query, set }) {
  const bridges = useResource('/bridges').data?.bridges ?? [];
  return <Bar label={t('events.filter')}>
    <Search value={query.q ?? ''} onInput={(q) => set({ q })} label={t('events.search')} />
    <Select value={query.type ?? ''} onChange={(type) => set({ type })} label={t('column.type')} options={[['', t('events.any_type')], ...TYPES.map((x) => [x, x.endsWith('.') ? `${x}*` : x])]} />
    {bridges.length > 1 && <Select value={query.bridge ?? ''} onChange={(bridge) => set({ bridge })} label={t('column.bridge')} options={[['', t('sessions.any_bridge')], ...bridges.map((b) => [b.bridge, b.bridge])]} />}
    <Range since={query.since} until={query.until} any={t('events.any_time')} label={t('column.time')} onChange={set} />
    <label class="search small"><input type="search" placeholder={t('column.session')} aria-label={t('column.session')} value={query.session ?? ''} onChange={(e) => set({ session: e.target.value.trim() })} /></label>
  </Bar>;
}

export function Events({ query: given }) {
  const [query, setQuery] = useState(given);
  const timer = useRef(0);
  useEffect(() => setQuery(given), [JSON.stringify(given)]);
  const set = (part) => {
    const next = { ...query, ...part };
    clearTimeout(timer.current);
    const apply = () => (setQuery(next), history.replaceState(null, '', build(['events'], next)));
    'q' in part ? (timer.current = setTimeout(apply, 300)) : apply();
  };
  const log = useLog(query);
  const [open, setOpen] = useState(query.seq ? Number(query.seq) : 0);
  const [cursor, setCursor] = useState(0);
  const { live, dispatch, rows, page } = log;

  const pause = (reason) => !live.paused && dispatch({ type: 'pause', reason });
  const resume = () => dispatch({ type: 'resume' });
  const toggle = (seq) => {
    pause('open');
    setOpen(open === seq ? 0 : seq);
    setCursor(seq);
  };
  const move = (by) => {
    if (!rows?.length) return;
    pause('keys');
    const at = Math.max(0, Math.min(rows.length - 1, rows.findIndex((e) => e.seq === cursor) + by));
    setCursor(rows[at].seq);
    document.querySelector(`[data-seq="${rows[at].seq}"]`)?.scrollIntoView({ block: 'nearest' });
  };
  useKeys({ j: () => move(1), k: () => move(-1), Enter: (e) => (cursor && !e.target.closest('a, button') ? toggle(cursor) : false), p: () => (live.paused ? resume() : pause('button')), Escape: () => (open ? setOpen(0) : live.paused ? resume() : false) });
  // Hover holds the list while it lasts; the other reasons last until somebody goes on.
  const hover = { onPointerEnter: (e) => e.pointerType === 'mouse' && pause('hover'), onPointerLeave: () => live.reason === 'hover' && resume() };
  const single = query.seq && rows && !rows.some((e) => e.seq === Number(query.seq));

  return <Page title={t('nav.events')} sub={page.head_seq > 0 ? t('events.kept', { from: number(page.oldest_seq), to: number(Math.max(page.head_seq, rows?.[0]?.seq ?? 0)) }) : ''}
    actions={<button aria-pressed={live.paused} onClick={() => (live.paused ? resume() : pause('button'))}><Icon name={live.paused ? 'next' : 'pause'} />{t(live.paused ? 'held.resume' : 'events.pause')}</button>}>
    <Filters query={query} set={set} />
    <LiveLine reason={live.paused ? t(live.reason === 'button' ? 'held.paused' : 'held.reading') : ''} n={live.waiting.length + live.lost} onResume={resume} />
    {log.error && <Problem error={log.error} reload={log.read} />}
    {single && <Panel seq={query.seq} />}
    {!rows && !log.error && <Loading />}
    {rows?.length === 0 && !page.next_before && <Empty title={t('events.none')} text={t('events.none.text')} />}
    {rows?.length > 0 && <ol class="events" {...hover}>{rows.map((e) => <Row key={e.seq} e={e} open={open === e.seq} current={cursor === e.seq} onOpen={() => toggle(e.seq)} />)}</ol>}
    {page.next_before > 0 && <div class="buttons"><ActionButton run={log.older}>{t('action.older')}</ActionButton></div>}
  </Page>;
}

// An event that a link names and that is not among the newest.
const Panel = ({ seq }) => <ol class="events"><li class="open"><p class="event-line"><span class="mono seq">{seq}</span></p><EventBody seq={seq} /></li></ol>;
