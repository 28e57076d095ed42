// One event: its body as a tree, as a file, as a command line.
import { useResource } from '../resource.js';
import { curl } from '../lib/curl.js';
import { number, t } from '../lib/i18n.js';
import { sessionLink } from '../lib/route.js';
import { flatten } from '../lib/tree.js';
import { toast } from '../store.js';
import { Fragment, h, useState } from '../ui/preact.js';
import { Fact, Loaded } from '../ui/page.js';
import { Ago, Clock } from '../ui/time.js';

// Deeper branches begin closed: the first two levels have the fields that people look for.
const OPEN_DEPTH = 2;
const STRING_SHOWN = 400;

const typeOf = (v) => (v === null ? 'null' : typeof v);
const leaf = (v) => (typeof v === 'string' ? JSON.stringify(v.length > STRING_SHOWN ? `${v.slice(0, STRING_SHOWN)}…` : v) : String(v));

export function JsonTree({ value }) {
  const [flipped, setFlipped] = useState(new Set());
  const isOpen = (path, depth) => depth < OPEN_DEPTH !== flipped.has(path);
  const flip = (path) => {
    const next = new Set(flipped);
    if (!next.delete(path)) next.add(path);
    setFlipped(next);
  };
  const indent = (depth) => <span class="indent" style={{ width: `${depth * 16}px` }}></span>;
  return <div class="json">{flatten(value, isOpen).map((r) => <div key={r.path}>{indent(r.depth)}
    {r.branch ? <button class="twist" aria-expanded={r.open} onClick={() => flip(r.path)}>{r.open ? '▾' : '▸'} {r.key !== null && <span class="j-key">{r.key}</span>} <span class="faint">{r.branch === '[' ? `[${r.size}]` : `{${r.size}}`}</span></button> : <span class="j-leaf">{r.key !== null && <><span class="j-key">{r.key}</span>:{' '}</>}<span class={`j-${typeOf(r.value)}`}>{leaf(r.value)}</span></span>}</div>)}</div>;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast(t('done.copied'));
  } catch {
    toast(t('done.not_copied'), 'bad'); // without https, on an address that is not loopback
  }
}

function save(name, text) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

export function EventBody({ seq }) {
  const event = useResource(`/events/${encodeURIComponent(seq)}`);
  return <div class="event-body"><Loaded resource={event}>{(e) => {
    const body = typeof e.body === 'string' ? e.body : JSON.stringify(e.body);
    const command = curl('http://127.0.0.1:9000/api/v1/messages/webhook', body, { 'webhook-id': e.id });
    return <><dl class="facts">
        <Fact label={t('column.session')}>{e.session ? <a href={sessionLink(e.bridge, e.session)}>{e.session}</a> : '–'} <span class="faint">{e.bridge}</span></Fact>
        <Fact label={t('event.stored')}><Clock at={e.at} /> <span class="faint"><Ago at={e.at} /></span></Fact>
        <Fact label={t('event.occurred')}><Clock at={e.occurred_at} /></Fact>
        <Fact label="webhook-id"><code>{e.id}</code></Fact>
        {e.message_id && <Fact label={t('event.message')}><code>{e.message_id}</code></Fact>}
        <Fact label={t('event.size')}>{number(e.size)} B</Fact>
      </dl>
      <JsonTree value={e.body} />
      <div class="buttons"><button onClick={() => copy(command)}>{t('event.copy_curl')}</button><button onClick={() => copy(body)}>{t('event.copy_json')}</button><button onClick={() => save(`event-${e.seq}.json`, JSON.stringify(e, null, 2))}>{t('event.download')}</button></div></>;
  }}</Loaded></div>;
}
