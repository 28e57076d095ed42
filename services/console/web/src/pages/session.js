// One session: its state and the cause, the next attempt, its last seven days, and one timeline of everything.
import { sessionPath } from '../api.js';
import { number, t } from '../lib/i18n.js';
import { build } from '../lib/route.js';
import { hours } from '../lib/series.js';
import { keyOf } from '../lib/sessions.js';
import { step as nextStep } from '../lib/step.js';
import { useResource, useStream } from '../resource.js';
import { act } from '../session_actions.js';
import { isOperator, me, useStore } from '../store.js';
import { ActivityChart } from '../ui/chart.js';
import { Fragment, h } from '../ui/preact.js';
import { Icon } from '../ui/icon.js';
import { ActionButton } from '../ui/dialog.js';
import { Empty, Fact, Loaded, Page, Panel } from '../ui/page.js';
import { Cause, StateTag, Strip, causeMeaning, whyText } from '../ui/state.js';
import { Ago, Since, Until } from '../ui/time.js';
import { Timeline } from './timeline.js';

// The next action of zapkeep, and the reason why not sooner.
function Outlook({ s }) {
  const { next } = s;
  const why = next.why_not_sooner && next.why_not_sooner !== 'ready' ? whyText(next.why_not_sooner, next.detail) : '';
  const todo = nextStep(s);
  const line = {
    attempt: next.at ? <>{t('next.attempt')} <Until at={next.at} /></> : t('next.attempt_open'),
    park: <>{t('next.park')} <Until at={next.at} /></>,
    verdict: <>{t('next.verdict')} {next.at > 0 && <Until at={next.at} />}</>,
    none: s.state === 'connected' ? t('next.nothing_needed') : t('next.none'),
  }[next.action];
  return <div class="outlook">
    <p class="outlook-next">{line}</p>
    {why && s.state !== 'connected' && <p>{next.action === 'attempt' ? t('next.not_sooner', { why }) : why}{next.until > 0 && <>{' '}(<Until at={next.until} />)</>}</p>}
    {next.ahead > 0 && <p class="faint">{t('next.ahead', { n: next.ahead })}</p>}
    {next.parked && next.park_reason && <p class="faint">{t('next.park_reason', { reason: next.park_reason })} · <Ago at={next.parked_since} /></p>}
    {s.suppressed_until > 0 && <p class="faint">{t('next.suppressed')} <Until at={s.suppressed_until} /></p>}
    {todo && <p class="todo"><Icon name="next" /><span>{t(`step.${todo}`)}</span></p>}
  </div>;
}

function Actions({ s, reload }) {
  const one = { sessions: [{ bridge: s.bridge, session: s.session }] };
  const run = (action) => async () => {
    if (await act(action, one)) action === 'delete' ? (location.hash = build(['sessions'])) : reload();
  };
  const pairing = ['qr_pending', 'logged_out', 'lost', 'failed'].includes(s.state);
  return <>
    {s.state !== 'connected' && <ActionButton kind={pairing || s.parked ? '' : 'primary'} run={run('reconnect')}>{t('action.reconnect')}</ActionButton>}
    {s.parked ? <ActionButton kind={pairing ? '' : 'primary'} run={run('unpark')}>{t('action.unpark')}</ActionButton> : <ActionButton run={run('park')}>{t('action.park')}</ActionButton>}
    {s.state !== 'connected' && <a class={`button ${pairing ? 'primary' : ''}`} href={build(['pair'], { bridge: s.bridge, session: s.session })}>{t('action.pair')}</a>}
    <ActionButton kind="danger-quiet" run={run('delete')}>{t('action.delete')}</ActionButton></>;
}

function Activity({ path, s }) {
  const activity = useResource(`${path}/activity`, { every: 60000 });
  return <Panel title={t('activity.title')}><Loaded resource={activity}>{(a) => {
    const week = a.counts.length > 0 ? hours(a.counts, a.now) : [];
    const usual = a.profile.length === 168 ? week.map((c) => a.profile[hourOfWeek(c.at)]) : [];
    return <><div class="strip-week"><Strip strip={a.strip_7d} label={t('strip.week')} tall /></div>
      <div class="days" aria-hidden="true">{days(a).map((d) => <span>{d}</span>)}</div>
      <ActivityChart counts={week} usual={usual} silentSince={a.silent_since} label={t('activity.title')} />
      {s.silent && <p class="notice t-warn"><Icon name="warn" /><span>{t('activity.silent_text')} <Since at={a.silent_since} /></span></p>}
      {usual.length === 0 && <p class="faint">{t('activity.learning')}</p>}</>;
  }}</Loaded></Panel>;
}

// Monday 00:00 UTC is hour 0; the epoch was a Thursday.
const hourOfWeek = (at) => (Math.floor(at / 3600e3) + 72) % 168;

function days(a) {
  const format = new Intl.DateTimeFormat(document.documentElement.lang, { weekday: 'short', day: 'numeric' });
  return Array.from({ length: 7 }, (_, i) => format.format(new Date(a.now - (6 - i) * 86400e3)));
}

export function Session({ args: [bridge, id] }) {
  const path = sessionPath(bridge, id);
  const operator = isOperator(useStore(me));
  const session = useResource(path, { every: 15000 });
  const mine = (row) => row.bridge === bridge && row.session === id;
  useStream('session', (row) => mine(row) && (session.set((s) => ({ ...s, ...row })), session.reload()), [path]);
  useStream('removed', (ref) => mine(ref) && session.reload(), [path]);
  const s = session.data;
  return <Page title={id} sub={s ? <>{t('session.on', { bridge })}{s.name && ` · ${s.name}`}{s.phone && ` · ${s.phone}`}</> : bridge} actions={s && operator && <Actions s={s} reload={session.reload} />}>
    {session.error?.status === 404 ? <Panel><Empty title={t('session.unknown')} text={t('session.unknown.text')}><div class="buttons"><a class="button" href={build(['sessions'])}>{t('nav.sessions')}</a>{operator && <a class="button" href={build(['pair'], { bridge, session: id })}>{t('action.pair')}</a>}</div></Empty></Panel> : <Loaded resource={session}>{(s) => <>
      <div class="grid two">
        <Panel title={t('session.now')}>
          <p class="state-line"><StateTag session={s} /> <span><Since at={s.since} /></span></p>
          {s.cause && <p class="cause"><b><Cause cause={s.cause} code={s.code} /></b> {causeMeaning(s.cause, s.cause_text)}</p>}
          <dl class="facts">
            <Fact label={t('column.heard')}><Ago at={s.last_received_at} /></Fact>
            <Fact label={t('session.attempts')}>{number(s.next.attempts)}{s.next.failures > 0 ? ` (${t('session.failed', { n: s.next.failures })})` : ''}</Fact>
            <Fact label={t('session.raw')}>{s.raw_status ? <code>{s.raw_status}</code> : '–'}</Fact>
            <Fact label={t('session.first_seen')}><Ago at={s.first_seen} /></Fact>
          </dl>
        </Panel>
        <Panel title={t('next.title')}><Outlook s={s} /></Panel>
      </div>
      <Activity path={path} s={s} />
      <Timeline path={path} bridge={bridge} id={id} key={keyOf(s)} /></>}</Loaded>}
  </Page>;
}
