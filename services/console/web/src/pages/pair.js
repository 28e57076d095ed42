// Pairing: creates a session or links one again. The code refreshes by itself and says when it has expired; the page says when
// the phone has been linked.
import { get, post, remove } from '../api.js';
import { t, tOr } from '../lib/i18n.js';
import { build, sessionLink } from '../lib/route.js';
import { on } from '../stream.js';
import { useResource } from '../resource.js';
import { Fragment, h, useEffect, useRef, useState } from '../ui/preact.js';
import { Icon, Tag } from '../ui/icon.js';
import { Empty, Loaded, Page, Panel } from '../ui/page.js';
import { Until } from '../ui/time.js';

// A QR code as one path; @modules has side × side characters, 1 is dark. Four modules of quiet zone, as scanners want it.
export function qrPath(side, modules) {
  let d = '';
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      if (modules[y * side + x] !== '1') continue;
      let end = x + 1;
      while (end < side && modules[y * side + end] === '1') end++;
      d += `M${x + 4} ${y + 4}h${end - x}v1h-${end - x}z`;
      x = end - 1;
    }
  }
  return d;
}

function Code({ p }) {
  const expired = p.step === 'expired';
  if (p.pairing_code)
    return <div class={`code ${expired ? 'expired' : ''}`}><output class="pairing-code">{p.pairing_code}</output></div>;
  if (!p.qr) return <div class="code waiting" role="status">{t('pair.waiting')}</div>;
  const n = p.qr.side + 8;
  return <div class={`code ${expired ? 'expired' : ''}`}><svg class="qr" viewBox={`0 0 ${n} ${n}`} role="img" aria-label={t('pair.qr')} shape-rendering="crispEdges">
    <rect width={n} height={n} class="qr-light" /><path d={qrPath(p.qr.side, p.qr.modules)} class="qr-dark" /></svg>
    {expired && <p class="code-over">{t('pair.expired')}</p>}</div>;
}

const STEPS = { starting: 'busy', code: 'busy', expired: 'warn', paired: 'ok', failed: 'bad', cancelled: 'off' };

// Watches a pairing until it ends. A message of the stream without a code leaves the code as it is.
function usePairing(id, first) {
  const [p, setP] = useState(first);
  useEffect(() => {
    const take = (next) => next.id === id && setP((old) => {
        const kept = next.step === 'code' || next.step === 'expired' ? old : null;
        return { ...next, qr: next.qr ?? kept?.qr ?? null, pairing_code: next.pairing_code || kept?.pairing_code || '' };
      });
    const read = () => get(`/pairings/${encodeURIComponent(id)}`).then(take, () => {});
    const stops = [on('pairing', take), on('resync', read)];
    const timer = setInterval(read, 3000); // a code lives 20 s: the page must not depend on the stream alone
    return () => {
      stops.forEach((stop) => stop());
      clearInterval(timer);
    };
  }, [id]);
  return p;
}

const ENDED = ['paired', 'failed', 'cancelled'];

function Watch({ first, again }) {
  const p = usePairing(first.id, first);
  const running = useRef(true);
  running.current = !ENDED.includes(p.step);
  useEffect(() => () => void (running.current && remove(`/pairings/${encodeURIComponent(first.id)}`).catch(() => {})), []);
  if (p.step === 'paired')
    return <div class="paired t-ok" role="status"><Icon name="ok" /><h2>{t('pair.paired', { session: p.session })}</h2>
      <p>{[p.name, p.phone].filter(Boolean).join(' · ')}</p>
      <div class="buttons"><a class="button primary" href={sessionLink(p.bridge, p.session)}>{t('pair.open')}</a><button onClick={() => again(null)}>{t('pair.another')}</button></div></div>;
  if (p.step === 'failed')
    return <div class="notice t-bad" role="alert"><Icon name="bad" /><div><strong>{t('pair.failed')}</strong><p>{p.error}</p>
      <div class="buttons">{p.needs_recreate && <button class="danger" onClick={() => again({ recreate: true })}>{t('pair.recreate')}</button>}<button onClick={() => again({})}>{t('action.try_again')}</button></div></div></div>;
  return <div class="pairing">
    <Code p={p} />
    <div><p role="status"><Tag tone={STEPS[p.step]}>{t(`pair.step.${p.step}`)}</Tag>{p.step === 'code' && p.expires_at > 0 && <>{' '}<span class="faint">{t('pair.new_code')} <Until at={p.expires_at} /></span></>}</p>
      <ol class="how">{(p.pairing_code ? ['phone', 'devices', 'number', 'type'] : ['phone', 'devices', 'scan']).map((s) => <li>{t(`pair.how.${s}`)}</li>)}</ol>
      <p class="faint">{t('pair.ends')}</p>
      <button onClick={() => again(null)}>{t('action.cancel')}</button></div>
  </div>;
}

