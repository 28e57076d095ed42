// The bridges: driver, capabilities, whether their webhooks come here, settings without secrets.
import { post } from '../api.js';
import { number, t, tOr } from '../lib/i18n.js';
import { build, sessionLink } from '../lib/route.js';
import { STATES } from '../lib/sessions.js';
import { useReloadOn, useResource } from '../resource.js';
import { isOperator, me, toast, useStore } from '../store.js';
import { Fragment, h } from '../ui/preact.js';
import { ActionButton, attempt } from '../ui/dialog.js';
import { Icon, Tag } from '../ui/icon.js';
import { Empty, Fact, Loaded, Page } from '../ui/page.js';
import { whyText } from '../ui/state.js';
import { Ago, Since, Until } from '../ui/time.js';

const HEALTH = { up: 'ok', down: 'bad', unknown: 'off' };
const SUBSCRIPTION = { ok: 'ok', drift: 'bad', none: 'warn', unknown: 'off' };

function Subscription({ b, operator, reload }) {
  const s = b.subscription;
  const wrong = s.state === 'drift' || s.state === 'none';
  const call = (what) => () =>
    attempt(async () => {
      const answer = await post(`/bridges/${encodeURIComponent(b.bridge)}/${what}`);
      toast(answer.ok ? t('bridge.checked', { n: answer.sessions }) : answer.detail, answer.ok ? 'ok' : 'bad');
      reload();
    });
  return <div class="subscription"><h3>{t('bridge.subscription')} <Tag tone={SUBSCRIPTION[s.state]}>{t(`subscription.${s.state}`)}</Tag></h3>
    {wrong && <dl class="facts"><Fact label={t('subscription.expected')}><code>{s.expected}</code></Fact><Fact label={t('subscription.found')}><code>{s.found || '–'}</code></Fact>
      <Fact label={t('nav.sessions')}>{number(s.drifted)}</Fact></dl>}
    {s.detail && <p class="faint">{s.session && <><a href={sessionLink(b.bridge, s.session)}>{s.session}</a>:{' '}</>}{s.detail}</p>}
    <p class="faint">{s.checked_at > 0 && <>{t('subscription.checked')} <Ago at={s.checked_at} /></>}</p>
    {operator && <div class="buttons small">{wrong && <ActionButton kind="primary" run={call('repair')}>{t('bridge.repair')}</ActionButton>}<ActionButton run={call('check')}>{t('bridge.check')}</ActionButton></div>}</div>;
}

function Bridge({ b, operator, reload }) {
  const troubles = [[b.health === 'down', 'bad', b.health_detail], [b.incident_since > 0, 'warn', b.incident_detail], [b.outdated_since > 0, 'bad', t('cause.client-outdated.meaning')], [b.no_reconnect_method, 'warn', b.no_reconnect_method]].filter(([is]) => is);
  return <article class="panel"><header><h2>{b.bridge}</h2><div class="actions"><Tag tone={HEALTH[b.health]}>{t(`bridge.health.${b.health}`)}</Tag><span class="faint"><Since at={b.health_since} /></span></div></header>
    {troubles.map(([, tone, text]) => <p class={`notice t-${tone}`}><Icon name={tone} /><span>{text}</span></p>)}
    <dl class="facts">
      <Fact label={t('bridge.driver')}>{b.driver || '–'}</Fact>
      {b.version && <Fact label={t('bridge.version')}>{b.version}</Fact>}
      <Fact label={t('bridge.swept')}><Ago at={b.swept_at} />{!b.fresh && <>{' '}<Tag tone="warn">{t('bridge.stale')}</Tag></>}</Fact>
      <Fact label={t('bridge.attempts')}>{b.attempts === 'ready' || !b.attempts ? t('bridge.ready') : whyText(b.attempts, b.attempts)}</Fact>
      <Fact label={t('delivery.breaker')}><Tag tone={b.breaker === 'closed' ? 'ok' : 'bad'}>{t(`breaker.${b.breaker}`)}</Tag>{b.breaker_until > 0 && <>{' '}<Until at={b.breaker_until} /></>}</Fact>
      <Fact label={t('bridge.bucket')}>{t('bridge.bucket.of', { tokens: number(b.bucket_tokens), burst: number(b.bucket_burst), rate: number(b.bucket_rate_milli / 1000) })}</Fact>
      <Fact label={t('bridge.queue')}>{number(b.due)} / {number(b.in_flight)}</Fact>
    </dl>
    <p class="legend-links">{STATES.filter((s) => b.sessions[s] > 0).map((s) => <a href={build(['sessions'], { bridge: b.bridge, state: s })}><span class={`key s-${s}`}></span>{t(`state.${s}`)}<b>{number(b.sessions[s])}</b></a>)}</p>
    <Subscription b={b} operator={operator} reload={reload} />
    {b.capabilities.length > 0 && <details><summary>{t('bridge.capabilities')}</summary><table class="plain"><tbody>{b.capabilities.map((c) => <tr><th scope="row">{tOr(`capability.${c.key}`, c.key)}</th><td>{tOr(`capability.${c.value}`, c.value)}</td></tr>)}</tbody></table></details>}
    {b.settings.length > 0 && <details><summary>{t('bridge.settings')}</summary><div class="scroll" tabindex="0" role="region" aria-label={t('bridge.settings')}><table class="plain mono"><tbody>{b.settings.map((s) => <tr class={s.is_default ? 'faint' : ''}><th scope="row">{s.name}</th><td>{s.value || '–'}</td></tr>)}</tbody></table></div></details>}
  </article>;
}

export function Bridges() {
  const operator = isOperator(useStore(me));
  const bridges = useResource('/bridges', { every: 10000 });
  useReloadOn(['overview'], bridges.reload, 2000);
  return <Page title={t('nav.bridges')}><Loaded resource={bridges}>{(d) => (d.bridges.length === 0 ? <Empty title={t('bridges.none')} text={t('bridges.none.text')}><a class="button" href={build(['doctor'])}>{t('nav.doctor')}</a></Empty> : <div class="stack">{d.bridges.map((b) => <Bridge key={b.bridge} b={b} operator={operator} reload={bridges.reload} />)}</div>)}</Loaded></Page>;
}
