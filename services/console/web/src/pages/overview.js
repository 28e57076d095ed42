// The faults of now, the worst first, each with its next step; below them, the whole at a glance.
import { t, number } from '../lib/i18n.js';
import { problemLink, problemText } from '../lib/problems.js';
import { build } from '../lib/route.js';
import { STATES } from '../lib/sessions.js';
import { overview, serverNow, tick, useStore } from '../store.js';
import { Sparkline } from '../ui/chart.js';
import { Fragment, h } from '../ui/preact.js';
import { Icon, Tag } from '../ui/icon.js';
import { Empty, Loading, Page, Panel } from '../ui/page.js';
import { whyText } from '../ui/state.js';
import { Ago, Since } from '../ui/time.js';

function Problems({ list, many }) {
  useStore(tick);
  const now = serverNow();
  if (list.length === 0)
    return <div class="all-well t-ok"><Icon name="ok" /><div><strong>{t('overview.well')}</strong><p>{t('overview.well.text')}</p></div></div>;
  return <ol class="problems">{list.map((p) => {
    const { text, step } = problemText(p, now, many);
    return <li class={`t-${p.level}`}><a href={problemLink(p)}>
      <Icon name={p.level} /><span class="problem"><strong>{text}</strong>{step && <span class="step">{step}</span>}</span><Icon name="next" /></a></li>;
  })}</ol>;
}

// Sessions by state as one bar, each part a link to those sessions.
function StateBar({ sessions, parked, silent }) {
  const total = STATES.reduce((sum, s) => sum + (sessions[s] ?? 0), 0);
  if (total === 0) return <Empty title={t('sessions.none')} text={t('sessions.none.text')}><a class="button primary" href={build(['pair'])}>{t('action.pair_new')}</a></Empty>;
  let x = 0;
  const parts = STATES.filter((s) => sessions[s] > 0).map((s) => {
    const width = (sessions[s] / total) * 1000;
    x += width;
    return <rect x={x - width} width={width} y="0" height="10" class={`s-${s}`} />;
  });
  const link = (state, n) => <a href={build(['sessions'], { state })}><span class={`key s-${state}`}></span>{t(`state.${state}`)}<b>{number(n)}</b></a>;
  return <><svg class="state-bar" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">{parts}</svg>
    <div class="legend-links">{STATES.filter((s) => sessions[s] > 0).map((s) => link(s, sessions[s]))}
      {[['parked', parked], ['silent', silent]].map(([mark, n]) => n > 0 && <a href={build(['sessions'], { state: mark })}>{t(`mark.${mark}`)}<b>{number(n)}</b></a>)}</div></>;
}

const SERVICE_TONE = { running: 'ok', dead: 'bad', never: 'off' };

const Services = ({ list }) => <table class="plain"><tbody>{list.map((s) => <tr><th scope="row">{t(`service.${s.service}`)}</th>
  <td><Tag tone={SERVICE_TONE[s.state]}>{t(`service.state.${s.state}`)}</Tag></td><td class="right faint">{s.state === 'running' ? '' : <Ago at={s.seen_at} />}</td></tr>)}</tbody></table>;

function BridgeRows({ list }) {
  return <table class="plain"><tbody>{list.map((b) => <tr><th scope="row"><a href={build(['bridges'])}>{b.bridge}</a></th>
    <td><Tag tone={b.health === 'up' ? (b.incident_since ? 'warn' : 'ok') : b.health === 'down' ? 'bad' : 'off'}>{t(b.incident_since && b.health === 'up' ? 'bridge.incident' : `bridge.health.${b.health}`)}</Tag></td>
    <td class="faint">{b.attempts && b.attempts !== 'ready' ? whyText(b.attempts, '') : b.driver}</td><td class="right faint"><Since at={b.health_since} /></td></tr>)}</tbody></table>;
}

const DESTINATION_TONE = { ok: 'ok', delivering: 'ok', new: 'busy', limited: 'warn', failing: 'bad', down: 'bad', paused: 'warn', off: 'warn', stopped: 'bad' };
export const destinationTone = (d) => DESTINATION_TONE[d.state] ?? 'warn';

const Destinations = ({ list }) => <table class="plain"><tbody>{list.map((d) => <tr><th scope="row"><a href={build(['delivery'])}>{d.destination}</a></th>
  <td><Tag tone={destinationTone(d)}>{t(`destination.${d.state}`)}</Tag></td>
  <td class="right">{d.lag > 0 ? t('delivery.behind', { n: d.lag }) : <span class="faint">{t('delivery.level')}</span>}</td></tr>)}</tbody></table>;

function Proof({ o }) {
  if (o.delivered_seq < 0) return <p class="faint">{t('delivery.no_destination')}</p>;
  const dead = o.delivery.reduce((n, d) => n + d.dead, 0);
  return <p class="proof">{t('delivery.proof', { seq: number(o.delivered_seq) })}{o.head_seq > o.delivered_seq ? <>{' '}<span class="faint">{t('delivery.of', { seq: number(o.head_seq) })}</span></> : ''}{dead > 0 && <>{' '}<span class="faint">({t('delivery.dead')}: {number(dead)})</span></>}</p>;
}

// The newest minute is not over yet: the one before it is the rate.
function Rate({ o }) {
  const values = o.rate.map((r) => r.received);
  const rate = values.length > 1 ? values[values.length - 2] : (values[0] ?? 0);
  return <><p class="big">{number(rate)} <span>{t('overview.a_minute')}</span></p>
    {values.length > 1 && <Sparkline values={values.slice(0, -1)} label={t('overview.rate')} />}
    <p class="faint">{t('overview.last_event')} <Ago at={o.last_event_at} /></p></>;
}

export function Overview() {
  const o = useStore(overview);
  if (!o) return <Page title={t('nav.overview')}><Loading /></Page>;
  const n = o.problems.length;
  return <Page title={t('nav.overview')} sub={n > 0 ? t('overview.problems', { n }) : ''}>
    <Problems list={o.problems} many={o.bridges.length > 1} />
    <div class="grid">
      <Panel title={t('nav.sessions')} kind="wide"><StateBar {...o} /></Panel>
      <Panel title={t('overview.rate')}><Rate o={o} /></Panel>
      <Panel title={t('nav.delivery')}><Proof o={o} />{o.delivery.length > 0 && <Destinations list={o.delivery} />}</Panel>
      <Panel title={t('nav.bridges')}><BridgeRows list={o.bridges} /></Panel>
      <Panel title={t('overview.services')}><Services list={o.services} /></Panel>
    </div>
  </Page>;
}