function Form({ bridges, query, start, error, busy }) {
  const [bridge, setBridge] = useState(query.bridge ?? (bridges.find((b) => b.health === 'up') ?? bridges[0])?.bridge ?? '');
  const [session, setSession] = useState(query.session ?? '');
  const [byCode, setByCode] = useState(false);
  const [phone, setPhone] = useState('');
  const can = (key) => bridges.find((b) => b.bridge === bridge)?.capabilities.some((c) => c.key === key && c.value === 'yes');
  const codes = can('pairing_code');
  const numbered = codes && (byCode || !can('qr'));
  const submit = (e) => {
    e.preventDefault();
    start({ bridge, session: session.trim(), ...(numbered ? { phone: phone.replace(/\D/g, '') } : {}) });
  };
  return <form class="form" onSubmit={submit}>
    {bridges.length > 1 && <label class="field"><span>{t('column.bridge')}</span><select value={bridge} onChange={(e) => setBridge(e.target.value)}>{bridges.map((b) => <option value={b.bridge} selected={b.bridge === bridge}>{b.bridge}</option>)}</select></label>}
    <label class="field"><span>{t('pair.session')}</span><input required maxlength="128" autocomplete="off" autocapitalize="off" spellcheck={false} autofocus value={session} onInput={(e) => setSession(e.target.value)} /><small>{t('pair.session.hint')}</small></label>
    {codes && can('qr') && <label class="check"><input type="checkbox" checked={byCode} onChange={(e) => setByCode(e.target.checked)} />{t('pair.by_code')}</label>}
    {numbered && <label class="field"><span>{t('pair.phone')}</span><input required inputmode="tel" pattern="[+0-9 ()\-]{6,24}" autocomplete="off" value={phone} onInput={(e) => setPhone(e.target.value)} /><small>{t('pair.phone.hint')}</small></label>}
    {error && <p class="notice t-bad" role="alert"><Icon name="bad" />{error}</p>}
    <div class="buttons"><button class="primary" disabled={busy || !bridge}>{t('pair.start')}</button></div>
  </form>;
}

export function Pair({ query }) {
  const bridges = useResource('/bridges');
  const [pairing, setPairing] = useState(null);
  const [wish, setWish] = useState(null);
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const start = async (body) => {
    setBusy(true);
    setError('');
    setWish(body);
    try {
      setPairing(await post('/pairings', body));
    } catch (e) {
      setError(e.message);
      setPairing(null);
    }
    setBusy(false);
  };
  // A link from a session starts at once: the person has said already which one.
  useEffect(() => {
    if (query.bridge && query.session) start({ bridge: query.bridge, session: query.session });
  }, []);
  const again = (more) => {
    setPairing(null);
    if (more) start({ ...wish, ...more });
  };
  const name = pairing?.session ?? '';
  return <Page title={name ? t('pair.title_of', { session: name }) : t('pair.title')} sub={name ? t('session.on', { bridge: pairing.bridge }) : t('pair.sub')}>
    <Panel>{pairing ? <Watch first={pairing} again={again} key={pairing.id} /> : <Loaded resource={bridges}>{(d) => (d.bridges.length === 0 ? <Empty title={t('bridges.none')} text={t('bridges.none.text')}><a class="button" href={build(['doctor'])}>{t('nav.doctor')}</a></Empty> : <Form bridges={d.bridges} query={wish ?? query} start={start} error={error} busy={busy} />)}</Loaded>}</Panel>
  </Page>;
}
