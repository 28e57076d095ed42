// All sessions of all bridges in one table.
import { useKeys } from '../keys.js';
import { number, t, tOr } from '../lib/i18n.js';
import { build, sessionLink } from '../lib/route.js';
import { STATES, count, inOrderOf, keyOf, matcher, sort } from '../lib/sessions.js';
import { NAMED_MAX, act } from '../session_actions.js';
import { sessionList, startSessionList, reloadSessionList } from '../session_list.js';
import { isOperator, me, useStore } from '../store.js';
import { h, useEffect, useMemo, useRef, useState } from '../ui/preact.js';
import { Bar, Empty, LiveLine, Loading, Page, Problem, Search, Select } from '../ui/page.js';
import { SessionTable } from './session_table.js';

const FILTERS = ['q', 'state', 'bridge', 'cause'];

// The filter lives in the address; typed text is there a moment later.
function useFilter(query) {
  const [filter, setFilter] = useState(query);
  const timer = useRef(0);
  const written = useRef(JSON.stringify(query));
  useEffect(() => {
    // The address changed by a link or by going back.
    if (JSON.stringify(query) !== written.current) setFilter(query);
  }, [query]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const set = (part) => {
    const next = { ...filter, ...part };
    for (const key of Object.keys(next)) if (!next[key]) delete next[key];
    setFilter(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      written.current = JSON.stringify(next);
      history.replaceState(null, '', build(['sessions'], next));
    }, 250);
  };
  return [filter, set];
}

// Rows in the order of the sort, but while the pointer is on the list, in the order that it had then.
function useRows(list, filter, held) {
  const sorted = useMemo(() => sort(list, filter.sort), [list, filter.sort]);
  const kept = useMemo(() => sorted.filter(matcher(filter)), [sorted, ...FILTERS.map((f) => filter[f])]);
  const order = useRef([]);
  const settings = FILTERS.concat('sort').map((f) => filter[f]).join('\n');
  const shownFor = useRef('');
  if (held && shownFor.current === settings) return inOrderOf(kept, order.current);
  order.current = kept.map(keyOf);
  shownFor.current = settings;
  return kept;
}

function Chips({ counts, filter, set }) {
  const chips = [['', counts.all], ['down', counts.down], ...STATES.filter((s) => counts[s] > 0).map((s) => [s, counts[s]]), ...['parked', 'silent', 'flapping'].filter((m) => counts[m] > 0).map((m) => [m, counts[m]])];
  return <div class="chips" role="group" aria-label={t('sessions.by_state')}>{chips.map(([state, n]) => <button class="chip" aria-pressed={(filter.state ?? '') === state} onClick={() => set({ state })}>
    {state === '' ? t('sessions.all') : tOr(`state.${state}`, tOr(`mark.${state}`))} <b>{number(n)}</b></button>)}</div>;
}

function Bulk({ chosen, matching, filter, all, setAll, clear }) {
  const n = all ? matching : chosen.length;
  const run = async (action) => {
    const { q, state, bridge, cause } = filter;
    const what = all || chosen.length > NAMED_MAX ? { filter: { q: q?.trim(), state, bridge, cause } } : { sessions: chosen.map((s) => ({ bridge: s.bridge, session: s.session })) };
    if (await act(action, what)) clear();
  };
  return <div class="bulk" role="region" aria-label={t('bulk.label')}><strong>{t('bulk.selected', { n })}</strong>
    {!all && matching > chosen.length && <button class="link" onClick={setAll}>{t('bulk.all', { n: matching })}</button>}
    <span class="spacer"></span>
    {['reconnect', 'park', 'unpark'].map((action) => <button class={action === 'reconnect' ? 'primary' : ''} onClick={() => run(action)}>{t(`action.${action}`)}</button>)}
    <button onClick={clear}>{t('action.clear')}</button></div>;
}

