// Events that were given up: look, retry, drop; some or all.
import { withQuery } from '../api.js';
import { number, t } from '../lib/i18n.js';
import { sessionLink } from '../lib/route.js';
import { useReloadOn, useResource } from '../resource.js';
import { Fragment, h, useState } from '../ui/preact.js';
import { ActionButton, Dialog, ask } from '../ui/dialog.js';
import { Tag } from '../ui/icon.js';
import { Empty, Fact, Loaded, Panel, Select } from '../ui/page.js';
import { Of } from '../ui/state.js';
import { Ago, Clock } from '../ui/time.js';
import { command } from './delivery.js';
import { JsonTree } from './event_body.js';

function Letter({ id, onClose }) {
  const letter = useResource(`/delivery/dead/${id}`);
  return <Dialog wide title={t('dead.title', { id })} onClose={onClose}><Loaded resource={letter}>{(l) => <><dl class="facts">
      <Fact label={t('column.destination')}>{l.destination}</Fact><Fact label={t('column.session')}><a href={sessionLink(l.bridge, l.session)} onClick={onClose}>{l.session}</a><Of bridge={l.bridge} /></Fact>
      <Fact label={t('column.event')}>{l.seq} · {l.type}</Fact><Fact label={t('column.tries')}>{number(l.tries)}</Fact><Fact label={t('dead.at')}><Clock at={l.dead_at} /></Fact><Fact label="webhook-id"><code>{l.event_id}</code></Fact></dl>
    <p><b>{l.status > 0 ? l.status : ''}</b> {l.detail}</p>
    {l.answer && <><h3>{t('dead.answer')}</h3><pre tabindex="0">{l.answer}</pre></>}
    {l.body != null && <><h3>{t('dead.body')}</h3><JsonTree value={l.body} /></>}</>}</Loaded></Dialog>;
}

export function DeadLetters({ operator, destinations, query }) {
  const [destination, setDestination] = useState(query.destination ?? '');
  const [bridge, setBridge] = useState(query.bridge ?? '');
  const bridges = useResource('/bridges').data?.bridges ?? [];
  const [chosen, setChosen] = useState(new Set());
  const [shown, setShown] = useState(0);
  const [after, setAfter] = useState(0);
  const dead = useResource(withQuery('/delivery/dead', { destination, bridge, after: after || '', limit: 100 }), { every: 15000 });
  useReloadOn(['delivery'], dead.reload, 2000);
  const toggle = (id) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    setChosen(next);
  };
  const run = (action, some) => async () => {
    const n = some ? chosen.size : dead.data.total;
    const sure = await ask({ title: t(`confirm.${action}`, { n }), text: t(`confirm.${action}.text`), button: t(`action.${action}`), danger: action === 'dead_drop', word: action === 'dead_drop' ? String(n) : '' });
    if (!sure) return;
    await command(some ? { action, ids: [...chosen] } : destination || bridge ? { action, filter: { destination, bridge } } : { action, all: true });
    setChosen(new Set());
    dead.reload();
  };
  const actions = <>{bridges.length > 1 && <Select value={bridge} onChange={(b) => (setBridge(b), setAfter(0))} label={t('column.bridge')} options={[['', t('sessions.any_bridge')], ...bridges.map((b) => [b.bridge, b.bridge])]} />}
    {destinations.length > 1 && <Select value={destination} onChange={(d) => (setDestination(d), setAfter(0))} label={t('column.destination')} options={[['', t('delivery.any')], ...destinations.map((d) => [d.destination, d.destination])]} />}
    {operator && dead.data?.rows.length > 0 && ['dead_retry', 'dead_drop'].map((a) => <ActionButton kind={a === 'dead_drop' ? 'danger-quiet' : ''} run={run(a, chosen.size > 0)}>{t(chosen.size > 0 ? `dead.${a}.some` : `dead.${a}.all`, { n: chosen.size })}</ActionButton>)}</>;
  return <Panel title={t('delivery.dead')} actions={actions}><Loaded resource={dead}>{(d) => (d.rows.length === 0 && !after ? <Empty title={t('dead.none')} text={t(destination || bridge ? 'sessions.no_match.text' : 'dead.none.text')} /> : <><div class="scroll" tabindex="0" role="region" aria-label={t('delivery.dead')}><table class="table cards"><thead><tr>{operator && <th scope="col" class="c-pick"><span class="hidden">{t('action.select')}</span></th>}{['id', 'session', 'destination', 'type', 'answer', 'since'].map((c) => <th scope="col">{t(`column.${c}`)}</th>)}</tr></thead>
    <tbody>{d.rows.map((l) => <tr key={l.id}>{operator && <td class="c-pick"><input type="checkbox" aria-label={t('sessions.select', { name: l.id })} checked={chosen.has(l.id)} onChange={() => toggle(l.id)} /></td>}<td><button class="link" onClick={() => setShown(l.id)}>{l.id}</button></td><td>{l.session}<Of bridge={l.bridge} /></td><td>{l.destination}</td><td>{l.type}</td>
      <td class="wrap">{l.redeliver && <><Tag tone="busy">{t('dead.redeliver')}</Tag>{' '}</>}<b>{l.status > 0 ? l.status : ''}</b> {l.detail}</td><td><Ago at={l.dead_at} /></td></tr>)}</tbody></table></div>
    <div class="buttons"><span class="faint">{t('dead.total', { n: d.total })}</span>{d.next_after > 0 && <button onClick={() => setAfter(d.next_after)}>{t('action.more')}</button>}{after > 0 && <button onClick={() => setAfter(0)}>{t('action.first')}</button>}</div></>)}</Loaded>
    {shown > 0 && <Letter id={shown} onClose={() => setShown(0)} />}</Panel>;
}
