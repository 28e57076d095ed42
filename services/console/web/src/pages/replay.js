// Events of the log once more: counted first, sent when the number is confirmed.
import { get, post } from '../api.js';
import { number, t } from '../lib/i18n.js';
import { parseSpan } from '../lib/time.js';
import { useResource } from '../resource.js';
import { serverNow } from '../store.js';
import { Fragment, h, useEffect, useState } from '../ui/preact.js';
import { attempt } from '../ui/dialog.js';
import { Tag } from '../ui/icon.js';
import { Panel, Select } from '../ui/page.js';
import { Range } from '../ui/range.js';

const TONES = { counted: 'off', running: 'busy', done: 'ok', failed: 'bad' };

export function Replay() {
  const bridges = useResource('/bridges').data?.bridges ?? [];
  const [form, setForm] = useState({ since: '1h', until: '', bridge: '', sessions: '', type: '', to_url: '' });
  const [wish, setWish] = useState(null);
  const [run, setRun] = useState(null);
  const set = (part) => (setForm({ ...form, ...part }), setRun(null));
  const field = (name) => ({ value: form[name], onInput: (e) => set({ [name]: e.target.value }) });

  useEffect(() => {
    if (run?.step !== 'running') return undefined;
    const timer = setInterval(() => get(`/delivery/replay/${encodeURIComponent(run.id)}`).then(setRun, () => {}), 1000);
    return () => clearInterval(timer);
  }, [run?.id, run?.step]);

  const count = async (e) => {
    e.preventDefault();
    const span = parseSpan(form.since);
    const body = { since: Math.round(span ? serverNow() - span : Number(form.since)), until: Number(form.until) || Math.round(serverNow()) };
    const sessions = form.sessions.split(/[\s,]+/).filter(Boolean);
    if (sessions.length > 0) body.sessions = sessions;
    for (const name of ['bridge', 'type', 'to_url']) if (form[name].trim()) body[name] = form[name].trim();
    setWish(body);
    setRun(await attempt(() => post('/delivery/replay', { ...body, dry_run: true })));
  };
  const send = async () => setRun((await attempt(() => post('/delivery/replay', { ...wish, expect: run.matched }))) ?? run);

  return <Panel title={t('replay.title')}><p class="faint">{t('replay.text')}</p>
    <form class="form row" onSubmit={count}>
      <Range since={form.since} until={form.until} label={t('replay.since')} onChange={set} />
      {bridges.length > 1 && <Select value={form.bridge} onChange={(bridge) => set({ bridge })} label={t('column.bridge')} options={[['', t('sessions.any_bridge')], ...bridges.map((b) => [b.bridge, b.bridge])]} />}
      <label class="field grow"><span>{t('replay.sessions')}</span><input {...field('sessions')} placeholder="ID, BRIDGE/ID" autocomplete="off" spellcheck={false} /></label>
      <label class="field"><span>{t('column.type')}</span><input {...field('type')} placeholder="message." autocomplete="off" /></label>
      <label class="field grow"><span>{t('replay.url')}</span><input type="url" {...field('to_url')} placeholder="BACKEND_URL" autocomplete="off" /></label>
      <button>{t('replay.count')}</button>
    </form>
    {run && <div class="replay" role="status"><Tag tone={TONES[run.step]}>{t(`replay.${run.step}`)}</Tag>
      <b>{t('delivery.events', { n: run.matched })}</b>{run.matched > 0 && <span class="faint">{number(run.first_seq)} – {number(run.last_seq)}</span>}
      {run.step !== 'counted' && <><span>{t('replay.sent', { sent: number(run.sent), failed: number(run.failed) })}</span><progress max={run.matched} value={run.sent + run.failed} aria-label={t('replay.title')}></progress></>}
      {run.step === 'counted' && run.matched > 0 && <button class="primary" onClick={send}>{t('replay.send', { n: run.matched })}</button>}
      {run.detail && <p class="faint">{run.detail}</p>}</div>}</Panel>;
}