export function Sessions({ query }) {
  const { list, loaded, error } = useStore(sessionList);
  const operator = isOperator(useStore(me));
  const [filter, set] = useFilter(query);
  const [held, setHeld] = useState(false);
  const [cursor, setCursor] = useState('');
  const [chosen, setChosen] = useState(new Set());
  const [all, setAll] = useState(false);
  useEffect(startSessionList, []);

  const rows = useRows(list, filter, held);
  const counts = useMemo(() => count(list), [list]);
  const bridges = useMemo(() => [...new Set(list.map((s) => s.bridge))].sort(), [list]);
  const causes = useMemo(() => [...new Set(list.map((s) => s.cause))].filter(Boolean).sort(), [list]);
  const clear = () => (setChosen(new Set()), setAll(false));
  const toggle = (key) => {
    const next = new Set(chosen);
    if (!next.delete(key)) next.add(key);
    setChosen(next);
    setAll(false);
  };
  const toggleAll = () => (chosen.size > 0 ? clear() : setChosen(new Set(rows.slice(0, NAMED_MAX).map(keyOf))));

  const move = (by) => {
    if (rows.length === 0) return;
    const at = rows.findIndex((s) => keyOf(s) === cursor);
    setCursor(keyOf(rows[Math.min(rows.length - 1, Math.max(0, at + by))]));
  };
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    x: () => (cursor && operator ? toggle(cursor) : false),
    Enter: (e) => {
      const row = rows.find((s) => keyOf(s) === cursor);
      if (!row || e.target.closest('a, button')) return false;
      location.hash = sessionLink(row.bridge, row.session);
      return true;
    },
    Escape: () => (chosen.size || all ? clear() : cursor ? setCursor('') : false),
  });

  const chosenRows = rows.filter((s) => chosen.has(keyOf(s)));
  const options = (name, values, word) => [['', t(`sessions.any_${name}`)], ...values.map((v) => [v, word ? word(v) : v])];
  return <Page fill title={t('nav.sessions')} sub={loaded ? t('sessions.shown', { n: rows.length, all: number(list.length) }) : t('sessions.loading', { n: list.length })}
    actions={operator && <a class="button primary" href={build(['pair'])}>{t('action.pair_new')}</a>}>
    {error && <Problem error={error} reload={reloadSessionList} />}
    <Bar label={t('sessions.filter')}>
      <Search value={filter.q ?? ''} onInput={(q) => set({ q })} label={t('sessions.search')} />
      {bridges.length > 1 && <Select value={filter.bridge ?? ''} onChange={(bridge) => set({ bridge })} label={t('column.bridge')} options={options('bridge', bridges)} />}
      {causes.length > 0 && <Select value={filter.cause ?? ''} onChange={(cause) => set({ cause })} label={t('column.cause')} options={options('cause', causes, (c) => tOr(`cause.${c}`, c))} />}
    </Bar>
    <Chips counts={counts} filter={filter} set={set} />
    {(chosen.size > 0 || all) && <Bulk chosen={chosenRows} matching={rows.length} filter={filter} all={all} setAll={() => setAll(true)} clear={clear} />}
    {rows.length > 0 && <LiveLine reason={held ? t('held.order') : ''} onResume={() => setHeld(false)} />}
    {!loaded && list.length === 0 && !error && <Loading />}
    {loaded && list.length === 0 && <Empty title={t('sessions.none')} text={t('sessions.none.text')}>{operator && <a class="button primary" href={build(['pair'])}>{t('action.pair_new')}</a>}</Empty>}
    {list.length > 0 && rows.length === 0 && <Empty title={t('sessions.no_match')} text={t('sessions.no_match.text')}><button onClick={() => set(Object.fromEntries(FILTERS.map((f) => [f, ''])))}>{t('action.clear_filter')}</button></Empty>}
    {rows.length > 0 && <SessionTable rows={rows} sortBy={filter.sort ?? 'state'} onSort={(s) => set({ sort: s === 'state' ? '' : s })} cursor={cursor} chosen={chosen} all={all}
      onToggle={operator && toggle} onToggleAll={toggleAll} onHold={setHeld} manyBridges={bridges.length > 1} />}
  </Page>;
}
