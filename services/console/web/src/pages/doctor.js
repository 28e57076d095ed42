// Every link of the chain, checked live.
import { post } from '../api.js';
import { t, tOr } from '../lib/i18n.js';
import { useResource, useStream } from '../resource.js';
import { isOperator, me, useStore } from '../store.js';
import { html } from '../ui/html.js';
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
  return html`<${Panel} title=${t('store.title')} actions=${html`<code>${store.store}</code>`}><div class="scroll" tabindex="0" role="region" aria-label=${t('store.title')}><table class="plain"><tbody>${store.lines.map((l) => html`<tr><th scope="row">${l.name}</th><td>${l.value}</td><td class="wrap">${l.problem && html`<${Tag} tone="warn">${l.problem}<//>`}</td></tr>`)}</tbody></table></div><//>`;
}

export function Doctor() {
  const operator = isOperator(useStore(me));
  const doctor = useResource('/doctor', { every: 5000 });
  useStream('doctor', (d) => doctor.set(() => d));
  const run = () => attempt(async () => (await post('/doctor'), doctor.reload()));
  const d = doctor.data;
  const bridges = new Set(d?.findings.map((f) => f.bridge));
  const never = d && !d.running && !d.started_at;
  return html`<${Page} title=${t('nav.doctor')} sub=${d?.running ? t('doctor.running') : d?.ended_at ? html`${t('doctor.last')} <${Ago} at=${d.ended_at} />` : ''}
    actions=${operator && html`<${ActionButton} kind="primary" run=${run} ...${d?.running ? { disabled: true } : {}}>${t('doctor.run')}<//>`}>
    <${Loaded} resource=${doctor}>${(d) => html`
      ${d.error && html`<${Problem} error=${{ message: d.error }} />`}
      ${never && html`<${Empty} title=${t('doctor.never')} text=${t('doctor.never.text')} />`}
      ${d.findings.length > 0 && html`<${Panel}><ol class="findings" aria-busy=${d.running}>${[...d.findings].sort((a, b) => ORDER.indexOf(a.level) - ORDER.indexOf(b.level)).map((f) => html`<li class="t-${TONES[f.level]}"><${Tag} tone=${TONES[f.level]}>${t(`finding.${f.level}`)}<//>
        <div><p><b>${tOr(`check.${f.check}`, f.check)}</b>${bridges.size > 1 && f.bridge && html` <span class="faint">${f.bridge}</span>`} ${f.text}</p>${f.advice && html`<p class="advice">${f.advice}</p>`}</div></li>`)}</ol><//>`}`}<//>
    <${Store} />
  <//>`;
}
