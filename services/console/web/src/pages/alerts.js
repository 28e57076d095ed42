// Alerts of now and before, and the sinks they go to.
import { get, post, withQuery } from '../api.js';
import { language, t, tOr } from '../lib/i18n.js';
import { build, sessionLink } from '../lib/route.js';
import { useReloadOn, useResource } from '../resource.js';
import { isOperator, me, toast, useStore } from '../store.js';
import { Fragment, h, useState } from '../ui/preact.js';
import { ActionButton, attempt } from '../ui/dialog.js';
import { Icon, Tag } from '../ui/icon.js';
import { Empty, Loaded, Page, Panel } from '../ui/page.js';
import { Ago, Clock, Since } from '../ui/time.js';

const toneOf = (severity) => (severity === 'critical' ? 'bad' : 'warn');
const Name = ({ a }) => (a.session ? <><a href={sessionLink(a.bridge, a.session)}><b>{a.session}</b></a> <span class="faint">{a.bridge}</span></> : <a href={build(['bridges'])}><b>{a.bridge}</b></a>);

// The server's sentence is in English, and has what a cause means: in another language that is said here.
const explain = (a) => (language() === 'en' || !a.cause ? a.text : tOr(`cause.${a.cause}.meaning`, a.text));

const Active = ({ list }) =>
  list.length === 0
    ? <div class="all-well t-ok"><Icon name="ok" /><div><strong>{t('alerts.none')}</strong><p>{t('alerts.none.text')}</p></div></div>
    : <ol class="alerts">{list.map((a) => <li class={`t-${toneOf(a.severity)}`}><Icon name={toneOf(a.severity)} /><div><p><strong>{tOr(`alert.${a.alert}`, a.alert)}</strong> · <Name a={a} />{a.grouped && <>{' '}<span class="mark">{t('alerts.grouped')}</span></>}</p>
        <p>{tOr(`alert.${a.alert}.step`, a.text)}</p><p class="faint">{explain(a)}</p></div><span class="faint"><Since at={a.since} /></span></li>)}</ol>;

function Sinks({ list, operator }) {
  const test = (sink) => () =>
    attempt(async () => {
      const answer = await post('/alerts/test', { sink });
      toast(answer.ok ? t('alerts.test_sent', { sink }) : answer.detail, answer.ok ? 'ok' : 'bad');
    });
  if (list.length === 0) return <Empty title={t('alerts.no_sink')} text={t('alerts.no_sink.text')}><code>ALERT_NTFY_URL=https://ntfy.sh/…</code></Empty>;
  return <table class="plain"><tbody>{list.map((s) => <tr><th scope="row">{s.sink}{s.type !== s.sink && <>{' '}<span class="faint">{s.type}</span></>}</th><td><Tag tone={s.tries > 0 ? 'bad' : 'ok'}>{s.tries > 0 ? t('alerts.failing', { n: s.tries }) : t('alerts.sink_ok')}</Tag></td>
    <td class="faint">{s.waiting > 0 && <>{t('alerts.waiting', { n: s.waiting })} <Ago at={s.oldest_at} /></>}</td>
    <td class="right">{operator && <ActionButton kind="small" run={test(s.sink)}>{t('action.test')}</ActionButton>}</td></tr>)}</tbody></table>;
}

function History() {
  const first = useResource(withQuery('/alerts/history', { limit: 50 }));
  const [older, setOlder] = useState({ rows: [], next: undefined });
  useReloadOn(['alert'], first.reload);
  const next = older.next ?? first.data?.next_before ?? 0;
  const more = () =>
    attempt(async () => {
      const page = await get(withQuery('/alerts/history', { limit: 50, before: next }));
      setOlder((o) => ({ rows: [...o.rows, ...page.rows], next: page.next_before }));
    });
  return <Loaded resource={first}>{(d) => (d.rows.length === 0 ? <Empty title={t('alerts.no_history')} /> : <><ol class="timeline">{[...d.rows, ...older.rows].map((a) => <li><Clock at={a.at} /><span class={`dot t-${a.firing ? 'bad' : 'ok'}`}><Icon name={a.firing ? 'bad' : 'ok'} /></span><div><span class="kind">{t(a.firing ? 'alerts.raised' : 'alerts.resolved')}</span> {tOr(`alert.${a.alert}`, a.alert)} · <Name a={a} /></div></li>)}</ol>{next > 0 && <ActionButton run={more}>{t('action.older')}</ActionButton>}</>)}</Loaded>;
}

export function Alerts() {
  const operator = isOperator(useStore(me));
  const alerts = useResource('/alerts', { every: 15000 });
  useReloadOn(['alert', 'overview'], alerts.reload);
  const n = alerts.data?.active.filter((a) => !a.grouped).length ?? 0; // those that stand for many, once
  return <Page title={t('nav.alerts')} sub={n > 0 ? t('alerts.n', { n }) : ''}>
    <Loaded resource={alerts}>{(d) => <><Active list={d.active} /><Panel title={t('alerts.sinks')}><Sinks list={d.sinks} operator={operator} /></Panel></>}</Loaded>
    <Panel title={t('alerts.history')}><History /></Panel>
  </Page>;
}
