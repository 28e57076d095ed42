// Every link of the chain, checked live.
import { post } from '../api.js';
import { t, tOr } from '../lib/i18n.js';
import { useResource, useStream } from '../resource.js';
import { isOperator, me, useStore } from '../store.js';
import { Fragment, h } from '../ui/preact.js';
import { ActionButton, attempt } from '../ui/dialog.js';
import { Tag } from '../ui/icon.js';
import { Empty, Loaded, Page, Panel, Problem } from '../ui/page.js';
import { Ago } from '../ui/time.js';

const TONES = { ok: 'ok', note: 'busy', warn: 'warn', bad: 'bad', skip: 'off' };
const ORDER = ['bad', 'warn', 'note', 'skip', 'ok'];

// Of a database: its promises, its standbys, the roles. A folder has none of these.
function Store() {
  const store = useResource('/store', { every: 30000 }).data;
  if (!store?.database) return null;
  return <Panel title={t('store.title')} actions={<code>{store.store}</code>}><div class="scroll" tabindex="0" role="region" aria-label={t('store.title')}><table class="plain"><tbody>{store.lines.map((l) => <tr><th scope="row">{l.name}</th><td>{l.value}</td><td class="wrap">{l.problem && <Tag tone="warn">{l.problem}</Tag>}</td></tr>)}</tbody></table></div></Panel>;
}

export function Doctor() {
  const operator = isOperator(useStore(me));
  const doctor = useResource('/doctor', { every: 5000 });
  useStream('doctor', (d) => doctor.set(() => d));
  const run = () => attempt(async () => (await post('/doctor'), doctor.reload()));
  const d = doctor.data;
  const bridges = new Set(d?.findings.map((f) => f.bridge));
  const never = d && !d.running && !d.started_at;
  return <Page title={t('nav.doctor')} sub={d?.running ? t('doctor.running') : d?.ended_at ? <>{t('doctor.last')} <Ago at={d.ended_at} /></> : ''}
    actions={operator && <ActionButton kind="primary" run={run} {...d?.running ? { disabled: true } : {}}>{t('doctor.run')}</ActionButton>}>
    <Loaded resource={doctor}>{(d) => <>
      {d.error && <Problem error={{ message: d.error }} />}
      {never && <Empty title={t('doctor.never')} text={t('doctor.never.text')} />}
      {d.findings.length > 0 && <Panel><ol class="findings" aria-busy={d.running}>{[...d.findings].sort((a, b) => ORDER.indexOf(a.level) - ORDER.indexOf(b.level)).map((f) => <li class={`t-${TONES[f.level]}`}><Tag tone={TONES[f.level]}>{t(`finding.${f.level}`)}</Tag>
        <div><p><b>{tOr(`check.${f.check}`, f.check)}</b>{bridges.size > 1 && f.bridge && <>{' '}<span class="faint">{f.bridge}</span></>} {f.text}</p>{f.advice && <p class="advice">{f.advice}</p>}</div></li>)}</ol></Panel>}</>}</Loaded>
    <Store />
  </Page>;
}
