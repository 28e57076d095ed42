// Destinations with their lag; events that wait, events that were given up, and the replay.
import { post } from '../api.js';
import { number, t, tOr } from '../lib/i18n.js';
import { build } from '../lib/route.js';
import { parseBody } from '../lib/tree.js';
import { useReloadOn, useResource } from '../resource.js';
import { isOperator, me, toast, useStore } from '../store.js';
import { Fragment, h } from '../ui/preact.js';
import { ActionButton, ask, attempt } from '../ui/dialog.js';
import { Icon, Tag } from '../ui/icon.js';
import { Empty, Fact, Loaded, Page, Panel } from '../ui/page.js';
import { SessionName } from '../ui/state.js';
import { Ago, Since, Until } from '../ui/time.js';
import { DeadLetters } from './dead_letters.js';
import { destinationTone } from './overview.js';
import { Replay } from './replay.js';

// The result of a test is a JSON text of its own: { status, took_ms, detail, answer }.
function resultText(result) {
  const test = parseBody(result);
  if (typeof test !== 'object' || test === null) return result;
  return `${test.detail || `HTTP ${test.status}`}, ${number(test.took_ms)} ms${test.answer ? `: ${test.answer}` : ''}`;
}

export async function command(body) {
  return attempt(async () => {
    const answer = await post('/delivery/actions', body);
    if (!answer.done) toast(t('delivery.later'), 'warn');
    else toast(resultText(answer.result) || t(`done.${answer.action}`), answer.failed ? 'bad' : 'ok');
    return answer;
  });
}

function DestinationActions({ d, reload }) {
  const run = (action) => async () => {
    if (['pause', 'off', 'forget'].includes(action) && !(await ask({ title: t(`confirm.${action}`, { name: d.destination }), text: t(`confirm.${action}.text`), button: t(`action.${action}`), danger: action === 'forget', word: action === 'forget' ? d.destination : '' }))) return;
    await command({ action, destination: d.destination });
    reload();
  };
  return <div class="buttons small">
    <ActionButton run={() => command({ action: 'test', destination: d.destination })}>{t('action.test')}</ActionButton>
    {d.retrying + d.blocked > 0 && <ActionButton kind="primary" run={run('retry')}>{t('action.retry')}</ActionButton>}
    {d.paused ? <ActionButton kind="primary" run={run('resume')}>{t('action.resume')}</ActionButton> : <ActionButton run={run('pause')}>{t('action.pause')}</ActionButton>}
    {!d.on && <ActionButton kind="primary" run={run('on')}>{t('action.on')}</ActionButton>}
  </div>;
}

function Destination({ d, operator, reload }) {
  const bad = d.last_error && d.state !== 'ok';
  return <article class={`destination t-${destinationTone(d)}`}><header><h2>{d.destination}</h2><Tag tone={destinationTone(d)}>{t(`destination.${d.state}`)}</Tag><span class="faint"><Since at={d.state_since} /></span></header>
    <p class="url"><code>{d.url}</code></p>
    <dl class="facts">
      <Fact label={t('delivery.lag')}><b>{d.lag > 0 ? t('delivery.events', { n: d.lag }) : t('delivery.level')}</b></Fact>
      <Fact label={t('delivery.floor')}>{number(d.floor)} / {number(d.head)}</Fact>
      <Fact label={t('delivery.breaker')}><Tag tone={d.breaker === 'closed' ? 'ok' : 'bad'}>{tOr(`breaker.${d.breaker}`, d.breaker)}</Tag></Fact>
      <Fact label={t('delivery.flight')}>{number(d.in_flight)}</Fact>
      <Fact label={t('delivery.retrying')}>{number(d.retrying)}{d.blocked > 0 && <>{' '}<span class="faint">+ {t('delivery.blocked', { n: d.blocked })}</span></>}</Fact>
      <Fact label={t('delivery.dead')}>{number(d.dead)}</Fact>
      <Fact label={t('delivery.delivered')}>{number(d.delivered)}</Fact>
    </dl>
    {bad && <p class={`notice t-${destinationTone(d)}`}><Icon name={destinationTone(d)} /><span>{d.last_error} <span class="faint"><Ago at={d.last_error_at} />{d.last_session && ` · ${d.last_session}`}</span></span></p>}
    {operator && <DestinationActions d={d} reload={reload} />}</article>;
}

function Waiting({ operator, after }) {
  const waiting = useResource('/delivery/waiting', { every: 10000 });
  useReloadOn(['delivery'], waiting.reload, 2000);
  const run = (action, r) => async () => {
    if (action === 'skip' && !(await ask({ title: t('confirm.skip', { seq: r.seq }), text: t('confirm.skip.text'), button: t('action.skip'), danger: true }))) return;
    await command({ action, event: String(r.seq), destination: r.destination });
    waiting.reload();
    after();
  };
  return <Panel title={t('delivery.waiting')}><Loaded resource={waiting}>{(d) => (d.rows.length === 0 ? <Empty title={t('delivery.waiting.none')} text={t('delivery.waiting.none.text')} /> : <><div class="scroll" tabindex="0" role="region" aria-label={t('delivery.waiting')}><table class="table"><thead><tr>{['session', 'destination', 'event', 'answer', 'tries', 'next', 'behind'].map((c) => <th scope="col">{t(`column.${c}`)}</th>)}{operator && <th scope="col"><span class="hidden">{t('column.actions')}</span></th>}</tr></thead>
    <tbody>{d.rows.map((r) => <tr key={`${r.destination} ${r.bridge} ${r.session} ${r.seq}`}><td><SessionName bridge={r.bridge} session={r.session} /></td><td>{r.destination}</td><td><a href={build(['events'], { seq: r.seq })}>{r.seq}</a></td>
      <td class="wrap">{r.status > 0 && <><b>{r.status}</b>{' '}</>}{r.detail}</td><td>{number(r.tries)}</td><td><Until at={r.next_at} /></td><td>{number(r.behind)}</td>
      {operator && <td class="right"><span class="buttons small"><ActionButton run={run('retry', r)}>{t('action.retry')}</ActionButton><ActionButton run={run('skip', r)}>{t('action.skip')}</ActionButton></span></td>}</tr>)}</tbody></table></div>{d.more && <p class="faint">{t('delivery.more')}</p>}</>)}</Loaded></Panel>;
}

export function Delivery({ query }) {
  const operator = isOperator(useStore(me));
  const delivery = useResource('/delivery', { every: 10000 });
  useReloadOn(['delivery'], delivery.reload);
  const d = delivery.data;
  const proof = d && d.delivered_seq >= 0 ? t('delivery.proof', { seq: number(d.delivered_seq) }) : '';
  return <Page title={t('nav.delivery')} sub={proof}>
    <Loaded resource={delivery}>{(d) => <>
      {!d.running && d.destinations.length > 0 && <p class="notice t-bad" role="alert"><Icon name="bad" /><span>{t('delivery.stopped')}</span></p>}
      {d.destinations.length === 0 ? <Panel><Empty title={t('delivery.no_destination')} text={t('delivery.no_destination.text')}><code>BACKEND_URL=http://127.0.0.1:9000</code></Empty></Panel> : <><div class="destinations">{d.destinations.map((x) => <Destination key={x.destination} d={x} operator={operator} reload={delivery.reload} />)}</div>
        <Waiting operator={operator} after={delivery.reload} />
        <DeadLetters operator={operator} destinations={d.destinations} query={query} /></>}
      {operator && <Replay />}</>}</Loaded>
  </Page>;
}
