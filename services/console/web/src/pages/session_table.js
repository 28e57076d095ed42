// The table itself: only the rows in view are in the page.
import { t } from '../lib/i18n.js';
import { sessionLink } from '../lib/route.js';
import { keyOf } from '../lib/sessions.js';
import { reveal, visible } from '../lib/window.js';
import { h, useEffect, useLayoutEffect, useRef, useState } from '../ui/preact.js';
import { Cause, StateTag, Strip, whyText } from '../ui/state.js';
import { Ago, Since, Until } from '../ui/time.js';

// Heights of a row, px: as app.css has them.
const ROW = 38;
const CARD = 112;
const phone = matchMedia('(max-width: 640px)');

function useWindow(count) {
  const box = useRef(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const [row, setRow] = useState(phone.matches ? CARD : ROW);
  useEffect(() => {
    const changed = () => setRow(phone.matches ? CARD : ROW);
    phone.addEventListener('change', changed);
    return () => phone.removeEventListener('change', changed);
  }, []);
  useLayoutEffect(() => {
    const element = box.current;
    let frame = 0;
    const read = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        setView((v) => (v.top === element.scrollTop && v.height === element.clientHeight ? v : { top: element.scrollTop, height: element.clientHeight }));
      });
    };
    setView({ top: element.scrollTop, height: element.clientHeight });
    element.addEventListener('scroll', read, { passive: true });
    const resized = new ResizeObserver(read);
    resized.observe(element);
    return () => {
      cancelAnimationFrame(frame);
      element.removeEventListener('scroll', read);
      resized.disconnect();
    };
  }, []);
  return { box, row, ...visible(view.top, view.height, row, count) };
}

function Heading({ column, sortBy, onSort }) {
  const active = sortBy.replace(/^-/, '') === column;
  const down = sortBy.startsWith('-');
  return <th scope="col" class={`c-${column}`} aria-sort={active ? (down ? 'descending' : 'ascending') : undefined}>
    <button onClick={() => onSort(active && !down ? `-${column}` : column)}>{t(`column.${column}`)}<span class="arrow" aria-hidden="true">{active ? (down ? '↓' : '↑') : ''}</span></button></th>;
}

function NextCell({ s }) {
  const why = s.state === 'connected' || s.why_not_sooner === 'ready' ? '' : whyText(s.why_not_sooner, s.why_detail);
  return <span title={why}><Until at={s.next_at} units={1} /></span>;
}

function Row({ s, at, current, chosen, onToggle, manyBridges }) {
  const key = keyOf(s);
  return <tr class={`${current ? 'current' : ''} ${chosen ? 'chosen' : ''}`} aria-rowindex={at + 2} data-key={key}>
    {onToggle && <td class="c-pick"><input type="checkbox" checked={chosen} aria-label={t('sessions.select', { name: s.session })} onChange={() => onToggle(key)} /></td>}
    <td class="c-session"><a href={sessionLink(s.bridge, s.session)}><b>{s.session}</b>{s.name && <span class="name">{s.name}</span>}{manyBridges && <span class="only-card faint">{s.bridge}</span>}</a></td>
    {manyBridges && <td class="c-bridge" title={s.bridge}>{s.bridge}</td>}
    <td class="c-state"><StateTag session={s} /></td>
    <td class="c-since"><Since at={s.since} units={1} /></td>
    <td class="c-cause"><Cause cause={s.cause} code={s.code} /></td>
    <td class="c-heard"><Ago at={s.last_received_at} style="narrow" /></td>
    <td class="c-next"><NextCell s={s} /></td>
    <td class="c-strip"><Strip strip={s.strip} label={t('strip.day')} /></td>
  </tr>;
}

export function SessionTable({ rows, sortBy, onSort, cursor, chosen, all, onToggle, onToggleAll, onHold, manyBridges }) {
  const w = useWindow(rows.length);
  const at = rows.findIndex((s) => keyOf(s) === cursor);
  useEffect(() => {
    if (at >= 0) w.box.current.scrollTop = reveal(at, w.box.current.scrollTop, w.box.current.clientHeight - ROW, w.row, w.row);
  }, [cursor]);
  const columns = ['session', ...(manyBridges ? ['bridge'] : []), 'state', 'since', 'cause', 'heard', 'next'];
  const span = columns.length + 2;
  const spacer = (height) => height > 0 && <tr class="spacer" aria-hidden="true"><td colspan={span} style={{ height: `${height}px` }}></td></tr>;
  return <div class="table-box" ref={w.box} tabindex="0" role="region" aria-label={t('nav.sessions')} onPointerEnter={(e) => e.pointerType === 'mouse' && onHold(true)} onPointerLeave={() => onHold(false)}>
    <table class="table sessions" aria-rowcount={rows.length + 1}>
      <thead><tr aria-rowindex="1">
        {onToggle && <th scope="col" class="c-pick"><input type="checkbox" checked={all || chosen.size > 0} aria-label={t('sessions.select_all')} onChange={onToggleAll} /></th>}
        {columns.map((c) => <Heading column={c} sortBy={sortBy} onSort={onSort} />)}
        <th scope="col" class="c-strip">{t('strip.day')}</th></tr></thead>
      <tbody>{spacer(w.before)}{rows.slice(w.from, w.to).map((s, i) => <Row key={keyOf(s)} s={s} at={w.from + i} current={keyOf(s) === cursor} chosen={all || chosen.has(keyOf(s))} onToggle={onToggle} manyBridges={manyBridges} />)}{spacer(w.after)}</tbody>
    </table></div>;
}
