// The list of all changes, with their author and time; and the tokens of scripts.
import { get, post, remove, withQuery } from '../api.js';
import { t, tOr } from '../lib/i18n.js';
import { useReloadOn, useResource } from '../resource.js';
import { isOperator, me, useStore } from '../store.js';
import { Fragment, h, useState } from '../ui/preact.js';
import { ActionButton, Dialog, ask, attempt } from '../ui/dialog.js';
import { Tag } from '../ui/icon.js';
import { Empty, Loaded, Page, Panel } from '../ui/page.js';
import { SessionName } from '../ui/state.js';
import { Ago, Clock } from '../ui/time.js';

function Rows() {
  const first = useResource(withQuery('/audit', { limit: 100 }));
  const [older, setOlder] = useState({ rows: [], next: undefined });
  useReloadOn(['audit'], first.reload, 500);
  const next = older.next ?? first.data?.next_before ?? 0;
  const more = () =>
    attempt(async () => {
      const page = await get(withQuery('/audit', { limit: 100, before: next }));
      setOlder((o) => ({ rows: [...o.rows, ...page.rows], next: page.next_before }));
    });
  return <Loaded resource={first}>{(d) => (d.rows.length === 0 ? <Empty title={t('audit.none')} text={t('audit.none.text')} /> : <><div class="scroll" tabindex="0" role="region" aria-label={t('audit.title')}><table class="table cards"><thead><tr>{['time', 'actor', 'action', 'session', 'detail'].map((c) => <th scope="col">{t(`column.${c}`)}</th>)}</tr></thead>
    <tbody>{[...d.rows, ...older.rows].map((r) => <tr key={r.n}><td><Clock at={r.at} /></td><td>{r.actor}{r.address && <>{' '}<span class="faint">{r.address}</span></>}</td><td>{tOr(`audit.${r.action}`, r.action)} {!r.ok && <Tag tone="bad">{t('audit.refused')}</Tag>}</td><td>{r.session ? <SessionName bridge={r.bridge} session={r.session} /> : (r.bridge || '–')}</td><td class="wrap">{r.detail}</td></tr>)}</tbody></table></div>{next > 0 && <ActionButton run={more}>{t('action.older')}</ActionButton>}</>)}</Loaded>;
}

function NewToken({ onDone }) {
  const [name, setName] = useState('');
  const [role, setRole] = useState('viewer');
  const [made, setMade] = useState(null);
  const make = async (e) => {
    e.preventDefault();
    setMade(await attempt(() => post('/tokens', { name: name.trim(), role })));
  };
  return <Dialog title={t('tokens.new')} onClose={onDone}>{made ? <><p>{t('tokens.once')}</p><pre tabindex="0" class="token">{made.token}</pre><p class="faint">Authorization: Bearer …</p><div class="buttons"><button class="primary" autofocus onClick={onDone}>{t('tokens.kept')}</button></div></> : <form onSubmit={make}>
    <label class="field"><span>{t('tokens.name')}</span><input required autofocus maxlength="64" autocomplete="off" value={name} onInput={(e) => setName(e.target.value)} /></label>
    <label class="field"><span>{t('tokens.role')}</span><select value={role} onChange={(e) => setRole(e.target.value)}>{['viewer', 'operator'].map((r) => <option value={r} selected={r === role}>{t(`role.${r}`)}</option>)}</select></label>
    <div class="buttons"><button type="button" onClick={onDone}>{t('action.cancel')}</button><button class="primary">{t('tokens.make')}</button></div></form>}</Dialog>;
}

function Tokens() {
  const tokens = useResource('/tokens');
  const [making, setMaking] = useState(false);
  useReloadOn(['audit'], tokens.reload);
  const revoke = (token) => async () => {
    if (!(await ask({ title: t('confirm.revoke', { name: token.name }), text: t('confirm.revoke.text'), button: t('action.revoke'), danger: true }))) return;
    await attempt(() => remove(`/tokens/${token.id}`), t('done.revoked'));
    tokens.reload();
  };
  return <Panel title={t('tokens.title')} actions={<button onClick={() => setMaking(true)}>{t('tokens.new')}</button>}>
    <Loaded resource={tokens}>{(d) => (d.tokens.length === 0 ? <Empty title={t('tokens.none')} text={t('tokens.none.text')} /> : <table class="plain"><tbody>{d.tokens.map((k) => <tr key={k.id}><th scope="row">{k.name}</th><td>{t(`role.${k.role}`)}</td><td class="faint">{k.actor} <Ago at={k.created_at} /></td><td class="faint">{t('tokens.used')} <Ago at={k.used_at} none={t('tokens.never')} /></td><td class="right"><ActionButton kind="danger-quiet small" run={revoke(k)}>{t('action.revoke')}</ActionButton></td></tr>)}</tbody></table>)}</Loaded>
    {making && <NewToken onDone={() => (setMaking(false), tokens.reload())} />}</Panel>;
}

export function Audit() {
  const operator = isOperator(useStore(me));
  return <Page title={t('nav.audit')}>{operator && <Tokens />}<Panel title={t('audit.title')}><Rows /></Panel></Page>;
}
